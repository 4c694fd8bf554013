import { LARGEST_GROUP, type JobGroup, type JobQueue, type Queryable } from '../jobs/index.js';
import { queueOf } from './run-request.js';
import type { RunEntity } from './run.entity.js';

/** What a job is made of, of a run as it was just written. */
export type QueuedRun = Pick<RunEntity, 'id' | 'kind' | 'input' | 'priority' | 'groupId' | 'groupLimit' | 'notBefore'>;

/** For a RETURNING: the run's part in its job. */
export const QUEUED_RUN =
  'run.id, run.kind, run.input, run.priority, run.group_id AS "groupId", run.group_limit AS "groupLimit", run.not_before AS "notBefore"';

/** The job of a run, in the transaction that made it QUEUED. */
export async function enqueueRun(jobs: Pick<JobQueue, 'enqueue'>, tx: Queryable, run: QueuedRun): Promise<void> {
  const { groupId, groupLimit } = run;
  await jobs.enqueue(
    tx,
    queueOf(run),
    { id: run.id },
    {
      priority: run.priority,
      ...(run.notBefore !== null && { startAfter: run.notBefore }),
      ...(groupId !== null && groupLimit !== null && { group: { id: groupId, limit: groupLimit } }),
    },
  );
}

/** @throws TypeError for a limit that no group can have. */
export function checkGroup({ limit }: JobGroup): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > LARGEST_GROUP) throw new TypeError(`A group's limit is a whole number from 1 to ${LARGEST_GROUP}.`);
}
