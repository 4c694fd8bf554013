import type { JobQueue, Queryable } from '../jobs/index.js';
import { HeadgateError, isUuid } from '../kernel/index.js';
import type { Transaction } from '../store/index.js';
import { insertRun } from './insert-run.js';
import { enqueueRun } from './run-jobs.js';
import { RunEntity, type RunKind } from './run.entity.js';

/** Which of the runs that were given up; what is left out is no condition. */
export interface RedriveFilter {
  readonly dataset?: string | undefined;
  readonly pipeline?: string | undefined;
  readonly kind?: RunKind | undefined;
  readonly ids?: readonly string[] | undefined;
  /** Given up since then. */
  readonly since?: Date | undefined;
}

/** So long the inline content of a run that was given up is kept, so that it can be redriven. */
export const CONTENT_DAYS = 7;
const MOST_AT_ONCE = 1_000;
/** Before all ids. */
const NIL = '00000000-0000-0000-0000-000000000000';

/** The inline content of a run that is over goes, unless the run was given up and may be redriven. */
export async function forgetContentOf(tx: Queryable, runId: string): Promise<void> {
  await tx.query(
    'DELETE FROM headgate.run_content USING headgate.run WHERE run.id = $1 AND run.dead_lettered_at IS NULL AND run_id = coalesce(run.content_of, run.id)',
    [runId],
  );
}

/**
 * Forgets kept contents. Runs that were given up and had one can't be redriven any more: they have failed, and no more.
 * @param contents the runs for which they were kept
 */
export async function forgetContents(tx: Queryable, contents: readonly string[]): Promise<void> {
  if (contents.length === 0) return;
  await tx.query('DELETE FROM headgate.run_content WHERE run_id = ANY ($1::uuid[])', [contents]);
  await tx.query(
    'UPDATE headgate.run SET dead_lettered_at = NULL, redriven_as = NULL WHERE (id = ANY ($1::uuid[]) OR content_of = ANY ($1::uuid[])) AND dead_lettered_at IS NOT NULL',
    [contents],
  );
}

/** Those of kept contents, by the runs that they were kept for, that must not be forgotten. */
export type HeldContents = (tx: Transaction, runIds: readonly string[]) => Promise<ReadonlySet<string>>;

const SWEPT_AT_ONCE = 100;

/** As `forgetContents`, of all that were kept long enough, are not on their way again, and are held by nothing. */
export async function sweepDeadLetters(db: { transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> }, held?: HeldContents): Promise<void> {
  for (let after: string | undefined = NIL; after !== undefined;) {
    const from: string = after;
    after = await db.transaction(async (tx) => {
      const old = await tx.query<{ id: string }>(
        `SELECT run.id FROM headgate.run_content JOIN headgate.run ON run.id = run_id
         WHERE run.id > $2 AND run.dead_lettered_at < now() - make_interval(days => $1) AND NOT EXISTS (SELECT FROM headgate.run again WHERE again.content_of = run.id
           AND (again.status IN ('QUEUED', 'RUNNING') OR again.dead_lettered_at >= now() - make_interval(days => $1)))
         ORDER BY run.id LIMIT $3 FOR UPDATE OF run SKIP LOCKED`,
        [CONTENT_DAYS, from, SWEPT_AT_ONCE],
      );
      const ids = old.map(({ id }) => id);
      const stay = (await held?.(tx, ids)) ?? new Set();
      await forgetContents(
        tx,
        ids.filter((id) => !stay.has(id)),
      );
      return ids.length === SWEPT_AT_ONCE ? ids.at(-1) : undefined;
    });
  }
}

/** @throws HeadgateError BAD_USER_INPUT without a condition, or for an id that is none */
export async function redriveRuns(tx: Transaction, jobs: Pick<JobQueue, 'enqueue'>, filter: RedriveFilter): Promise<RunEntity[]> {
  const { dataset, pipeline, kind, ids, since } = filter;
  if (Object.values(filter).every((value) => value === undefined)) {
    throw new HeadgateError('BAD_USER_INPUT', 'Expected at least one of dataset, pipeline, kind, ids and since: which runs are to be redriven.', {});
  }
  const wrong = ids?.find((id) => !isUuid(id));
  if (wrong !== undefined) throw new HeadgateError('BAD_USER_INPUT', `Expected the ids of runs, got "${wrong.slice(0, 64)}".`, { path: 'ids' });
  const found = await tx.query<{ id: string }>(
    `SELECT id FROM headgate.run WHERE dead_lettered_at IS NOT NULL AND redriven_as IS NULL
       AND ($1::text IS NULL OR dataset = $1) AND ($2::text IS NULL OR pipeline = $2) AND ($3::text IS NULL OR kind = $3)
       AND ($4::uuid[] IS NULL OR id = ANY ($4)) AND ($5::timestamptz IS NULL OR dead_lettered_at >= $5)
     ORDER BY created_at, id LIMIT $6 FOR UPDATE`,
    [dataset ?? null, pipeline ?? null, kind ?? null, ids ?? null, since ?? null, MOST_AT_ONCE],
  );
  const redriven: RunEntity[] = [];
  for (const { id } of found) redriven.push(await redrive(tx, jobs, await tx.manager.findOneByOrFail(RunEntity, { id })));
  return redriven;
}

/** It is as the one before, asked for by whom that one was; its content stays where it is, for both. */
async function redrive(tx: Transaction, jobs: Pick<JobQueue, 'enqueue'>, before: RunEntity): Promise<RunEntity> {
  const { groupId, groupLimit, collector, partition } = before;
  const { run, created } = await insertRun(
    tx,
    {
      kind: before.kind,
      input: before.input,
      requestedBy: before.requestedBy,
      priority: before.priority,
      parentId: before.id,
      ...(before.dataset !== null && { dataset: before.dataset }),
      ...(before.pipeline !== null && { pipeline: before.pipeline }),
      ...(before.requestedWith !== null && { requestedWith: before.requestedWith }),
      ...(before.idempotencyKey !== null && { idempotencyKey: before.idempotencyKey }),
      ...(collector !== null && partition !== null && { collected: { collector, partition, isStream: before.input['stream'] === true } }),
      ...(groupId !== null && groupLimit !== null && { group: { id: groupId, limit: groupLimit } }),
    },
    {
      status: 'QUEUED',
      resumable: true,
      attempt: 0,
      content: { of: before.contentOf ?? before.id, givenAt: before.givenAt ?? before.createdAt },
    },
  );
  // When its key was used again since, or its partition is taken, that run is the one that does it.
  if (created) await enqueueRun(jobs, tx, run);
  await tx.query('UPDATE headgate.run SET redriven_as = $2 WHERE id = $1', [before.id, run.id]);
  return run;
}
