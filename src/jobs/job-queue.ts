import { PgBoss } from 'pg-boss';
import { isUuid, type Log } from '../kernel/index.js';
import { Notifications, type Connection } from '../store/index.js';
import { toSend, type JobOptions } from './job-options.js';
import type { Queryable } from './queryable.js';
import { Worker, type JobData, type JobHandler } from './worker.js';

export interface JobQueueOptions {
  readonly connection: Connection;
  readonly log: Log;
  /** Queues that jobs can be sent to and taken from; made when they are missing. */
  readonly queues: readonly string[];
}

export interface WorkOptions {
  readonly concurrency?: number;
  readonly grouped?: boolean;
}

/** The queue of jobs whose handler rejected so often that they are not tried again; their data are as they were. */
export const DEAD_JOBS = 'dead_jobs';

/** The channel on which the queue that got a job is named; a missed notification costs a second, not a job. */
const CHANNEL = 'headgate_jobs';

/** A job whose worker sends no heartbeat for so long is given to another; the shortest that pg-boss allows. */
const HEARTBEAT_SECONDS = 10;
/** How often lapsed heartbeats are looked for. */
const SUPERVISE_SECONDS = 2;

const QUEUE_OPTIONS = {
  heartbeatSeconds: HEARTBEAT_SECONDS,
  // Heartbeats end the jobs of dead workers; this only bounds a handler that never returns. 24 h is pg-boss's limit.
  expireInSeconds: 23 * 3600,
  retryLimit: 20,
  retryDelay: 1,
  retryBackoff: true,
  retryDelayMax: 60,
  // What happened is in the run's own row; finished jobs are of no use to anyone.
  deleteAfterSeconds: 3600,
} as const;

/**
 * Durable queues in the same PostgreSQL (schema `pgboss`). A job is an id. It is handed out at least once: a handler
 * must recognise work that was done already.
 */
export class JobQueue {
  readonly #boss: PgBoss;
  readonly #notifications: Notifications;
  readonly #log: Log;
  readonly #workers: Worker[] = [];

  private constructor(boss: PgBoss, notifications: Notifications, log: Log) {
    this.#boss = boss;
    this.#notifications = notifications;
    this.#log = log;
  }

  /** Brings the schema `pgboss` up to date (one process at a time), makes the queues, and looks after lapsed jobs. */
  static async start({ connection, log, queues }: JobQueueOptions): Promise<JobQueue> {
    const boss = new PgBoss({
      ...connection,
      schema: 'pgboss',
      application_name: 'headgate-jobs',
      max: 4,
      superviseIntervalSeconds: SUPERVISE_SECONDS,
      monitorIntervalSeconds: SUPERVISE_SECONDS,
      registerInstance: false,
      schedule: false,
    });
    boss.on('error', (error) => log.warn({ name: error.name, code: (error as { code?: unknown }).code }, 'the job queue met an error'));
    await boss.start();
    const notifications = new Notifications(connection, log);
    const jobs = new JobQueue(boss, notifications, log);
    try {
      await boss.createQueue(DEAD_JOBS, QUEUE_OPTIONS);
      for (const queue of queues) {
        await boss.createQueue(queue, { ...QUEUE_OPTIONS, deadLetter: DEAD_JOBS });
        // One that was made by an earlier version stays as it was.
        if ((await boss.getQueue(queue))?.deadLetter !== DEAD_JOBS) await boss.updateQueue(queue, { deadLetter: DEAD_JOBS });
      }
      await notifications.start();
      await notifications.listen(
        CHANNEL,
        (queue) => jobs.#wake(queue),
        () => jobs.#wake(),
      );
    } catch (error) {
      await jobs.stop({ timeoutMs: 0 });
      throw error;
    }
    return jobs;
  }

  /** Adds a job within `tx`: when that is rolled back, there was no job. Returns the job's id. */
  async enqueue(tx: Queryable, queue: string, data: JobData, options: JobOptions = {}): Promise<string> {
    if (!isUuid(data.id)) throw new TypeError('A job carries the id of a row (a UUID) and nothing else.');
    const db = { executeSql: async (text: string, values?: unknown[]) => ({ rows: await tx.query(text, values ?? []) }) };
    const id = await this.#boss.send(queue, { id: data.id }, { ...toSend(options), db });
    if (id === null) throw new Error(`The queue ${queue} took no job.`);
    await tx.query('SELECT pg_notify($1, $2)', [CHANNEL, queue]);
    return id;
  }

  /**
   * Runs the jobs of `queue` in this process, up to `concurrency` at a time, until `stop`. With `grouped` it leaves jobs alone of whose
   * group as many run as may; when two processes ask at the same moment it can be one more, so the handler looks again.
   */
  work(queue: string, handler: JobHandler, { concurrency = 4, grouped = false }: WorkOptions = {}): void {
    this.#workers.push(new Worker({ boss: this.#boss, queue, handler, concurrency, grouped, log: this.#log }));
  }

  /** Takes no more jobs, gives those that run `timeoutMs` to end, then aborts them and closes the connections. */
  async stop({ timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop(timeoutMs)));
    await this.#notifications.close();
    await this.#boss.stop({ graceful: false, close: true });
  }

  #wake(queue?: string): void {
    for (const worker of this.#workers) if (queue === undefined || worker.queue === queue) worker.wake();
  }
}
