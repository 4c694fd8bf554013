import { setTimeout as delay } from 'node:timers/promises';
import { HeadgateError } from '../../../kernel/index.js';

interface Known {
  /** What they are of; another document of the same collector asks anew. */
  readonly what: string;
  partitions?: readonly string[];
  failure?: unknown;
  askedAt: number;
  asking?: Promise<void> | undefined;
}

/** A new partition is found after so long; one that can't be asked for is asked for again after so long. */
const FRESH_MS = 15_000;
const REST_MS = 2_000;
/** Whoever asks for all streams in turn is held up for so long at the most. */
const PATIENCE_MS = 1_500;

/** The partitions of streams, as their brokers told them last. */
export class KnownPartitions {
  readonly #known = new Map<string, Known>();

  /**
   * What is known; a broker that does not answer soon is waited for in the background.
   * @throws HeadgateError UNAVAILABLE when nothing is known yet; and as `ask`
   */
  async of(collector: string, what: string, ask: () => Promise<readonly string[]>): Promise<readonly string[]> {
    let known = this.#known.get(collector);
    if (known?.what !== what) {
      known = { what, askedAt: -Infinity };
      this.#known.set(collector, known);
    }
    const age = performance.now() - known.askedAt;
    if (!known.asking && age > (known.failure === undefined && known.partitions ? FRESH_MS : REST_MS)) known.asking = this.#ask(known, ask);
    if (known.partitions) return known.partitions;
    if (known.asking) await Promise.race([known.asking, delay(PATIENCE_MS, undefined, { ref: false })]);
    if (known.partitions) return known.partitions;
    throw known.failure ?? new HeadgateError('UNAVAILABLE', `The collector ${collector} waits for its source to tell its partitions.`, { collector });
  }

  async #ask(known: Known, ask: () => Promise<readonly string[]>): Promise<void> {
    try {
      known.partitions = await ask();
      delete known.failure;
    } catch (error) {
      known.failure = error;
    } finally {
      known.askedAt = performance.now();
      known.asking = undefined;
    }
  }
}
