import pg from 'pg';
import { type Dataset, LOAD_ID } from '../catalog/index.js';
import { identifier, join, raw, sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { createShadow, exchange, keysOf, shadowOf } from './shadow-table.js';
import { columnsOf, createRefusedTables, LANDED, rows, run } from './work-tables.js';

/**
 * Rows that will be the whole dataset land in the table that is to become the dataset's: written once, not twice.
 * `landed` is then a view of it. The columns that a load needs are dropped at the end; they cost 8 bytes a row.
 */
export async function createShadowWorkTables(tx: Transaction, dataset: Dataset, load: number): Promise<void> {
  const shadow = shadowOf(dataset);
  await createShadow(tx, dataset);
  // A row without a required value must be able to land before it is refused.
  const nullable = dataset.fields.map(({ name }) => sql`, ALTER COLUMN ${identifier(name)} DROP NOT NULL`);
  const loadColumn = sql`, ALTER COLUMN ${identifier(LOAD_ID)} SET DEFAULT ${raw(String(load))}`;
  await run(tx, sql`ALTER TABLE ${shadow} ADD COLUMN _pos bigint, ADD COLUMN _bad smallint[]${loadColumn}${join(nullable, '')}`);
  await run(tx, sql`CREATE TEMP VIEW landed AS SELECT _pos, _bad, ${columnsOf(dataset)} FROM ${shadow}`);
  await createRefusedTables(tx);
}

/** Adds the key and what is required at once; false when the file has rows with the same key, which must be taken out first. */
export async function tryKey(tx: Transaction, dataset: Dataset): Promise<boolean> {
  await tx.query('SAVEPOINT key');
  try {
    await constrain(tx, dataset);
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
  if (!hasKey) await constrain(tx, dataset);
  await run(tx, sql`ALTER TABLE ${shadowOf(dataset)} DROP COLUMN _pos, DROP COLUMN _bad, ALTER COLUMN ${identifier(LOAD_ID)} SET DEFAULT 0`);
  await exchange(tx, dataset);
  return counted?.count ?? 0;
}

/** In one statement, so that the rows are looked at once. */
async function constrain(tx: Transaction, dataset: Dataset): Promise<void> {
  const required = dataset.fields.filter((field) => field.required).map(({ name }) => sql`ALTER COLUMN ${identifier(name)} SET NOT NULL`);
  const changes = [...required, ...(await keysOf(tx, dataset))];
  if (changes.length > 0) await run(tx, sql`ALTER TABLE ${shadowOf(dataset)} ${join(changes)}`);
}
