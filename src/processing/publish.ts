import { completeTable, createTable, indexesOf, keyName, LOAD_ID, refuseHeld, type Catalog, type Dataset } from '../catalog/index.js';
import { HeadgateError } from '../kernel/index.js';
import { identifier, join, param, raw, render, sql, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';

export type PublishMode = 'append' | 'replace' | 'merge';

/** How many rows came in, went into the dataset (inserted or updated), and were there already as they are. */
export interface Published {
  readonly rows: number;
  readonly loaded: number;
  readonly unchanged: number;
  readonly dataVersion: string;
}

/** From this many rows on, a new table with indexes built at the end is quicker, and leaves no dead rows behind. */
const SWAP_FROM = 20_000;
/** How long one try to get the table for ourselves may hold up readers that come after it, and for how often we try. */
const LOCK_TIMEOUT = '200ms';
const LOCK_TRIES = 50;

/**
 * Puts the rows of a work table into the dataset, within `tx`; readers see the old rows until it commits. One at a time changes a dataset.
 * @throws HeadgateError CONFLICT when the contract changed since the pipeline was compiled; UNAVAILABLE when readers never let go of the table;
 *   pg.DatabaseError of class 21 or 23 for rows that break the key.
 */
export async function publishRows(tx: Transaction, from: string, dataset: Dataset, mode: PublishMode, catalog: Catalog): Promise<Published> {
  const head = await hold(tx, dataset);
  if (mode === 'replace') await refuseHeld(tx, dataset.name, 'replaced');
  const source = identifier('work', from);
  const load = param(head.dataVersion + 1, 'bigint');
  const rows = await count(tx, source);
  let loaded = rows;
  let added = rows;
  if (mode === 'merge') ({ loaded, added } = await merge(tx, dataset, source, load));
  else if (mode === 'append') await execute(tx, insertInto(dataset, identifier('data', dataset.name), source, load));
  else await replace(tx, dataset, source, load, Math.max(rows, head.rowCount), catalog);

  const [after] = await tx.query<{ dataVersion: string }>(
    `UPDATE headgate.dataset SET data_version = data_version + 1, row_count = $2, loaded_at = now() WHERE id = $1 RETURNING data_version::text AS "dataVersion"`,
    [dataset.id, mode === 'replace' ? rows : head.rowCount + added],
  );
  return { rows, loaded, unchanged: rows - loaded, dataVersion: after?.dataVersion ?? '0' };
}

async function hold(tx: Transaction, dataset: Dataset): Promise<{ dataVersion: number; rowCount: number }> {
  const [head] = await tx.query<{ contractVersion: number; dataVersion: number; rowCount: number }>(
    'SELECT contract_version AS "contractVersion", data_version::float8 AS "dataVersion", row_count::float8 AS "rowCount" FROM headgate.dataset WHERE id = $1 FOR UPDATE',
    [dataset.id],
  );
  if (head?.contractVersion !== dataset.contractVersion) {
    throw new HeadgateError('CONFLICT', `The contract of ${dataset.name} changed while the pipeline ran. Nothing was changed: run it again.`, {
      dataset: dataset.name,
      contractChanged: true,
    });
  }
  return head;
}

async function replace(tx: Transaction, dataset: Dataset, source: Sql, load: Sql, size: number, catalog: Catalog): Promise<void> {
  const table = identifier('data', dataset.name);
  if (size < SWAP_FROM) {
    await execute(tx, sql`DELETE FROM ${table}`);
    await execute(tx, insertInto(dataset, table, source, load));
    return;
  }
  const shadow = { schema: 'work', name: dataset.name };
  await execute(tx, sql`DROP TABLE IF EXISTS ${identifier('work', dataset.name)}`);
  await execute(tx, createTable(dataset, shadow));
  await execute(tx, insertInto(dataset, identifier('work', dataset.name), source, load));
  for (const statement of completeTable(dataset, indexesOf(dataset, catalog.datasets), shadow)) await execute(tx, statement);
  await execute(tx, sql`ANALYZE ${identifier('work', dataset.name)}`);
  await lock(tx, dataset);
  await execute(tx, sql`DROP TABLE ${table}`);
  await execute(tx, sql`ALTER TABLE ${identifier('work', dataset.name)} SET SCHEMA data`);
}

/** Asked for in short tries: those who read later would wait behind a long one. */
async function lock(tx: Transaction, dataset: Dataset): Promise<void> {
  await tx.query(`SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`);
  for (let attempt = 1; ; attempt += 1) {
    await tx.query('SAVEPOINT table_lock');
    try {
      await execute(tx, sql`LOCK TABLE ${identifier('data', dataset.name)} IN ACCESS EXCLUSIVE MODE`);
      await tx.query('SET LOCAL lock_timeout = 0');
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== '55P03') throw error;
      await tx.query('ROLLBACK TO SAVEPOINT table_lock');
      if (attempt >= LOCK_TRIES) {
        throw new HeadgateError(
          'UNAVAILABLE',
          `The rows of ${dataset.name} are read without a pause, so they can't be exchanged now. Nothing was changed: run it again later.`,
          { dataset: dataset.name },
        );
      }
    }
  }
}

async function merge(tx: Transaction, dataset: Dataset, source: Sql, load: Sql): Promise<{ loaded: number; added: number }> {
  const columns = dataset.fields.map(({ name }) => identifier(name));
  const row = (of: Sql) => sql`ROW(${join(columns.map((column) => sql`${of}.${column}`))})`;
  const changes = [...columns, identifier(LOAD_ID)].map((column) => sql`${column} = excluded.${column}`);
  const [result] = await execute<{ loaded: number; added: number }>(
    tx,
    sql`WITH written AS (
      ${insertInto(dataset, identifier('data', dataset.name), source, load, raw(' AS t'))}
      ON CONFLICT ON CONSTRAINT ${identifier(keyName(dataset))} DO UPDATE SET ${join(changes)} WHERE ${row(raw('t'))} IS DISTINCT FROM ${row(raw('excluded'))}
      -- A row that was inserted, not updated, has no earlier writer.
      RETURNING (t.xmax = 0) AS added)
    SELECT count(*)::float8 AS loaded, (count(*) FILTER (WHERE added))::float8 AS added FROM written`,
  );
  return result ?? { loaded: 0, added: 0 };
}

function insertInto(dataset: Dataset, table: Sql, source: Sql, load: Sql, alias: Sql = raw('')): Sql {
  const columns = join(dataset.fields.map(({ name }) => identifier(name)));
  return sql`INSERT INTO ${table}${alias} (${columns}, ${identifier(LOAD_ID)}) SELECT ${columns}, ${load} FROM ${source}`;
}

async function count(tx: Transaction, table: Sql): Promise<number> {
  const [row] = await execute<{ n: number }>(tx, sql`SELECT count(*)::float8 AS n FROM ${table}`);
  return row?.n ?? 0;
}

async function execute<Row extends object>(tx: Transaction, statement: Sql): Promise<Row[]> {
  const { text, values } = render(statement);
  return tx.query<Row>(text, values);
}
