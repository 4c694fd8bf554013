import { columnType, erasedFields, LOAD_ID, rawIsAbout, unerasable } from '../../catalog/index.js';
import { identifier, join, param, raw, render, sql, type Sql } from '../../sql/index.js';
import type { Transaction } from '../../store/index.js';
import { subjectValue, type SubjectDataset } from './subject.js';

export interface ErasedRows {
  readonly dataset: string;
  /** Deleted. */
  readonly rows: number;
  /** Kept, without what told of the person. */
  readonly nullified: number;
}

/**
 * Takes a person out of a stored dataset, and raises the version of its data where there was something. The caller holds
 * the dataset's row in the catalog, as a load does.
 */
export async function eraseRows(tx: Transaction, target: SubjectDataset, subject: string): Promise<ErasedRows> {
  const { dataset, field } = target;
  const value = subjectValue(field, subject);
  const none = { dataset: dataset.name, rows: 0, nullified: 0 };
  if (value === undefined) return none;
  const table = identifier('data', dataset.name);
  const isAbout = sql`${identifier(field.name)} = ${param(value, columnType(field))}`;
  // What can't be without the person does not stay: a tag can have come to a field that was required before.
  if (dataset.onErase !== 'nullify' || unerasable(dataset).length > 0) {
    const rows = await run(tx, sql`DELETE FROM ${table} WHERE ${isAbout}`);
    if (rows > 0) await raiseVersion(tx, dataset.id, rows);
    return { ...none, rows };
  }
  const nothing = erasedFields(dataset).map(({ name }) => sql`${identifier(name)} = NULL`);
  // They carry the number of the version that they come with, so that subscribers are told of them.
  const load = sql`${identifier(LOAD_ID)} = (SELECT data_version + 1 FROM headgate.dataset WHERE id = ${param(dataset.id, 'uuid')})`;
  const nullified = await run(tx, sql`UPDATE ${table} SET ${join([...nothing, load])} WHERE ${isAbout}`);
  if (nullified > 0) await raiseVersion(tx, dataset.id, 0);
  return { ...none, nullified };
}

/** Whether there is anything about the person: rows, or rows in quarantine. */
export async function hasRows(tx: Transaction, target: SubjectDataset, subject: string): Promise<boolean> {
  const { dataset, field } = target;
  const value = subjectValue(field, subject);
  const stored =
    value === undefined
      ? raw('false')
      : sql`EXISTS (SELECT FROM ${identifier('data', dataset.name)} WHERE ${identifier(field.name)} = ${param(value, columnType(field))})`;
  const { text, values } = render(sql`SELECT ${stored} OR EXISTS (SELECT FROM headgate.quarantined_row q WHERE ${inQuarantine(target, subject)}) AS "isThere"`);
  const [found] = await tx.query<{ isThere: boolean }>(text, values);
  return found?.isThere ?? false;
}

/** Rows that loads refused, and that nothing has masked. */
export async function eraseQuarantine(tx: Transaction, target: SubjectDataset, subject: string): Promise<number> {
  return run(tx, sql`DELETE FROM headgate.quarantined_row q WHERE ${inQuarantine(target, subject)}`);
}

/** A condition on `headgate.quarantined_row q`. */
export function inQuarantine(target: SubjectDataset, subject: string): Sql {
  const name = param(subject, 'text');
  return sql`q.dataset_id = ${param(target.dataset.id, 'uuid')} AND ${rawIsAbout(target.field, raw('q.raw'), (text) => sql`${text} = ${name}`)}`;
}

async function raiseVersion(tx: Transaction, datasetId: string, rows: number): Promise<void> {
  await tx.query('UPDATE headgate.dataset SET data_version = data_version + 1, row_count = greatest(row_count - $2, 0) WHERE id = $1', [datasetId, rows]);
}

async function run(tx: Transaction, statement: Sql): Promise<number> {
  const { text, values } = render(statement);
  const { rowCount } = await tx.client.query(text, [...values]);
  return rowCount ?? 0;
}
