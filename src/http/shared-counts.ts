import { createClient, type RedisClientType } from '@redis/client';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { messageOf, type Log } from '../kernel/index.js';

export interface SharedCountsOptions {
  /** `redis://` or `rediss://`. */
  readonly url: string;
  readonly log: Log;
  /** What all keys begin with. */
  readonly prefix?: string;
}

/** A count that takes longer than this, in milliseconds, is not worth waiting for. */
const PATIENCE_MS = 100;
/** After a failure nobody asks for so long, in milliseconds. */
const PAUSE_MS = 1_000;
const LONGEST_RECONNECT_MS = 5_000;

/**
 * Counts that all processes share, in Redis. It is a help and no need: while Redis can't be reached, each process counts for
 * itself, which is told to the log once.
 */
export class SharedCounts {
  readonly #client: RedisClientType;
  readonly #log: Log;
  readonly #prefix: string;
  #isTold = false;
  /** Not before, on the clock of `performance`. */
  #askAfter = 0;

  /** Connects in the background. */
  constructor({ url, log, prefix = 'headgate' }: SharedCountsOptions) {
    this.#log = log;
    this.#prefix = prefix;
    this.#client = createClient({
      url,
      // What can't be asked now is not asked later: the request is long over.
      disableOfflineQueue: true,
      socket: { connectTimeout: 2_000, reconnectStrategy: (retries) => Math.min(100 * 2 ** Math.min(retries, 10), LONGEST_RECONNECT_MS) },
    });
    this.#client.on('error', (error: unknown) => this.#failed(error));
    this.#client.on('ready', () => this.#ready());
    this.#client.connect().catch((error: unknown) => this.#failed(error));
  }

  /** @param name of the bound, part of its keys @param points in a window of `seconds` */
  limiter(name: string, points: number, seconds: number): RateLimiterRedis {
    return new RateLimiterRedis({
      storeClient: this.#client,
      useRedisPackage: true,
      rejectIfRedisNotReady: true,
      keyPrefix: `${this.#prefix}:rate:${name}`,
      points,
      duration: seconds,
      // Whoever is over it is refused here until its time is over, and costs Redis nothing.
      inMemoryBlockOnConsumed: points + 1,
    });
  }

  /** What Redis says of one more; undefined when it does not say it in time. Over the bound is said, not thrown. */
  async consume(limiter: RateLimiterRedis, key: string): Promise<RateLimiterRes | undefined> {
    if (!this.#client.isReady || performance.now() < this.#askAfter) return undefined;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE_MS} ms`)), PATIENCE_MS);
    });
    try {
      return await Promise.race([limiter.consume(key), late]);
    } catch (error) {
      if (error instanceof RateLimiterRes) return error;
      this.#askAfter = performance.now() + PAUSE_MS;
      this.#failed(error);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  get isReady(): boolean {
    return this.#client.isReady;
  }

  close(): void {
    if (this.#client.isOpen) this.#client.destroy();
  }

  #failed(error: unknown): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#log.warn({ reason: messageOf(error) }, 'Redis can not be reached: until it can, rates are limited by each process for itself');
  }

  #ready(): void {
    if (this.#isTold) this.#log.warn('Redis is reached again: rates are limited by all processes together');
    this.#isTold = false;
  }
}
