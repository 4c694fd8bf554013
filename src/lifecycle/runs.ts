import { In } from 'typeorm';
import type { JobQueue, Queryable } from '../jobs/index.js';
import { HeadgateError, isUuid, newId, type Log } from '../kernel/index.js';
import type { Database, TimePage, Transaction } from '../store/index.js';
import { AttemptLostError, type Attempt } from './attempt.js';
import { listRuns, type RunFilter } from './run-list.js';
import { runError } from './run-error.js';
import { additions, assignments, queueOf, type RunCounts, type RunRequest } from './run-request.js';
import { RunEntity, RunStepEntity } from './run.entity.js';
import { RUN_TRANSITIONS, statesBefore, type RunEvent } from './run-states.js';

export interface RunsOptions {
  readonly database: Database;
  readonly jobs: Pick<JobQueue, 'enqueue'>;
  readonly log: Log;
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

  constructor({ database, jobs, log }: RunsOptions) {
    this.#database = database;
    this.#jobs = jobs;
    this.#log = log;
  }

  /**
   * A run for a worker: QUEUED, with its job, both in `tx`.
   * `created` is false when the idempotency key was used before: the run is then the one of that time.
   */
  async submit(tx: Transaction, request: RunRequest): Promise<{ readonly run: RunEntity; readonly created: boolean }> {
    const result = await this.#insert(tx, request, { status: 'QUEUED', resumable: true, attempt: 0 });
    if (result.created) await this.#jobs.enqueue(tx, queueOf(result.run), { id: result.run.id });
    return result;
  }

  /** A run that this process does at once and that no other can take over, because its input is a stream: RUNNING, attempt 1. */
  async begin(tx: Transaction, request: RunRequest, worker: string): Promise<{ readonly run: RunEntity; readonly created: boolean }> {
    return this.#insert(tx, request, { status: 'RUNNING', resumable: false, attempt: 1, worker });
  }

  /** Takes a queued run; nothing when there is none to take: it is done, cancelled, or in other hands. */
  async claim(id: string, worker: string): Promise<RunEntity | undefined> {
    const claimed = await this.#database.query<{ id: string }>(
      `UPDATE headgate.run SET status = 'RUNNING', attempt = attempt + 1, worker = $2, heartbeat_at = now(), started_at = coalesce(started_at, now()),
         rows_read = CASE WHEN collector IS NULL THEN 0 ELSE rows_read END, rows_loaded = CASE WHEN collector IS NULL THEN 0 ELSE rows_loaded END, rows_quarantined = CASE WHEN collector IS NULL THEN 0 ELSE rows_quarantined END, rows_deduplicated = CASE WHEN collector IS NULL THEN 0 ELSE rows_deduplicated END, bytes_read = CASE WHEN collector IS NULL THEN 0 ELSE bytes_read END
       WHERE id = $1 AND status = ANY($3) RETURNING id`,
      [id, worker, statesBefore('CLAIM')],
    );
    return claimed.length === 0 ? undefined : await this.get(id);
  }

  /** Says that the attempt is alive, and how far it is. @throws AttemptLostError */
  async beat(run: Attempt, counts: RunCounts = {}): Promise<void> {
    const set = assignments(counts, 4);
    await this.#fenced(this.#database, run, 'BEAT', `heartbeat_at = now()${set.text}`, set.values);
  }

  /** Adds to the counts of a run that commits its outcome piece by piece, within the transaction of a piece. @throws AttemptLostError */
  async advance(tx: Queryable, run: Attempt, counts: RunCounts): Promise<void> {
    const set = additions(counts, 4);
    await this.#fenced(tx, run, 'BEAT', `heartbeat_at = clock_timestamp()${set.text}`, set.values);
  }

  /** The end of a run that did what it should, within the transaction that holds its outcome. @throws AttemptLostError, so that `tx` is rolled back. */
  async finish(tx: Queryable, run: Attempt, counts: RunCounts = {}): Promise<void> {
    const set = assignments(counts, 4);
    await this.#fenced(tx, run, 'FINISH', `finished_at = clock_timestamp(), heartbeat_at = NULL${set.text}`, set.values);
    await tx.query('DELETE FROM headgate.run_content WHERE run_id = $1', [run.id]);
  }

  /** The end of a run that could not. Its steps that ran have failed too. False when the run was lost before. */
  async fail(run: Attempt, error: unknown): Promise<boolean> {
    const { code, message, details } = runError(error, this.#log, { run: run.id, attempt: run.attempt });
    return this.#end(run, 'FAIL', 'finished_at = now(), error_code = $4, error_message = $5, error_details = $6', [code, message, JSON.stringify(details)]);
  }

  /** Gives a run back that this process can't end (it stops): another takes it at once. False when the run was lost before. */
  async release(run: Attempt): Promise<boolean> {
    return this.#database.transaction(async (tx) => {
      const rows = await tx.query<Pick<RunEntity, 'kind' | 'input'>>(
        "UPDATE headgate.run SET status = 'QUEUED', worker = NULL, heartbeat_at = NULL WHERE id = $1 AND attempt = $2 AND status = ANY($3) AND resumable RETURNING kind, input",
        [run.id, run.attempt, statesBefore('RELEASE')],
      );
      for (const released of rows) await this.#jobs.enqueue(tx, queueOf(released), { id: run.id });
      return rows.length > 0;
    });
  }

  /**
   * Ends a run that is not over; its worker hears of it with its next heartbeat.
   * @throws HeadgateError NOT_FOUND; CONFLICT when the run is over.
   */
  async cancel(id: string): Promise<RunEntity> {
    const before = await this.get(id);
    const changed = await this.#database.query(
      `WITH ended AS (UPDATE headgate.run SET status = 'CANCELLED', finished_at = now(), heartbeat_at = NULL WHERE id = $1 AND status = ANY($2) RETURNING id),
         steps AS (UPDATE headgate.run_step SET status = 'CANCELLED', finished_at = now() FROM ended WHERE run_id = ended.id AND status IN ('QUEUED', 'RUNNING')),
         content AS (DELETE FROM headgate.run_content USING ended WHERE run_id = ended.id)
       SELECT id FROM ended`,
      [before.id, statesBefore('CANCEL')],
    );
    const after = await this.get(id);
    if (changed.length === 0)
      throw new HeadgateError('CONFLICT', `The run is over (${after.status}), so there is nothing to cancel.`, { run: id, status: after.status });
    return after;
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

  /** The steps of several runs, each list in order, in the order of the ids: one query, for a loader. */
  async stepsOf(runIds: readonly string[]): Promise<RunStepEntity[][]> {
    const steps = await this.#database.manager.find(RunStepEntity, { where: { runId: In([...runIds]) }, order: { position: 'ASC' } });
    const byRun = Map.groupBy(steps, (step) => step.runId);
    return runIds.map((id) => byRun.get(id) ?? []);
  }

  /** A step begins, or begins again. @throws AttemptLostError */
  async stepStarted(
    db: Queryable,
    run: Attempt,
    step: { readonly position: number; readonly name: string; readonly kind: string; readonly statement?: string },
  ): Promise<void> {
    const written = await db.query(
      `INSERT INTO headgate.run_step (run_id, position, name, kind, status, attempt, started_at, statement)
       SELECT id, $3, $4, $5, 'RUNNING', attempt, clock_timestamp(), $6 FROM headgate.run WHERE id = $1 AND attempt = $2 AND status = 'RUNNING'
       ON CONFLICT (run_id, position) DO UPDATE SET name = excluded.name, kind = excluded.kind, status = excluded.status, attempt = excluded.attempt,
         started_at = excluded.started_at, finished_at = NULL, rows_in = NULL, rows_out = NULL, statement = excluded.statement
       RETURNING run_id`,
      [run.id, run.attempt, step.position, step.name, step.kind, step.statement ?? null],
    );
    if (written.length === 0) throw new AttemptLostError(run.id);
  }

  /** A step is done. @throws AttemptLostError */
  async stepFinished(
    db: Queryable,
    run: Attempt,
    position: number,
    rows: { readonly rowsIn?: number | bigint; readonly rowsOut?: number | bigint } = {},
  ): Promise<void> {
    const written = await db.query(
      `UPDATE headgate.run_step step SET status = 'SUCCEEDED', finished_at = clock_timestamp(), rows_in = $4, rows_out = $5
       FROM headgate.run WHERE step.run_id = $1 AND step.position = $3 AND run.id = $1 AND run.attempt = $2 AND run.status = 'RUNNING' RETURNING step.run_id`,
      [run.id, run.attempt, position, rows.rowsIn?.toString() ?? null, rows.rowsOut?.toString() ?? null],
    );
    if (written.length === 0) throw new AttemptLostError(run.id);
  }

  /**
   * Finds the runs whose workers are gone: those that can be done again are queued again, the others have failed.
   * Any number of processes may do this at once.
   */
  async recover(): Promise<{ readonly requeued: number; readonly failed: number }> {
    return this.#database.transaction(async (tx) => {
      const lapsed = await tx.query<Pick<RunEntity, 'id' | 'attempt' | 'kind' | 'input' | 'resumable'>>(
        `SELECT id, attempt, kind, input, resumable FROM headgate.run
         WHERE status = 'RUNNING' AND heartbeat_at < now() - make_interval(secs => $1) ORDER BY heartbeat_at LIMIT 100 FOR UPDATE SKIP LOCKED`,
        [LAPSE_SECONDS],
      );
      let requeued = 0;
      for (const run of lapsed) {
        this.#log.warn({ run: run.id, attempt: run.attempt }, 'the worker of a run is gone');
        if (run.resumable && run.attempt < MOST_ATTEMPTS) {
          await tx.query("UPDATE headgate.run SET status = 'QUEUED', worker = NULL, heartbeat_at = NULL WHERE id = $1", [run.id]);
          await this.#jobs.enqueue(tx, queueOf(run), { id: run.id });
          requeued += 1;
        } else {
          await this.#lapse(tx, run);
        }
      }
      return { requeued, failed: lapsed.length - requeued };
    });
  }

  async #lapse(tx: Queryable, run: { readonly id: string; readonly attempt: number; readonly resumable: boolean }): Promise<void> {
    const message = run.resumable
      ? `The run ended the process that did it ${run.attempt} times, and is not tried again.`
      : 'The process that received the data ended before the load was committed. Nothing was changed: send the data again.';
    await this.#writeEnd(tx, { id: run.id, attempt: run.attempt }, 'LAPSE_FINAL', 'finished_at = now(), error_code = $4, error_message = $5', [
      'UNAVAILABLE',
      message,
    ]);
  }

  async #insert(tx: Transaction, request: RunRequest, state: Pick<RunEntity, 'status' | 'resumable' | 'attempt'> & { worker?: string }) {
    // Milliseconds, as JavaScript's dates have them: the list's cursor must be able to say exactly this.
    const now = new Date();
    const running = state.status === 'RUNNING';
    const [inserted] = await tx.query<{ id: string }>(
      `INSERT INTO headgate.run (id, kind, status, dataset, pipeline, input, requested_by, idempotency_key, resumable, attempt, worker, heartbeat_at, created_at, started_at, bytes_total, requested_with, collector, partition, parent_id)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) ON CONFLICT DO NOTHING RETURNING id`,
      [
        newId(now.getTime()),
        request.kind,
        state.status,
        request.dataset ?? null,
        request.pipeline ?? null,
        JSON.stringify({ ...request.input, ...(request.collected?.isStream && { stream: true }) }),
        request.requestedBy,
        request.idempotencyKey ?? null,
        state.resumable,
        state.attempt,
        state.worker ?? null,
        running ? now : null,
        now,
        running ? now : null,
        request.bytesTotal?.toString() ?? null,
        request.requestedWith ?? null,
        request.collected?.collector ?? null,
        request.collected?.partition ?? null,
        request.parentId ?? null,
      ],
    );
    if (inserted) return { run: await tx.manager.findOneByOrFail(RunEntity, { id: inserted.id }), created: true };
    const [existing] = await tx.query<{ id: string }>(
      `SELECT id FROM headgate.run WHERE (dataset = $1 AND idempotency_key = $2 AND status NOT IN ('FAILED', 'CANCELLED'))
         OR (collector = $3 AND partition = $4 AND status IN ('QUEUED', 'RUNNING'))`,
      [request.dataset ?? null, request.idempotencyKey ?? null, request.collected?.collector ?? null, request.collected?.partition ?? null],
    );
    // The other run failed in the moment between.
    if (!existing) throw new HeadgateError('CONFLICT', 'A run with this idempotency key has just ended. Send the request again.', { dataset: request.dataset });
    return { run: await tx.manager.findOneByOrFail(RunEntity, { id: existing.id }), created: false };
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
    await tx.query("UPDATE headgate.run_step SET status = 'FAILED', finished_at = now() WHERE run_id = $1 AND status = 'RUNNING'", [run.id]);
    await tx.query('DELETE FROM headgate.run_content WHERE run_id = $1', [run.id]);
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
