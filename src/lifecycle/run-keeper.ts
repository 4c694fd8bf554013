import type { Log } from '../kernel/index.js';
import { AttemptLostError } from './attempt.js';
import type { RunCounts } from './run-request.js';
import type { RunEntity } from './run.entity.js';
import type { Runs } from './runs.js';

/** How often an attempt says that it is alive, with how far it is. */
const BEAT_MS = 1_000;
/** How often runs whose workers are gone are looked for: with the lapse of 10 s they go on within 15 s. */
const RECOVERY_MS = 2_000;
/** Of so many looks at runs without workers one is also at what was kept long enough. */
const SWEEP_EVERY = 30;

/** What the work of a run is given. */
export interface RunContext {
  /** Aborts when the run was cancelled or taken over, and when the process stops. */
  readonly signal: AbortSignal;
  /** How far it is; written with the next heartbeat. */
  progress(counts: RunCounts): void;
}

/** Does the work of a run. It ends it itself, by `runs.finish` in the transaction of its outcome; when it rejects, the run has failed. */
export type RunWork = (run: RunEntity, context: RunContext) => Promise<void>;

/** Keeps runs alive while this process works on them, and finds those that other processes left behind. */
export class RunKeeper {
  readonly #runs: Runs;
  readonly #worker: string;
  readonly #log: Log;
  #recovery: NodeJS.Timeout | undefined;
  #recovering: Promise<void> = Promise.resolve();

  /** `worker` names this process; it is told with the run. */
  constructor({ runs, worker, log }: { readonly runs: Runs; readonly worker: string; readonly log: Log }) {
    this.#runs = runs;
    this.#worker = worker;
    this.#log = log;
  }

  get worker(): string {
    return this.#worker;
  }

  /** For a worker: takes the queued run and does it. False when there is nothing to take, so a job may come twice. */
  async perform(id: string, signal: AbortSignal, work: RunWork): Promise<boolean> {
    const run = await this.#runs.claim(id, this.#worker);
    if (!run) return false;
    try {
      await this.#attend(run, signal, work);
    } catch (error) {
      if (error instanceof AttemptLostError) this.#log.info({ run: id, attempt: run.attempt }, 'a run went on without this worker');
      else if (!signal.aborted || !(await this.#runs.release(run))) await this.#runs.endTry(run, error);
    }
    return true;
  }

  /**
   * For a run that `begin` made in this process. What the work throws is kept with the run and thrown on.
   * @throws AttemptLostError when the run was cancelled meanwhile; else what the work throws.
   */
  async attend(run: RunEntity, signal: AbortSignal, work: RunWork): Promise<void> {
    try {
      await this.#attend(run, signal, work);
    } catch (error) {
      if (!(error instanceof AttemptLostError)) await this.#runs.fail(run, error);
      throw error;
    }
  }

  /** Looks for runs that lost their worker now and every 2 s, until `stop`. */
  start(): void {
    let looks = 0;
    const look = () => {
      looks += 1;
      const sweeps = looks % SWEEP_EVERY === 1;
      this.#recovering = this.#runs
        .recover()
        .then(() => (sweeps ? this.#runs.sweep() : undefined))
        .catch((error: unknown) => this.#log.warn({ name: (error as Error).name }, 'runs without a worker could not be looked for'));
    };
    look();
    this.#recovery = setInterval(look, RECOVERY_MS);
    this.#recovery.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#recovery);
    await this.#recovering;
  }

  async #attend(run: RunEntity, signal: AbortSignal, work: RunWork): Promise<void> {
    const lost = new AbortController();
    let counts: RunCounts = {};
    let beating = Promise.resolve();
    const beat = () => {
      beating = this.#runs.beat(run, counts).catch((error: unknown) => {
        if (error instanceof AttemptLostError) lost.abort(error);
        else this.#log.warn({ run: run.id, name: (error as Error).name }, 'the heartbeat of a run could not be written');
      });
    };
    const timer = setInterval(beat, BEAT_MS);
    try {
      await work(run, { signal: AbortSignal.any([signal, lost.signal]), progress: (next) => (counts = { ...counts, ...next }) });
    } catch (error) {
      // Whatever the work threw when it was interrupted, the reason is that the run was lost.
      throw lost.signal.aborted ? lost.signal.reason : error;
    } finally {
      clearInterval(timer);
      await beating;
    }
  }
}
