import type { Dataset } from '../../catalog/index.js';
import { hasRole } from '../../identity/index.js';
import type { LoadOutcome, PreviewRow as Row } from '../../ingestion/index.js';
import type { RequestContext } from '../context.js';
import { rawFor, shownOf, toldOf } from './refused-rows.js';
import { DriftChange, IngestPreview, PreviewReason, PreviewRow } from './types/preview.type.js';

/** Rows of each kind that a preview shows. */
export const PREVIEW_ROWS = 5;

/**
 * A preview for somebody: counts and reasons for who may load, and of values what they would see in the data plane. Rows that no
 * row filter was applied to are for those who may see all rows. Encrypted values are not opened for it.
 * @param dataset as far as the principal may know of it
 * @param isSent the content came with the request: what its columns are called is known to who sent it
 */
export function previewFor(
  context: Pick<RequestContext, 'principal' | 'world'>,
  dataset: Dataset,
  outcome: LoadOutcome,
  { isSent }: { readonly isSent: boolean },
): IngestPreview {
  const shown = shownOf(context, dataset);
  const columns = isSent || shown.isAllPlain || hasRole(context.principal, 'admin', 'engineer') ? (outcome.drift?.columns ?? []) : [];
  const plain = new Set(dataset.fields.filter(({ name, encrypted }) => shown.plain.has(name) && !encrypted).map(({ name }) => name));
  const isTold = toldOf(dataset);
  const rowsOf = (rows: readonly Row[]): PreviewRow[] =>
    shown.plain.size === 0
      ? []
      : rows.map(({ line, values }) =>
          Object.assign(new PreviewRow(), { line: line === null ? null : String(line), values: rawFor(values, { ...shown, plain }) }),
        );
  const { preview, drift, read, loaded, quarantined, deduplicated } = outcome;
  const reasons = (preview?.reasons ?? [])
    .filter(isTold)
    .map(({ field, rule, message, count, rows }) => Object.assign(new PreviewReason(), { field, rule, message, count: String(count), rows: rowsOf(rows) }));
  return Object.assign(new IngestPreview(), {
    dataset: dataset.name,
    mode: outcome.mode,
    repeated: outcome.repeated,
    rowsRead: String(read),
    rowsLoaded: String(loaded),
    rowsInserted: String(preview?.inserted ?? 0),
    rowsUpdated: String(preview?.updated ?? 0),
    rowsQuarantined: String(quarantined),
    rowsDeduplicated: String(deduplicated),
    bytesRead: String(outcome.bytes),
    readAs: outcome.readAs ?? null,
    drift: [
      ...columns.map(({ field, column, type }) => Object.assign(new DriftChange(), { field, column, from: null, to: type })),
      ...(drift?.wider ?? []).filter(({ field }) => shown.known.has(field)).map((change) => Object.assign(new DriftChange(), { ...change, column: null })),
    ],
    reasons,
    rows: rowsOf(preview?.loaded ?? []),
    masked: [...dataset.fields.map(({ name }) => name).filter((name) => !plain.has(name)), ...columns.map(({ field }) => field)],
  });
}
