import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Dataset } from '../catalog/index.js';
import { HeadgateError } from '../kernel/index.js';
import { identifier, join, literal, raw, sql, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { tableOf } from './duplicates.js';
import { rows, run } from './work-tables.js';

/** How long one try may hold up readers that come after it, and for how long we try. */
const LOCK_TIMEOUT_MS = 200;
/** How long one try waits for who maintains the table; after deadlock_timeout, a second, PostgreSQL ends an autovacuum that is waited for. */
const MAINTENANCE_TIMEOUT_MS = 3_000;
const TRIES = 100;
/** Each one has 300 rows looked at. */
const FIRST_STATISTICS = 20;

/** The table that is built beside the dataset's. */
export function shadowOf(dataset: Dataset): Sql {
  return identifier('work', dataset.name);
}

/**
 * Builds a table like the dataset's beside it, has it filled, adds the indexes, and puts it in its place. Readers see
 * the old rows until the commit.
 * @throws HeadgateError UNAVAILABLE when the lock can't be had.
 */
export async function replaceTable<T>(tx: Transaction, dataset: Dataset, fill: (shadow: Sql) => Promise<T>): Promise<T> {
  await createShadow(tx, dataset);
  const result = await fill(shadowOf(dataset));
  await addKey(tx, dataset);
  await exchange(tx, dataset);
  return result;
}

/** A table with the dataset's columns and defaults, without its indexes. */
export async function createShadow(tx: Transaction, dataset: Dataset): Promise<void> {
  await run(tx, sql`DROP TABLE IF EXISTS ${shadowOf(dataset)}`);
  await run(tx, sql`CREATE TABLE ${shadowOf(dataset)} (LIKE ${tableOf(dataset)} INCLUDING ALL EXCLUDING INDEXES)`);
}

/** Gives the shadow the key and other constraints of the dataset's table. */
async function addKey(tx: Transaction, dataset: Dataset): Promise<void> {
  const keys = await keysOf(tx, dataset);
  if (keys.length > 0) await run(tx, sql`ALTER TABLE ${shadowOf(dataset)} ${join(keys)}`);
}

/**
 * Gives the shadow, which has its key, the other indexes and the rights, and puts it in the table's place. The lock for
 * that is asked for in short tries, since those who read later would wait behind us.
 */
export async function exchange(tx: Transaction, dataset: Dataset): Promise<void> {
  const shadow = shadowOf(dataset);
  for (const statement of await copiesOf(tx, dataset)) await run(tx, statement);
  // What the planner must know at once. PostgreSQL looks closer by itself, as at each table with many new rows.
  await tx.query(`SET LOCAL default_statistics_target = ${FIRST_STATISTICS}`);
  await run(tx, sql`ANALYZE ${shadow}`);
  await tx.query('SET LOCAL default_statistics_target TO DEFAULT');
  await lock(tx, dataset);
  await run(tx, sql`DROP TABLE ${tableOf(dataset)}`);
  await run(tx, sql`ALTER TABLE ${shadow} SET SCHEMA data`);
}

/** The key and other constraints of the dataset's table, as parts of an ALTER TABLE. */
export async function keysOf(tx: Transaction, dataset: Dataset): Promise<readonly Sql[]> {
  const found = await rows<{ name: string; definition: string }>(
    tx,
    sql`SELECT conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
      WHERE conrelid = format('data.%I', ${nameOf(dataset)})::regclass AND contype IN ('p', 'u', 'x')`,
  );
  return found.map(({ name, definition }) => sql`ADD CONSTRAINT ${identifier(name)} ${raw(definition)}`);
}

/** The statements that give the shadow the dataset's indexes, with their names, and rights. */
async function copiesOf(tx: Transaction, dataset: Dataset): Promise<readonly Sql[]> {
  const shadow = shadowOf(dataset);
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
      // This lock lets readers through, so an autovacuum can be waited for that would outlast all short tries.
      await tx.query(`SET LOCAL lock_timeout = ${MAINTENANCE_TIMEOUT_MS}`);
      await run(tx, sql`LOCK TABLE ${tableOf(dataset)} IN SHARE UPDATE EXCLUSIVE MODE`);
      await tx.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
      await run(tx, sql`LOCK TABLE ${tableOf(dataset)} IN ACCESS EXCLUSIVE MODE`);
      await tx.query(`SELECT set_config('lock_timeout', $1, true)`, [before]);
      return;
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || error.code !== '55P03') throw error;
      await tx.query('ROLLBACK TO SAVEPOINT exchange');
      if (attempt === TRIES) {
        throw new HeadgateError(
          'UNAVAILABLE',
          `The rows of "${dataset.name}" can't be exchanged: for ${TRIES} tries others held its table. Nothing was changed; load again when long reads, or a VACUUM, have ended.`,
          {
            dataset: dataset.name,
          },
        );
      }
      await delay(100 + Math.random() * 100);
    }
  }
}

function nameOf(dataset: Dataset): Sql {
  return sql`${literal(dataset.name)}::text`;
}
