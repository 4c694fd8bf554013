import type { Dataset, Field } from '../catalog/index.js';
import type { DatasetDecision, RefusalCode } from '../governance/index.js';
import { HeadgateError, isHeadgateError } from '../kernel/index.js';
import type { Condition } from './condition.js';
import { govern, type DatasetRead } from './govern.js';
import type { ConnectionSelection, OrderTerm } from './selection.js';

/** All rows of a dataset that a condition holds for, as a file. Not yet governed. */
export interface ExportSelection {
  readonly dataset: Dataset;
  /** The columns; absent, all fields of which the principal sees some cell. */
  readonly fields?: readonly Field[];
  readonly where?: Condition;
  /** Without a term the rows come as they lie. */
  readonly order: readonly OrderTerm[];
}

declare const governed: unique symbol;

/** An export after governance: the only kind that can be compiled to SQL, and only `governExport` makes one. */
export interface GovernedExport extends Omit<ExportSelection, 'fields'> {
  readonly [governed]: true;
  readonly fields: readonly Field[];
  readonly decisions: ReadonlyMap<string, DatasetDecision>;
  readonly reads: ReadonlyMap<string, DatasetRead>;
}

/**
 * Applies decisions to an export, as to a page with all of its rows; but nothing is left out of a file that was asked for:
 * a field that can't be seen refuses it. Datasets that are reached by a filter or an order are decided on alike.
 * @param decide for the right to export
 * @throws HeadgateError FORBIDDEN, PURPOSE_REQUIRED or UNAUTHENTICATED with `dataset` and `field`; BAD_USER_INPUT for a dataset
 *   that stays at its source.
 */
export function governExport(selection: ExportSelection, decide: (dataset: Dataset) => DatasetDecision): GovernedExport {
  const { dataset, where, order } = selection;
  const decision = decide(dataset);
  if (dataset.source !== undefined) {
    const message = `The rows of ${dataset.name} stay at the source ${dataset.source.source}, and can't be exported from here yet. Read them in pages.`;
    throw new HeadgateError('BAD_USER_INPUT', message, { dataset: dataset.name });
  }
  const fields = selection.fields ?? dataset.fields.filter((field) => isSeen(decision, field));
  if (decision.rows === 'none' || fields.length === 0) throw refused(decision.refusal, dataset.name);
  const plan = asRefusal(() => govern({ kind: 'connection', connection: asPage({ ...selection, fields }) }, dataset.name, decide));
  const [refusal] = plan.refusals;
  if (refusal) throw refused(refusal.code, refusal.dataset, refusal.field);
  const { decisions, reads } = plan;
  return { dataset, fields, ...(where && { where }), order, decisions, reads } as unknown as GovernedExport;
}

/** What `govern` and `price` know: a page whose rows have these fields. */
export function asPage({ dataset, fields = [], where, order }: ExportSelection): ConnectionSelection {
  const members = fields.map((field) => ({ kind: 'field', key: field.graphqlName, field }) as const);
  return {
    dataset,
    page: { limit: 1, backward: false, offset: 0 },
    ...(where && { where }),
    order,
    members: [{ kind: 'nodes', key: 'nodes', row: { dataset, members } }],
  };
}

function isSeen(decision: DatasetDecision, field: Field): boolean {
  const seen = decision.fields.get(field.name);
  return seen !== undefined && seen.access !== 'forbidden';
}

/** A refusal in the words of an export: what is refused here can be open to be read in pages. */
function asRefusal<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isHeadgateError(error)) throw error;
    const { dataset, field } = error.details;
    throw refused(error.code as RefusalCode, String(dataset), typeof field === 'string' ? field : undefined);
  }
}

function refused(code: RefusalCode, dataset: string, field?: string): HeadgateError {
  return new HeadgateError(code, refusalText(code, field === undefined ? `dataset ${dataset}` : `${dataset}.${field}`), {
    dataset,
    ...(field !== undefined && { field }),
  });
}

function refusalText(code: RefusalCode, what: string): string {
  if (code === 'UNAUTHENTICATED') return `${what} is not open to requests without a credential. Send an Authorization: Bearer token or an X-Api-Key.`;
  if (code === 'PURPOSE_REQUIRED') return `${what} can be exported for a purpose only. Declare one of your token's purposes in the X-Purpose header.`;
  return `You may not export ${what}. A steward can grant it: with the right export.`;
}
