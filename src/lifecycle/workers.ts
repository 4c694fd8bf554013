import type { Log } from '../kernel/index.js';
import type { Database } from '../store/index.js';

/** A process that does runs, or receives them. */
export interface WorkerProcess {
  readonly id: string;
  /** As the runs that it does tell it. */
  readonly name: string;
  readonly host: string;
  readonly roles: readonly string[];
  readonly since: Date;
  readonly heartbeatAt: Date;
}

export interface WorkersOptions {
  readonly database: Pick<Database, 'query'>;
  readonly log: Log;
  readonly self: Pick<WorkerProcess, 'id' | 'name' | 'host' | 'roles'>;
}

const BEAT_MS = 3_000;
/** One that is silent for so long is not shown: it is gone, and its runs go on elsewhere. */
const GONE_SECONDS = 15;

/** Who works on this database. Each process tells of itself; who does what is in the runs. */
export class Workers {
  readonly #options: WorkersOptions;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();

  constructor(options: WorkersOptions) {
    this.#options = options;
  }

  /** Shows this process, until `stop`. */
  start(): void {
    const beat = () => {
      this.#beating = this.#beat().catch((error: unknown) =>
        this.#options.log.warn({ name: (error as Error).name }, 'that this process works could not be told'),
      );
    };
    beat();
    this.#timer = setInterval(beat, BEAT_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
    await this.#options.database.query('DELETE FROM headgate.worker WHERE id = $1', [this.#options.self.id]);
  }

  /** Those that live, the longest there first. */
  async list(): Promise<WorkerProcess[]> {
    return this.#options.database.query<WorkerProcess>(
      `SELECT id, name, host, roles, since, heartbeat_at AS "heartbeatAt" FROM headgate.worker
       WHERE heartbeat_at > now() - make_interval(secs => $1) ORDER BY since, id`,
      [GONE_SECONDS],
    );
  }

  async #beat(): Promise<void> {
    const { database, self } = this.#options;
    await database.query(
      `WITH gone AS (DELETE FROM headgate.worker WHERE heartbeat_at < now() - interval '1 hour' AND id <> $1)
       INSERT INTO headgate.worker (id, name, host, roles) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE SET heartbeat_at = now()`,
      [self.id, self.name, self.host, self.roles],
    );
  }
}
