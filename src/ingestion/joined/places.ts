import type { Dataset } from '../../catalog/index.js';
import { HeadgateError } from '../../kernel/index.js';
import type { Transaction } from '../../store/index.js';
import type { LoadRequest } from '../load-request.js';
import type { LoadOutcome } from '../outcome.js';
import { inFile } from '../rejection.js';
import type { JoinedContent } from './joined-content.js';

/** An error of the content as one of the file that it is in, with the line there. */
export function inPart(error: unknown, content: JoinedContent): unknown {
  if (!(error instanceof HeadgateError) || 'file' in error.details) return error;
  const { line } = error.details;
  const place = typeof line === 'number' ? content.placeOf(line) : undefined;
  if (!place) return inFile(error, content.parts.length > 1 ? undefined : content.name);
  const message = error.message.replaceAll(new RegExp(`\\bline ${String(line)}\\b`, 'g'), `line ${place.line}`);
  return inFile(new HeadgateError(error.code, message, { ...error.details, line: place.line }, { cause: error.cause }), place.name);
}

/** Lets the rows in quarantine tell which of several files they are of. */
export function tellingFiles(request: LoadRequest, content: JoinedContent): LoadRequest['inTransaction'] {
  const { runId, inTransaction } = request;
  return async (tx: Transaction, outcome: LoadOutcome, dataset: Dataset) => {
    if (content.parts.length > 1 && outcome.quarantined > 0) await tell(tx, runId, dataset.id, content);
    await inTransaction?.(tx, outcome, dataset);
  };
}

async function tell(tx: Transaction, runId: string, datasetId: string, content: JoinedContent): Promise<void> {
  const { parts } = content;
  await tx.query(
    `UPDATE headgate.quarantined_row q SET line = q.line - p.shift, position = p.name || ':' || (q.line - p.shift)
     FROM (SELECT * FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::text[]) AS u(line, next, shift, name)) p
     WHERE q.run_id = $1 AND q.dataset_id = $2 AND q.position IS NULL AND q.line >= p.line AND (p.next IS NULL OR q.line < p.next)`,
    [
      runId,
      datasetId,
      parts.map(({ line }) => line),
      parts.map((_, i) => parts[i + 1]?.line ?? null),
      parts.map(({ shift }) => shift),
      parts.map(({ name }, i) => name ?? `file ${i + 1}`),
    ],
  );
}
