import type { PgBoss } from 'pg-boss';
import type { Log } from '../kernel/index.js';
import { CompletionBatch, type Claim } from './completion.js';
import { GROUP_CONCURRENCY } from './job-options.js';
import { Wake } from './wake.js';

/** What a job carries: the id of a row that says what is to be done. Never content. */
export interface JobData {
  readonly id: string;
}

/**
 * Does one job. When it resolves the job is done; when it rejects the job is tried again, later each time.
 * `signal` aborts when the job was given to another worker, or when the process stops and does not wait longer.
 */
export type JobHandler = (data: JobData, context: { readonly signal: AbortSignal }) => Promise<void>;

export interface WorkerOptions {
  readonly boss: PgBoss;
  readonly queue: string;
  readonly handler: JobHandler;
  /** How many jobs run at once in this process. */
  readonly concurrency: number;
  /** Whether the limits of the jobs' groups are heeded; it costs the database some work. */
  readonly grouped: boolean;
  readonly log: Log;
}

/** How long a queue goes unasked when no notification comes: retries that fall due are not notified. */
const POLL_MS = 1_000;
/** After this many milliseconds the next heartbeat; pg-boss takes a job away when none came for 10 s. */
const HEARTBEAT_MS = 3_000;
/** Jobs fetched by one statement at the most. */
const LARGEST_BATCH = 500;

interface Running {
  readonly claim: Claim;
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/**
 * Takes the jobs of one queue: fetches as many as there is room for, runs them side by side, settles them in groups.
 * pg-boss's own `work` waits between batches; this loop asks again as soon as there is room.
 */
export class Worker {
  readonly queue: string;
  readonly #options: WorkerOptions;
  readonly #running = new Map<string, Running>();
  readonly #completions: CompletionBatch;
  readonly #wake = new Wake();
  readonly #heartbeat: NodeJS.Timeout;
  readonly #loop: Promise<void>;
  #stopping = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.queue = options.queue;
    this.#completions = new CompletionBatch((claims) => options.boss.complete(options.queue, claims));
    this.#heartbeat = setInterval(() => void this.#beat(), HEARTBEAT_MS);
    this.#heartbeat.unref();
    this.#loop = this.#run();
  }

  /** Says that the queue may hold something new. */
  wake(): void {
    this.#wake.wake();
  }

  /** Takes no more jobs, waits for those that run, and after `timeoutMs` aborts them: they are tried again elsewhere. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopping = true;
    this.#wake.wake();
    const ended = Promise.all([this.#loop, ...[...this.#running.values()].map((job) => job.ended)]);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        for (const { abort } of this.#running.values()) abort.abort(new Error('The process is stopping.'));
        // A handler that does not heed its signal must not hold the process up for ever.
        timer = setTimeout(resolve, 2_000);
      }, timeoutMs);
    });
    await Promise.race([ended, timeout]);
    clearTimeout(timer);
    clearInterval(this.#heartbeat);
  }

  async #run(): Promise<void> {
    const { boss, queue, concurrency, grouped, log } = this.#options;
    while (!this.#stopping) {
      const room = concurrency - this.#running.size;
      let fetched = 0;
      if (room > 0) {
        try {
          const jobs = await boss.fetch<JobData>(queue, {
            batchSize: Math.min(room, LARGEST_BATCH),
            ...(grouped && { groupConcurrency: GROUP_CONCURRENCY }),
          });
          fetched = jobs.length;
          for (const { id, retryCount, data } of jobs) this.#start({ id, retryCount }, data);
        } catch (error) {
          log.warn({ queue, err: withoutMessage(error) }, 'the queue could not be asked for jobs');
        }
      }
      // A job that ends wakes the loop, and so does a notification.
      if (fetched === 0 || this.#running.size >= concurrency) await this.#wake.sleep(POLL_MS);
    }
  }

  #start(claim: Claim, data: JobData): void {
    const abort = new AbortController();
    const ended = this.#perform(claim, data, abort.signal).finally(() => {
      this.#running.delete(claim.id);
      this.#wake.wake();
    });
    this.#running.set(claim.id, { claim, abort, ended });
  }

  async #perform(claim: Claim, data: JobData, signal: AbortSignal): Promise<void> {
    const { boss, queue, handler, log } = this.#options;
    try {
      await handler(data, { signal });
    } catch (error) {
      log.warn({ queue, id: data.id, attempt: claim.retryCount + 1, err: withoutMessage(error) }, 'a job failed and will be tried again');
      await boss.fail(queue, claim, { error: withoutMessage(error).name }).catch(() => undefined);
      return;
    }
    // If this fails the job runs again after its heartbeat has lapsed; its handler is idempotent by its run's attempt.
    await this.#completions
      .add(claim)
      .catch((error: unknown) => log.warn({ queue, id: data.id, err: withoutMessage(error) }, 'a finished job could not be settled'));
  }

  async #beat(): Promise<void> {
    const { boss, queue, log } = this.#options;
    const jobs = [...this.#running.values()];
    if (jobs.length === 0) return;
    try {
      const response = (await boss.touch(
        queue,
        jobs.map(({ claim }) => claim),
      )) as { affected: number; settled?: string[] };
      const alive = new Set(response.settled ?? jobs.map(({ claim }) => claim.id));
      for (const { claim, abort } of jobs) {
        if (!alive.has(claim.id)) abort.abort(new Error('The job was given to another worker.'));
      }
    } catch (error) {
      log.warn({ queue, err: withoutMessage(error) }, 'the heartbeat of running jobs could not be written');
    }
  }
}

/** What may be logged of an error: its text may hold a value of data (PostgreSQL quotes what it could not read). */
function withoutMessage(error: unknown): { name: string; code?: unknown; stack?: string } {
  if (!(error instanceof Error)) return { name: typeof error };
  const stack = error.stack
    ?.split('\n')
    .filter((line) => line.startsWith('    at '))
    .join('\n');
  return { name: error.name, ...('code' in error && { code: error.code }), ...(stack && { stack }) };
}
