import { HeadgateError, isHeadgateError, type Log } from '../../kernel/index.js';
import type { RunEntity } from '../../lifecycle/index.js';
import type { Database, Transaction } from '../../store/index.js';
import type { Collector } from './collector.js';
import { isStream } from './collector-shape.js';
import type { CollectorType } from './collector-type.js';
import { forgetProblems, writeHealth } from './positions.js';
import type { StreamShares } from './stream-shares.js';

/** How often streams without a run, and runs whose collector changed, are looked for. */
const LOOK_MS = 2_000;
/** How long a source may take to tell its partitions. */
const ASK_MS = 10_000;
/** A stream that failed is begun again after so long, doubled each time, up to the longest. */
const FIRST_REST_S = 2;
const LONGEST_REST_S = 300;

/** The partition of a stream that has no others, and the place of what stands in the way of asking for them. */
const WHOLE = '';

interface StreamKeeperOptions {
  readonly database: Database;
  readonly types: ReadonlyMap<string, CollectorType>;
  readonly log: Log;
  readonly list: () => Promise<readonly Collector[]>;
  readonly submit: (tx: Transaction, collector: Collector, partition: string) => Promise<RunEntity>;
  /** What this process does now, in the order in which it began it. */
  readonly running: ReadonlyMap<string, RunningCollector>;
  readonly shares: StreamShares;
}

/** A run of a collector in this process. */
export interface RunningCollector {
  readonly collector: string;
  readonly isStream: boolean;
  /** Of the collector's document. */
  readonly version: number;
  /** Ends the run. */
  readonly stop: AbortController;
  /** Gives the run to another process. */
  readonly move: AbortController;
}

/** Sees to it that each partition of each stream has a run, and that runs end when their collector is changed, paused or removed. */
export class StreamKeeper {
  readonly #options: StreamKeeperOptions;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isWoken = false;

  constructor(options: StreamKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.wake(), LOOK_MS);
    this.#timer.unref();
    this.wake();
  }

  /** Looks now, once it was started: something has changed. */
  wake(): void {
    if (!this.#timer || this.#isWoken) return;
    this.#isWoken = true;
    this.#looking = this.#looking
      .then(() => {
        this.#isWoken = false;
        return this.look();
      })
      .catch((error: unknown) => {
        this.#options.log.warn({ name: (error as Error).name, code: (error as { code?: unknown }).code }, 'streams could not be looked after');
      });
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    if (!this.#timer) return;
    await this.#looking;
    await this.#options.shares.leave();
  }

  /** @throws HeadgateError UNAVAILABLE when the source can't be asked */
  async partitionsOf({ spec, source }: Collector): Promise<readonly string[]> {
    const type = this.#options.types.get(source.type);
    if (!type) throw new HeadgateError('UNAVAILABLE', `This process can not collect from sources of type ${source.type}.`, { collector: spec.name });
    return (await type.partitions?.(spec, source, AbortSignal.timeout(ASK_MS))) ?? [WHOLE];
  }

  /** One look at all of them. */
  async look(): Promise<void> {
    const { list, running, log, database } = this.#options;
    const collectors = await list();
    const wanted = new Map(collectors.filter(({ spec }) => !spec.paused).map((collector) => [collector.spec.name, collector.updatedAt.getTime()]));
    for (const { collector, version, stop } of running.values()) {
      if (wanted.get(collector) !== version) stop.abort(new Error('The collector was changed, paused or removed.'));
    }
    const known: string[] = [];
    for (const collector of collectors) {
      if (collector.spec.paused || !isStream(collector.spec, collector.source.type)) continue;
      try {
        const partitions = await this.partitionsOf(collector);
        if (!partitions.includes(WHOLE)) known.push(collector.spec.name);
        for (const partition of partitions) await this.#begin(collector, partition);
      } catch (error) {
        log.warn({ collector: collector.spec.name, code: isHeadgateError(error) ? error.code : (error as Error).name }, 'a stream could not be begun');
        // There is no run that could tell it.
        if (isHeadgateError(error)) await writeHealth(database, { collector: collector.spec.name, partition: WHOLE }, { problem: error.message });
      }
    }
    if (known.length > 0) await forgetProblems(database, known, WHOLE);
    await this.#balance();
  }

  /** Gives back the runs that are above this process's share, the latest first. */
  async #balance(): Promise<void> {
    const { running, shares, log } = this.#options;
    await shares.count();
    const streams = [...running.values()].filter(({ isStream, move }) => isStream && !move.signal.aborted);
    const above = streams.slice(shares.share);
    for (const { move } of above) move.abort(new Error('Another process has room for this stream.'));
    if (above.length > 0) log.info({ streams: streams.length, share: shares.share }, 'streams are given to other processes');
  }

  /** Queues a run where none is under way and none was cancelled, or has failed so lately that its source is left alone. */
  async #begin(collector: Collector, partition: string): Promise<void> {
    const { database, submit } = this.#options;
    const { name } = collector.spec;
    const [before] = await database.query<{ status: string; isRested: boolean; isOfNow: boolean }>(
      `WITH latest AS (SELECT status, finished_at, created_at FROM headgate.run WHERE collector = $1 AND partition = $2 ORDER BY created_at DESC, id DESC LIMIT 30),
         failures AS (SELECT count(*) AS n FROM latest WHERE status = 'FAILED' AND created_at > coalesce((SELECT max(created_at) FROM latest WHERE status <> 'FAILED'), '-infinity'))
       SELECT status, finished_at < now() - make_interval(secs => least($4::float8, $3::float8 * 2 ^ (n - 1))) AS "isRested", created_at > $5 AS "isOfNow"
       FROM latest, failures ORDER BY created_at DESC LIMIT 1`,
      [name, partition, FIRST_REST_S, LONGEST_REST_S, collector.updatedAt],
    );
    if (before && (before.status === 'QUEUED' || before.status === 'RUNNING')) return;
    // Whoever cancelled it wants it to stop; a change of the document, or a run that somebody asks for, begins it again.
    if (before?.status === 'CANCELLED' && before.isOfNow) return;
    if (before?.status === 'FAILED' && before.isOfNow && !before.isRested) return;
    await database.transaction((tx) => submit(tx, collector, partition));
  }
}
