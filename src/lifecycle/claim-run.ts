import type { JobQueue, Queryable } from '../jobs/index.js';
import type { Database } from '../store/index.js';
import { enqueueRun, QUEUED_RUN, type QueuedRun } from './run-jobs.js';
import { statesBefore } from './run-states.js';

/** The advisory locks under which the runs of a group are counted, one for each group. */
const GROUP_LOCKS = 0x68_67_72_67;
/** After so long it is looked again whether there is room in a group. */
const LOOK_AGAIN_MS = 1_000;

/** True when the run is RUNNING in the hands of `worker`. */
export async function claimRun(database: Database, jobs: Pick<JobQueue, 'enqueue'>, id: string, worker: string): Promise<boolean> {
  const [run] = await database.query<{ groupId: string | null; groupLimit: number | null }>(
    'SELECT group_id AS "groupId", group_limit AS "groupLimit" FROM headgate.run WHERE id = $1 AND status = ANY($2)',
    [id, statesBefore('CLAIM')],
  );
  if (!run) return false;
  const { groupId, groupLimit } = run;
  if (groupId === null) return take(database, id, worker);
  return database.transaction(async (tx) => {
    // One at a time counts: the queue leaves full groups alone, but two that ask it at the same moment see the same room.
    await tx.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [GROUP_LOCKS, groupId]);
    const [running] = await tx.query<{ n: number }>("SELECT count(*)::int AS n FROM headgate.run WHERE group_id = $1 AND status = 'RUNNING'", [groupId]);
    if ((running?.n ?? 0) < (groupLimit ?? 1)) return take(tx, id, worker);
    const [queued] = await tx.query<QueuedRun>(`SELECT ${QUEUED_RUN} FROM headgate.run WHERE id = $1 AND status = ANY($2)`, [id, statesBefore('CLAIM')]);
    if (queued) await enqueueRun(jobs, tx, { ...queued, notBefore: new Date(Math.max(Date.now() + LOOK_AGAIN_MS, queued.notBefore?.getTime() ?? 0)) });
    return false;
  });
}

async function take(db: Queryable, id: string, worker: string): Promise<boolean> {
  const claimed = await db.query<{ id: string }>(
    `UPDATE headgate.run SET status = 'RUNNING', attempt = attempt + 1, worker = $2, heartbeat_at = now(), started_at = coalesce(started_at, now()),
       claimed_at = now(), not_before = NULL, rows_read = CASE WHEN collector IS NULL THEN 0 ELSE rows_read END,
       rows_loaded = CASE WHEN collector IS NULL THEN 0 ELSE rows_loaded END, rows_quarantined = CASE WHEN collector IS NULL THEN 0 ELSE rows_quarantined END,
       rows_deduplicated = CASE WHEN collector IS NULL THEN 0 ELSE rows_deduplicated END, bytes_read = CASE WHEN collector IS NULL THEN 0 ELSE bytes_read END
     WHERE id = $1 AND status = ANY($3) AND (not_before IS NULL OR not_before <= now()) RETURNING id`,
    [id, worker, statesBefore('CLAIM')],
  );
  return claimed.length > 0;
}
