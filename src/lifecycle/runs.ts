import type { JobQueue, Queryable } from '../jobs/index.js';
import { HeadgateError, isUuid, type Log } from '../kernel/index.js';
import type { Database, TimePage, Transaction } from '../store/index.js';
import { AttemptLostError, type Attempt } from './attempt.js';
import { claimRun } from './claim-run.js';
import { forgetContentOf, redriveRuns, sweepDeadLetters, type HeldContents, type RedriveFilter } from './dead-letters.js';
import { mayPass } from './error-class.js';
import { insertRun } from './insert-run.js';
import { RETRY_POLICY, waitMs, type RetryPolicy } from './retry-policy.js';
import { countRuns, listRuns, type RunFilter } from './run-list.js';
import { runError, type RunError } from './run-error.js';
import { enqueueRun, QUEUED_RUN, type QueuedRun } from './run-jobs.js';
import { additions, assignments, type RunCounts, type RunRequest } from './run-request.js';
import { failSteps, finishStep, startStep, stepsOf, type StepRows, type StepStart } from './run-steps.js';
import { RunEntity, type RunStepEntity } from './run.entity.js';
import { RUN_TRANSITIONS, statesBefore, type RunEvent } from './run-states.js';

export interface RunsOptions {
  readonly database: Database;
  readonly jobs: Pick<JobQueue, 'enqueue'>;
  readonly log: Log;
  readonly retry?: RetryPolicy;
  /** Which kept contents a legal hold keeps; none when absent. */
  readonly heldContents?: HeldContents;
}

/** A run that is silent for so long has lost its worker. */
export const LAPSE_SECONDS = 10;
/** A run that ended its worker so many times is given up: it would end the next one too. */
export const MOST_ATTEMPTS = 5;

/** The runs: their states (SPEC.md), counts and errors. Every write about one is fenced by its state and attempt. */
export class Runs {
  readonly #database: Database;
  readonly #jobs: Pick<JobQueue, 'enqueue'>;
  readonly #log: Log;
  readonly #policy: RetryPolicy;
  readonly #heldContents: HeldContents | undefined;

  constructor({ database, jobs, log, retry = RETRY_POLICY, heldContents }: RunsOptions) {
    this.#heldContents = heldContents;
    this.#database = database;
    this.#jobs = jobs;
    this.#log = log;
    this.#policy = retry;
  }

  /**
   * A run for a worker: QUEUED, with its job, both in `tx`.
   * `created` is false when the idempotency key was used before: the run is then the one of that time.
   */
  async submit(tx: Transaction, request: RunRequest): Promise<{ readonly run: RunEntity; readonly created: boolean }> {
    const result = await insertRun(tx, request, { status: 'QUEUED', resumable: true, attempt: 0 });
    if (result.created) await enqueueRun(this.#jobs, tx, result.run);
    return result;
  }

  /** A run that this process does at once and that no other can take over, because its input is a stream: RUNNING, attempt 1. */
  async begin(tx: Transaction, request: RunRequest, worker: string): Promise<{ readonly run: RunEntity; readonly created: boolean }> {
    return insertRun(tx, request, { status: 'RUNNING', resumable: false, attempt: 1, worker });
  }

  /**
   * Takes a queued run; nothing when there is none to take: it is done, cancelled, in other hands, or its time has not come. One of
   * whose group as many run as may goes back to its queue.
   */
  async claim(id: string, worker: string): Promise<RunEntity | undefined> {
    return (await claimRun(this.#database, this.#jobs, id, worker)) ? await this.get(id) : undefined;
  }

  /** Says that the attempt is alive, and how far it is. @throws AttemptLostError */
  async beat(run: Attempt, counts: RunCounts = {}): Promise<void> {
    const set = assignments(counts, 4);
    await this.#fenced(this.#database, run, 'BEAT', `heartbeat_at = now()${set.text}`, set.values);
  }

  /**
   * Adds to the counts of a run that commits its outcome piece by piece, within the transaction of a piece. What failed before no longer
   * counts against it, so that one without an end is not given up for what happened over months. @throws AttemptLostError
   */
  async advance(tx: Queryable, run: Attempt, counts: RunCounts = {}): Promise<void> {
    const set = additions(counts, 4);
    await this.#fenced(tx, run, 'BEAT', `heartbeat_at = clock_timestamp(), tries = 0, lapses = 0${set.text}`, set.values);
  }

  /** The end of a run that did what it should, within the transaction that holds its outcome. @throws AttemptLostError, so that `tx` is rolled back. */
  async finish(tx: Queryable, run: Attempt, counts: RunCounts = {}): Promise<void> {
    const set = assignments(counts, 4);
    await this.#fenced(tx, run, 'FINISH', `finished_at = clock_timestamp(), heartbeat_at = NULL${set.text}`, set.values);
    await forgetContentOf(tx, run.id);
  }

  /**
   * The end of a try that could not: the run is QUEUED again when what it failed of may pass and there are tries left, else it has
   * FAILED. False when the run was lost before.
   */
  async endTry(run: Attempt, error: unknown): Promise<boolean> {
    const found = this.#found(run, error);
    return (await this.#retry(run, found)) || (await this.#fail(run, found));
  }

  /**
   * Has the run tried again later, when what it failed of may pass by then. Its steps that ran have failed.
   * False, and nothing is changed, when it would not help, it can't be resumed, it was tried often enough, or it was lost before.
   */
  async retry(run: Attempt, error: unknown): Promise<boolean> {
    return this.#retry(run, this.#found(run, error));
  }

  async #retry(run: Attempt, found: RunError): Promise<boolean> {
    if (!mayPass(found)) return false;
    return this.#database.transaction(async (tx) => {
      const [before] = await tx.query<{ tries: number }>(
        'SELECT tries FROM headgate.run WHERE id = $1 AND attempt = $2 AND status = ANY($3) AND resumable FOR UPDATE',
        [run.id, run.attempt, statesBefore('RETRY')],
      );
      const tries = (before?.tries ?? 0) + 1;
      if (!before || tries >= this.#policy.mostTries) return false;
      const waits = waitMs(found, tries, this.#policy);
      // Whole milliseconds, as the job's time is kept: neither is before the other.
      const [queued] = await tx.query<QueuedRun>(
        `UPDATE headgate.run SET status = 'QUEUED', worker = NULL, heartbeat_at = NULL, tries = $2, last_error = $3,
           not_before = date_trunc('milliseconds', clock_timestamp()) + make_interval(secs => $4 / 1000.0) WHERE id = $1 RETURNING ${QUEUED_RUN}`,
        [run.id, tries, JSON.stringify(found), waits],
      );
      if (queued) await enqueueRun(this.#jobs, tx, queued);
      await failSteps(tx, run.id);
      this.#log.info({ run: run.id, attempt: run.attempt, code: found.code, tries, waitMs: waits }, 'a run is tried again later');
      return true;
    });
  }

  /**
   * The end of a run that could not. Its steps that ran have failed too. One that failed of what may pass is kept to be redriven.
   * False when the run was lost before.
   */
  async fail(run: Attempt, error: unknown): Promise<boolean> {
    return this.#fail(run, this.#found(run, error));
  }

  #found(run: Attempt, error: unknown): RunError {
    return runError(error, this.#log, { run: run.id, attempt: run.attempt });
  }

  async #fail(run: Attempt, found: RunError): Promise<boolean> {
    const { code, message, details } = found;
    const set = `finished_at = now(), error_code = $4, error_message = $5, error_details = $6${mayPass(found) ? `, ${DEAD_LETTERED}` : ''}`;
    return this.#end(run, 'FAIL', set, [code, message, JSON.stringify(details)]);
  }

  /** Gives a run back that this process can't end (it stops): another takes it at once. False when the run was lost before. */
  async release(run: Attempt): Promise<boolean> {
    return this.#database.transaction(async (tx) => {
      const rows = await tx.query<QueuedRun>(
        `UPDATE headgate.run SET status = 'QUEUED', worker = NULL, heartbeat_at = NULL WHERE id = $1 AND attempt = $2 AND status = ANY($3) AND resumable RETURNING ${QUEUED_RUN}`,
        [run.id, run.attempt, statesBefore('RELEASE')],
      );
      for (const queued of rows) await enqueueRun(this.#jobs, tx, queued);
      return rows.length > 0;
    });
  }

  /**
   * Ends a run that is not over; its worker hears of it with its next heartbeat.
   * @throws HeadgateError NOT_FOUND; CONFLICT when the run is over.
   */
  async cancel(id: string): Promise<RunEntity> {
    const before = await this.get(id);
    const isCancelled = await this.#database.transaction(async (tx) => {
      const ended = await tx.query(
        "UPDATE headgate.run SET status = 'CANCELLED', finished_at = now(), heartbeat_at = NULL WHERE id = $1 AND status = ANY($2) RETURNING id",
        [before.id, statesBefore('CANCEL')],
      );
      if (ended.length === 0) return false;
      await tx.query("UPDATE headgate.run_step SET status = 'CANCELLED', finished_at = now() WHERE run_id = $1 AND status IN ('QUEUED', 'RUNNING')", [id]);
      await forgetContentOf(tx, id);
      return true;
    });
    const after = await this.get(id);
    if (!isCancelled)
      throw new HeadgateError('CONFLICT', `The run is over (${after.status}), so there is nothing to cancel.`, { run: id, status: after.status });
    return after;
  }

  /** Gives up a run whose job could not be done however often it was tried: it waits for nothing any more. */
  async abandon(id: string): Promise<void> {
    const found = await this.#database.query(
      `UPDATE headgate.run SET status = 'FAILED', finished_at = now(), error_code = 'UNAVAILABLE', error_message = $3, ${DEAD_LETTERED} WHERE id = $1 AND status = ANY($2) RETURNING id`,
      [id, statesBefore('ABANDON'), 'No worker could take the run, however often it was tried; the log says why. Redrive it when that is mended.'],
    );
    if (found.length > 0) this.#log.error({ run: id }, 'a run was given up: its job was rejected too often');
  }

  /**
   * Queues again what was given up, each as a new run that says which one it repeats; 1000 at the most, the oldest first.
   * @throws HeadgateError BAD_USER_INPUT without a condition
   */
  async redrive(tx: Transaction, filter: RedriveFilter): Promise<RunEntity[]> {
    return redriveRuns(tx, this.#jobs, filter);
  }

  /** Forgets the inline content of runs that were given up longer ago than it is kept, unless a legal hold keeps it. */
  async sweep(): Promise<void> {
    await sweepDeadLetters(this.#database, this.#heldContents);
  }

  /** @throws HeadgateError NOT_FOUND */
  async get(id: string): Promise<RunEntity> {
    const run = isUuid(id) ? await this.#database.manager.findOneBy(RunEntity, { id }) : null;
    if (!run) throw new HeadgateError('NOT_FOUND', `There is no run "${id.slice(0, 64)}".`, { run: id.slice(0, 64) });
    return run;
  }

  /** Newest first. @throws HeadgateError BAD_USER_INPUT for a page size or a cursor that is none. */
  async list(filter: RunFilter = {}): Promise<TimePage<RunEntity>> {
    return listRuns(this.#database.manager, filter);
  }

  async count(filter: RunFilter = {}): Promise<number> {
    return countRuns(this.#database.manager, filter);
  }

  /** The steps of several runs, each list in order, in the order of the ids: one query, for a loader. */
  async stepsOf(runIds: readonly string[]): Promise<RunStepEntity[][]> {
    return stepsOf(this.#database.manager, runIds);
  }

  /** A step begins, or begins again. @throws AttemptLostError */
  async stepStarted(db: Queryable, run: Attempt, step: StepStart): Promise<void> {
    await startStep(db, run, step);
  }

  /** A step is done. @throws AttemptLostError */
  async stepFinished(db: Queryable, run: Attempt, position: number, rows: StepRows = {}): Promise<void> {
    await finishStep(db, run, position, rows);
  }

  /**
   * Finds the runs whose workers are gone: those that can be done again are queued again, the others have failed.
   * Any number of processes may do this at once.
   */
  async recover(): Promise<{ readonly requeued: number; readonly failed: number }> {
    return this.#database.transaction(async (tx) => {
      const lapsed = await tx.query<{ id: string; attempt: number; lapses: number; resumable: boolean }>(
        `SELECT id, attempt, lapses, resumable FROM headgate.run
         WHERE status = 'RUNNING' AND heartbeat_at < now() - make_interval(secs => $1) ORDER BY heartbeat_at LIMIT 100 FOR UPDATE SKIP LOCKED`,
        [LAPSE_SECONDS],
      );
      let requeued = 0;
      for (const run of lapsed) {
        const lapses = run.lapses + 1;
        this.#log.warn({ run: run.id, attempt: run.attempt, lapses }, 'the worker of a run is gone');
        if (run.resumable && lapses < MOST_ATTEMPTS) {
          const [queued] = await tx.query<QueuedRun>(
            `UPDATE headgate.run SET status = 'QUEUED', worker = NULL, heartbeat_at = NULL, lapses = $2 WHERE id = $1 RETURNING ${QUEUED_RUN}`,
            [run.id, lapses],
          );
          if (queued) await enqueueRun(this.#jobs, tx, queued);
          requeued += 1;
        } else {
          await this.#lapse(tx, { ...run, lapses });
        }
      }
      return { requeued, failed: lapsed.length - requeued };
    });
  }

  async #lapse(tx: Queryable, run: { readonly id: string; readonly attempt: number; readonly lapses: number; readonly resumable: boolean }): Promise<void> {
    const message = run.resumable
      ? `The run ended the process that did it ${run.lapses} times, and is not tried again.`
      : 'The process that received the data ended before the load was committed. Nothing was changed: send the data again.';
    await this.#writeEnd(
      tx,
      { id: run.id, attempt: run.attempt },
      'LAPSE_FINAL',
      `finished_at = now(), error_code = $4, error_message = $5, ${DEAD_LETTERED}`,
      ['UNAVAILABLE', message],
    );
  }

  async #end(run: Attempt, event: RunEvent, set: string, values: readonly unknown[]): Promise<boolean> {
    try {
      await this.#database.transaction((tx) => this.#writeEnd(tx, run, event, set, values));
      return true;
    } catch (error) {
      if (error instanceof AttemptLostError) return false;
      throw error;
    }
  }

  async #writeEnd(tx: Queryable, run: Attempt, event: RunEvent, set: string, values: readonly unknown[]): Promise<void> {
    await this.#fenced(tx, run, event, `heartbeat_at = NULL, ${set}`, values);
    await failSteps(tx, run.id);
    await forgetContentOf(tx, run.id);
  }

  /** The one shape of a write about a running attempt: it changes the row only when the attempt still has it. */
  async #fenced(db: Queryable, run: Attempt, event: RunEvent, set: string, values: readonly unknown[]): Promise<void> {
    const next = RUN_TRANSITIONS.RUNNING[event];
    const rows = await db.query(`UPDATE headgate.run SET status = $3, ${set} WHERE id = $1 AND attempt = $2 AND status = 'RUNNING' RETURNING id`, [
      run.id,
      run.attempt,
      next,
      ...values,
    ]);
    if (rows.length === 0) throw new AttemptLostError(run.id);
  }
}

/** What can be done again elsewhere is kept, to be redriven. */
const DEAD_LETTERED = 'dead_lettered_at = CASE WHEN resumable THEN now() END';
