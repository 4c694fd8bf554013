import type { Dataset } from '../../catalog/index.js';
import type { Transaction } from '../../store/index.js';
import type { Reason } from '../outcome.js';

/** A message that goes to quarantine as a whole: it holds no rows, or the load refused them as a whole. */
export interface RefusedMessage {
  readonly position: string;
  /** Its text; null when it may hold values that are kept encrypted. */
  readonly raw: string | null;
  /** What was expected; never a value. */
  readonly reason: string;
  readonly bytes: number;
}

/** Its rule in the list of reasons. */
const RULE = 'message';
const LONGEST_REASON = 500;

export async function quarantineMessages(tx: Transaction, dataset: Dataset, runId: string, refused: readonly RefusedMessage[]): Promise<void> {
  if (refused.length === 0) return;
  await tx.query(
    `INSERT INTO headgate.quarantined_row (dataset_id, run_id, contract_version, line, raw, reasons, position)
     SELECT $1, $2, (SELECT contract_version FROM headgate.dataset WHERE id = $1), t.line, jsonb_build_object('', t.raw), jsonb_build_array(t.reason), t.position
     FROM unnest($3::text[], $4::jsonb[], $5::text[]) WITH ORDINALITY AS t(raw, reason, position, line)`,
    [
      dataset.id,
      runId,
      refused.map(({ raw }) => raw),
      refused.map(({ reason }) => JSON.stringify({ field: null, rule: RULE, message: reason.slice(0, LONGEST_REASON) } satisfies Reason)),
      refused.map(({ position }) => position),
    ],
  );
}
