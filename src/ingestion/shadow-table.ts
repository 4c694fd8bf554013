import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Dataset } from '../catalog/index.js';
import { HeadgateError } from '../kernel/index.js';
import { identifier, raw, sql, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { tableOf } from './duplicates.js';
import { rows, run } from './work-tables.js';

/** How long one try may hold up readers that come after it, and for how long we try. */
const LOCK_TIMEOUT_MS = 200;
const TRIES = 100;

/**
 * Builds a table like the dataset's beside it, has it filled, adds the indexes, and puts it in its place. Readers see
 * the old rows until the commit. The lock that the exchange needs is asked for in short tries, since those who read
 * later would wait behind us.
 * @throws HeadgateError UNAVAILABLE when the lock can't be had.
 */
export async function replaceTable<T>(tx: Transaction, dataset: Dataset, fill: (shadow: Sql) => Promise<T>): Promise<T> {
  const table = tableOf(dataset);
  const shadow = identifier('work', dataset.name);
  await run(tx, sql`DROP TABLE IF EXISTS ${shadow}`);
  await run(tx, sql`CREATE TABLE ${shadow} (LIKE ${table} INCLUDING ALL EXCLUDING INDEXES)`);
  const result = await fill(shadow);
  for (const statement of await copiesOf(tx, dataset, shadow)) await run(tx, statement);
  await run(tx, sql`ANALYZE ${shadow}`);
  await lock(tx, dataset);
  await run(tx, sql`DROP TABLE ${table}`);
  await run(tx, sql`ALTER TABLE ${shadow} SET SCHEMA data`);
  return result;
}

/** The statements that give `shadow` the dataset's indexes, with their names, its owner and rights. */
async function copiesOf(tx: Transaction, dataset: Dataset, shadow: Sql): Promise<readonly Sql[]> {
  const found = await rows<{ statement: string }>(
    tx,
    sql`WITH of AS (SELECT c.oid, c.relacl, c.relowner FROM pg_class c WHERE c.oid = (SELECT format('data.%I', ${nameOf(dataset)})::regclass))
      SELECT format(' ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(k.oid)) AS statement FROM pg_constraint k, of WHERE conrelid = of.oid AND contype IN ('p', 'u', 'x')`,
  );
  const indexes = await rows<{ unique: boolean; name: string; rest: string }>(
    tx,
    sql`SELECT i.indisunique AS unique, c.relname AS name, substring(pg_get_indexdef(c.oid) FROM ' USING .*$') AS rest
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      WHERE i.indrelid = format('data.%I', ${nameOf(dataset)})::regclass AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid)`,
  );
  const rights = await rows<{ grantee: string | null; privilege: string }>(
    tx,
    sql`SELECT r.rolname AS grantee, a.privilege_type AS privilege
      FROM pg_class c, aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
      WHERE c.oid = format('data.%I', ${nameOf(dataset)})::regclass AND a.grantee <> c.relowner`,
  );
  return [
    ...found.map(({ statement }) => sql`ALTER TABLE ${shadow}${raw(statement)}`),
    // pg_get_indexdef quotes what it says; only the table's place is exchanged.
    ...indexes.map(({ unique, name, rest }) => sql`CREATE ${raw(unique ? 'UNIQUE ' : '')}INDEX ${identifier(name)} ON ${shadow}${raw(rest)}`),
    ...rights.map(({ grantee, privilege }) => sql`GRANT ${raw(privilege)} ON ${shadow} TO ${grantee === null ? raw('PUBLIC') : identifier(grantee)}`),
  ];
}

async function lock(tx: Transaction, dataset: Dataset): Promise<void> {
  await tx.query('SAVEPOINT exchange');
  const { lock_timeout: before } = (await tx.query<{ lock_timeout: string }>('SHOW lock_timeout'))[0] ?? { lock_timeout: '0' };
  for (let attempt = 1; ; attempt += 1) {
    try {
      await tx.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
      await run(tx, sql`LOCK TABLE ${tableOf(dataset)} IN ACCESS EXCLUSIVE MODE`);
      await tx.query(`SELECT set_config('lock_timeout', $1, true)`, [before]);
      return;
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || error.code !== '55P03') throw error;
      await tx.query('ROLLBACK TO SAVEPOINT exchange');
      if (attempt === TRIES) {
        throw new HeadgateError('UNAVAILABLE', `The rows of "${dataset.name}" can't be exchanged: for ${TRIES} tries readers held its table. Nothing was changed; load again when long reads have ended.`, {
          dataset: dataset.name,
        });
      }
      await delay(100 + Math.random() * 100);
    }
  }
}

function nameOf(dataset: Dataset): Sql {
  return sql`${raw(`'${dataset.name.replaceAll("'", "''")}'`)}::text`;
}
