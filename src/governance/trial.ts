import { columnType, type Dataset } from '../catalog/index.js';
import { messageOf } from '../kernel/index.js';
import { identifier, join, raw, sql, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';

/** What has the columns of the dataset: its table, or, for one that has none here, a table of nothing. */
export function columnsAlone(dataset: Dataset): Sql {
  if (!dataset.source) return identifier('data', dataset.name);
  const columns = dataset.fields.map((field) => sql`NULL::${raw(columnType(field))} AS ${identifier(field.name)}`);
  return sql`(SELECT ${join(columns)}) AS t`;
}

/** Does the work and takes it back. Why it failed, in PostgreSQL's words; undefined when it did not. */
export async function tried(tx: Transaction, work: () => Promise<unknown>): Promise<string | undefined> {
  await tx.query('SAVEPOINT trial');
  try {
    await work();
    return undefined;
  } catch (error) {
    return messageOf(error);
  } finally {
    await tx.query('ROLLBACK TO SAVEPOINT trial');
    await tx.query('RELEASE SAVEPOINT trial');
  }
}
