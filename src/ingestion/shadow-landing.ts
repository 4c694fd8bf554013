import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { type Dataset, LOAD_ID, NEW_ROW_ID, ROW_ID } from '../catalog/index.js';
import { identifier, join, literal, raw, sql, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { addKey, createShadow, exchange, shadowOf } from './shadow-table.js';
import { columnsOf, createRefusedTables, LANDED, POSITION_COLUMN, rows, run } from './work-tables.js';

const ROW_ID_KEY_BYTES = 32;

/**
 * Rows that will be the whole dataset land in the table that is to become the dataset's: written once, not twice.
 * `landed` is then a view of it. The columns that a load needs are dropped at the end; they cost 16 bytes a row.
 */
export async function createShadowWorkTables(tx: Transaction, dataset: Dataset, load: number): Promise<void> {
  const shadow = shadowOf(dataset);
  await createShadow(tx, dataset);
  // A row without a required value must be able to land before it is refused.
  const nullable = dataset.fields.map(({ name }) => sql`, ALTER COLUMN ${identifier(name)} DROP NOT NULL`);
  const loadColumn = sql`, ALTER COLUMN ${identifier(LOAD_ID)} SET DEFAULT ${raw(String(load))}`;
  await run(
    tx,
    sql`ALTER TABLE ${shadow} ADD COLUMN ${POSITION_COLUMN}, ADD COLUMN _bad smallint[]${loadColumn}${rowIdColumn(await manyRowIds(tx))}${join(nullable, '')}`,
  );
  await run(tx, sql`CREATE TEMP VIEW landed AS SELECT _pos, _bad, ${columnsOf(dataset)} FROM ${shadow}`);
  await createRefusedTables(tx);
}

/**
 * An expression that gives a new row id each time. PostgreSQL asks the system for the randomness of each UUID, which takes
 * as long as landing half a row. These are a keyed hash of a number, with a key that nobody has after the load: they are
 * as different, and tell as little.
 */
async function manyRowIds(tx: Transaction): Promise<Sql> {
  await tx.query('CREATE TEMP SEQUENCE row_number CACHE 10000');
  const key = literal(`\\x${randomBytes(ROW_ID_KEY_BYTES).toString('hex')}`);
  return sql`substr(sha256(${key}::bytea || int8send(nextval('pg_temp.row_number'))), 1, 16)`;
}

function rowIdColumn(value: Sql): Sql {
  return sql`, ALTER COLUMN ${identifier(ROW_ID)} SET DEFAULT ${value}`;
}

/** Adds the key at once; false when the file has rows with the same key, which must be taken out first. */
export async function tryKey(tx: Transaction, dataset: Dataset): Promise<boolean> {
  await tx.query('SAVEPOINT key');
  try {
    await addKey(tx, dataset);
    return true;
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== '23505') throw error;
    await tx.query('ROLLBACK TO SAVEPOINT key');
    return false;
  }
}

/** Makes of the table with the landed rows the dataset's. Returns how many rows it has. */
export async function takeShadow(tx: Transaction, dataset: Dataset, hasKey: boolean): Promise<number> {
  const [counted] = await rows<{ count: number }>(tx, sql`SELECT count(*)::float8 AS count FROM ${LANDED}`);
  await run(tx, sql`DROP VIEW ${LANDED}`);
  const required = dataset.fields.filter((field) => field.required).map(({ name }) => sql`, ALTER COLUMN ${identifier(name)} SET NOT NULL`);
  const loadColumn = sql`, ALTER COLUMN ${identifier(LOAD_ID)} SET DEFAULT 0`;
  const rowIds = rowIdColumn(NEW_ROW_ID);
  await run(tx, sql`ALTER TABLE ${shadowOf(dataset)} DROP COLUMN _pos, DROP COLUMN _bad${loadColumn}${rowIds}${join(required, '')}`);
  await run(tx, sql`DROP SEQUENCE pg_temp.row_number`);
  if (!hasKey) await addKey(tx, dataset);
  await exchange(tx, dataset);
  return counted?.count ?? 0;
}
