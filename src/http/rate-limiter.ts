import { RateLimiterMemory, RateLimiterRes, type RateLimiterRedis } from 'rate-limiter-flexible';
import { fingerprint } from '../kernel/index.js';
import type { SharedCounts } from './shared-counts.js';

const WINDOW_S = 60;

/** So many in a minute for each key; the minute begins with the first. */
export class RateLimiter {
  readonly perMinute: number;
  readonly #local: RateLimiterMemory;
  readonly #shared: { readonly counts: SharedCounts; readonly limiter: RateLimiterRedis } | undefined;

  /** @param perMinute 0 for any number @param counts where processes share what they count; each for itself when absent */
  constructor(name: string, perMinute: number, counts?: SharedCounts) {
    this.perMinute = perMinute;
    this.#local = new RateLimiterMemory({ points: perMinute, duration: WINDOW_S });
    this.#shared = counts && { counts, limiter: counts.limiter(name, perMinute, WINDOW_S) };
  }

  /**
   * Counts one more. Without shared counts it costs a microsecond, and no turn of the event loop.
   * @returns seconds after which to come again, at least 1; 0 when it is within the bound
   */
  async take(key: string): Promise<number> {
    if (this.perMinute === 0) return 0;
    const shared = this.#shared && (await this.#shared.counts.consume(this.#shared.limiter, keyFor(key)));
    const result = shared ?? (await this.#consume(key));
    if (result.consumedPoints > 0 && result.consumedPoints <= this.perMinute) return 0;
    return Math.max(1, Math.ceil(result.msBeforeNext / 1000));
  }

  async #consume(key: string): Promise<RateLimiterRes> {
    try {
      return await this.#local.consume(key);
    } catch (error) {
      if (error instanceof RateLimiterRes) return error;
      throw error;
    }
  }
}

/** Subjects are names of people: nobody is to read them in Redis. */
function keyFor(key: string): string {
  return fingerprint(key);
}
