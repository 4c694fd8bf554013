import type { LifecycleStage } from '../catalog/index.js';
import type { Queryable } from '../jobs/index.js';
import { HeadgateError } from '../kernel/index.js';

/** Where a dataset's newest version is on its way. */
export const LIFECYCLE_STAGES: readonly LifecycleStage[] = ['INGESTION', 'VALIDATION', 'PROCESSING', 'STORAGE', 'ACCESS', 'ARCHIVAL'];

/** What a stage hands over: rows are there, they passed or were refused, were shaped, are stored, went to or came from the archive. */
export const STAGE_EVENTS = ['LANDED', 'ACCEPTED', 'REFUSED', 'PROCESSED', 'PUBLISHED', 'ARCHIVED', 'RESTORED'] as const;
export type StageEvent = (typeof STAGE_EVENTS)[number];

/** The allowed transitions; every other pair of stage and event is refused. */
export const STAGE_TRANSITIONS: Readonly<Record<LifecycleStage, Readonly<Partial<Record<StageEvent, LifecycleStage>>>>> = {
  INGESTION: { LANDED: 'VALIDATION' },
  VALIDATION: { ACCEPTED: 'PROCESSING', REFUSED: 'INGESTION' },
  PROCESSING: { PROCESSED: 'STORAGE', REFUSED: 'INGESTION' },
  STORAGE: { PUBLISHED: 'ACCESS' },
  // A newer version of the data enters where every version enters, while the last good one stays served.
  ACCESS: { LANDED: 'VALIDATION', ARCHIVED: 'ARCHIVAL' },
  ARCHIVAL: { LANDED: 'VALIDATION', RESTORED: 'ACCESS' },
};

/** A load that is good from end to end, in the one transaction that commits it. */
export const WHOLE_LOAD: readonly StageEvent[] = ['LANDED', 'ACCEPTED', 'PROCESSED', 'PUBLISHED'];

/**
 * Moves a dataset through `events`, in order, within `tx`. Returns the stage it is then in.
 * @throws HeadgateError NOT_FOUND when there is no such dataset; CONFLICT when its stage does not allow an event.
 */
export async function advanceStage(tx: Queryable, dataset: string, events: readonly StageEvent[]): Promise<LifecycleStage> {
  const [row] = await tx.query<{ stage: LifecycleStage }>('SELECT stage FROM headgate.dataset WHERE name = $1 FOR UPDATE', [dataset]);
  if (!row) throw new HeadgateError('NOT_FOUND', `There is no dataset "${dataset}".`, { dataset });
  let stage = row.stage;
  for (const event of events) {
    const next = STAGE_TRANSITIONS[stage][event];
    if (next === undefined) {
      const allowed = Object.keys(STAGE_TRANSITIONS[stage]);
      throw new HeadgateError('CONFLICT', `The dataset "${dataset}" is in stage ${stage}, where only ${allowed.join(' or ')} can follow, not ${event}.`, {
        dataset,
        stage,
        event,
        expected: allowed,
      });
    }
    stage = next;
  }
  if (stage !== row.stage) await tx.query('UPDATE headgate.dataset SET stage = $2, updated_at = now() WHERE name = $1', [dataset, stage]);
  return stage;
}
