import { columnType, type Dataset } from '../catalog/index.js';
import { identifier, join, raw, render, sql, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';

/**
 * The tables of one load. They are temporary and end with its transaction, so a killed process leaves nothing.
 * `landed`: rows whose values fit their types. `_pos` orders them as in the file; `_bad` holds places of type checks that failed.
 * `refused`: rows on the way to quarantine, with the places of all checks they failed. `raw_row`: their texts as they came.
 */
export const LANDED = raw('pg_temp.landed');
export const REFUSED = raw('pg_temp.refused');
export const RAW_ROW = raw('pg_temp.raw_row');
/** Of rows that are changes: fields that were not sent, since they are as they were. It is there only where there are some. */
export const UNCHANGED = raw('pg_temp.unchanged');

export async function createWorkTables(tx: Transaction, dataset: Dataset): Promise<void> {
  // The collation of the stored tables: comparing with them needs one that both have.
  const columns = dataset.fields.map((field) => sql`${identifier(field.name)} ${raw(columnType(field) + (field.type === 'text' ? ' COLLATE "C"' : ''))}`);
  await run(tx, sql`CREATE TEMP TABLE landed (_pos bigint, _bad smallint[], ${join(columns)}) ON COMMIT DROP`);
  await createRefusedTables(tx);
}

export async function createRefusedTables(tx: Transaction): Promise<void> {
  await tx.query('CREATE TEMP TABLE refused (_pos bigint, reasons smallint[]) ON COMMIT DROP');
  await tx.query('CREATE TEMP TABLE raw_row (_pos bigint, line bigint, raw jsonb) ON COMMIT DROP');
}

/** The names of all columns of the contract, in its order. */
export function columnsOf(dataset: Dataset, alias?: Sql): Sql {
  return join(dataset.fields.map(({ name }) => (alias ? sql`${alias}.${identifier(name)}` : identifier(name))));
}

/** Runs a statement and returns how many rows it touched. */
export async function run(tx: Transaction, statement: Sql): Promise<number> {
  const { text, values } = render(statement);
  const { rowCount } = await tx.client.query(text, [...values]);
  return rowCount ?? 0;
}

export async function rows<Row extends object>(tx: Transaction, statement: Sql): Promise<Row[]> {
  const { text, values } = render(statement);
  return tx.query<Row>(text, values);
}
