import { formsOf, loadCatalog, namesOf, rawIsAbout, wordsOf } from '../../catalog/index.js';
import { identifier, param, raw, render, sql, type Sql } from '../../sql/index.js';
import type { KeyRing, Transaction } from '../../store/index.js';
import { subjectReference, subjectReferenceSql } from '../../vault/index.js';
import type { EraseHook } from './erase-hook.js';
import { subjectDatasets } from './subject.js';

/** Who is behind references, as far as anything in the database still says: by reference. Every place where a subject may stand is hashed. */
export async function findSubjects(
  tx: Transaction,
  keyRing: KeyRing,
  references: readonly string[],
  hooks: readonly EraseHook[],
): Promise<ReadonlyMap<string, string>> {
  const wanted = param(references, 'text[]');
  const referenceOf = subjectReferenceSql(keyRing);
  const isWanted = (text: Sql): Sql => sql`${referenceOf(text)} = ANY (${wanted})`;
  const found = new Map<string, string>();
  const note = async (statement: Sql): Promise<void> => {
    const { text, values } = render(statement);
    for (const { subject } of await tx.query<{ subject: string | null }>(text, values)) {
      if (subject !== null) found.set(subjectReference(keyRing, subject), subject);
    }
  };
  const { datasets } = await loadCatalog(tx);
  for (const target of subjectDatasets(datasets.values()).stored) {
    const { dataset, field } = target;
    const column = sql`${identifier(field.name)}::text`;
    await note(sql`SELECT DISTINCT ${column} AS subject FROM ${identifier('data', dataset.name)} WHERE ${isWanted(column)}`);
    const rows = sql`SELECT q.raw FROM headgate.quarantined_row q WHERE q.dataset_id = ${param(dataset.id, 'uuid')} AND ${rawIsAbout(target.field, raw('q.raw'), isWanted)}`;
    const names = param(namesOf(field), 'text[]');
    const texts = sql`SELECT r.raw ->> n AS t FROM (${rows}) AS r, unnest(${names}) AS n UNION SELECT w FROM (${rows}) AS r, ${wordsOf(raw('r.raw'))} AS w`;
    for (const form of formsOf(field, raw('t.t'))) await note(sql`SELECT DISTINCT ${form} AS subject FROM (${texts}) AS t WHERE ${isWanted(form)}`);
  }
  for (const { schema, table, column } of hooks.flatMap(({ keeps = [] }) => keeps)) {
    const text = sql`${identifier(column)}::text`;
    await note(sql`SELECT DISTINCT ${text} AS subject FROM ${identifier(schema, table)} WHERE ${isWanted(text)}`);
  }
  return found;
}
