import { clientKey, type Principal } from '../identity/index.js';
import { HeadgateError } from '../kernel/index.js';

export interface AdmissionOptions {
  /** Reads that one principal may have under way in this process; 0 for any number. */
  readonly max: number;
  /** What they are called; reads when absent. */
  readonly what?: string;
  /** Told of each refusal. */
  readonly onRefusal?: (principal: Principal, error: HeadgateError) => void;
}

/** Seconds: reads are short, so a place is free soon. */
const RETRY_AFTER = 1;

/** How many reads each principal has under way. Whatever reads data enters first, and leaves when the data are read. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #underWay = new Map<string, number>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /**
   * Takes a place.
   * @param address of the socket; those without a credential share their places by it
   * @returns what gives the place back; to call it twice is to call it once
   * @throws HeadgateError RATE_LIMITED with `limit` and `retryAfter` (seconds) when the principal has no place left
   */
  enter(principal: Principal, address?: string): () => void {
    const leave = this.tryEnter(principal, address);
    if (leave) return leave;
    const { max, what = 'reads' } = this.#options;
    const error = new HeadgateError('RATE_LIMITED', `You have ${max} ${what} under way, and may have no more at a time. Wait for one of them to end.`, {
      reason: 'concurrency',
      limit: max,
      retryAfter: RETRY_AFTER,
    });
    this.refused(principal, error);
    throw error;
  }

  /** Tells of a read that was refused for a limit after it had entered. */
  refused(principal: Principal, error: HeadgateError): void {
    this.#options.onRefusal?.(principal, error);
  }

  /** The same for those who can wait: undefined when there is no place. */
  tryEnter(principal: Principal, address?: string): (() => void) | undefined {
    const { max } = this.#options;
    const key = clientKey(principal, address);
    const before = this.#underWay.get(key) ?? 0;
    if (max > 0 && before >= max) return undefined;
    this.#underWay.set(key, before + 1);
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      const left = (this.#underWay.get(key) ?? 1) - 1;
      if (left > 0) this.#underWay.set(key, left);
      else this.#underWay.delete(key);
    };
  }

  /** Reads under way, of all principals. */
  get size(): number {
    let size = 0;
    for (const count of this.#underWay.values()) size += count;
    return size;
  }
}
