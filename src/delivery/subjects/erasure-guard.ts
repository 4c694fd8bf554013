import { LOAD_ID, rawIsAbout, type Dataset } from '../../catalog/index.js';
import { HeadgateError } from '../../kernel/index.js';
import { identifier, param, raw, render, sql, type Sql } from '../../sql/index.js';
import type { KeyRing, Transaction } from '../../store/index.js';
import { subjectReferenceSql } from '../../vault/index.js';
import { subjectDatasets } from './subject.js';

/** What a run computes may be read while an erasure of a moment before is about to commit; and clocks of machines differ. */
const SLACK_MS = 60_000;

export interface Bringing {
  readonly dataset: Dataset;
  readonly run: { readonly id: string; readonly createdAt: Date };
  /** Of a pipeline's run, whose rows were read here: a state that is not later than the one that they were read in, where it is known. */
  readonly computed?: { readonly snapshot: string | undefined };
}

/**
 * For the end of a load or a pipeline's run, in its transaction: what was sent or computed before an erasure must not bring
 * the person back after it. Costs a look at a small table, unless there was an erasure meanwhile.
 * @throws HeadgateError CONFLICT
 */
export async function refuseErased(tx: Transaction, keyRing: KeyRing, { dataset, run, computed }: Bringing): Promise<void> {
  const [target] = subjectDatasets([dataset]).stored;
  if (!target) return;
  const since = new Date(run.createdAt.getTime() - (computed ? SLACK_MS : 0));
  const erased = await tx.query<{ reference: string }>(
    'SELECT DISTINCT reference FROM headgate.erasure WHERE at >= $1 AND ($2::text IS NULL OR NOT pg_visible_in_snapshot(xid, $2::text::pg_snapshot))',
    [since, computed?.snapshot ?? null],
  );
  if (erased.length === 0) return;
  const references = param(
    erased.map(({ reference }) => reference),
    'text[]',
  );
  const referenceOf = subjectReferenceSql(keyRing);
  const isErased = (text: Sql): Sql => sql`${referenceOf(text)} = ANY (${references})`;
  const column = sql`${identifier(target.field.name)}::text`;
  const version = sql`(SELECT data_version FROM headgate.dataset WHERE id = ${param(dataset.id, 'uuid')})`;
  const { text, values } = render(sql`SELECT
    EXISTS (SELECT FROM ${identifier('data', dataset.name)} WHERE ${identifier(LOAD_ID)} = ${version} AND ${isErased(column)})
    OR EXISTS (SELECT FROM headgate.quarantined_row q WHERE q.dataset_id = ${param(dataset.id, 'uuid')} AND ${param(run.id, 'uuid')} IN (q.run_id, q.last_run_id) AND ${rawIsAbout(target.field, raw('q.raw'), isErased)})
    AS "isBack"`);
  const [found] = await tx.query<{ isBack: boolean }>(text, values);
  if (!found?.isBack) return;
  throw new HeadgateError(
    'CONFLICT',
    `Somebody was erased from "${dataset.name}" while this was on its way, and it would have brought them back. Nothing was changed: take their rows out, or run it again.`,
    { dataset: dataset.name },
  );
}
