import { HeadgateError } from '../../kernel/index.js';

/** Lets so many pieces of work run at a time; the others wait in the order in which they came. */
export class Places {
  readonly #size: number;
  readonly #most: number;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  /** @param most how many may wait */
  constructor({ size, most }: { readonly size: number; readonly most: number }) {
    this.#size = size;
    this.#most = most;
  }

  /** @throws HeadgateError UNAVAILABLE when too many wait; the signal's reason when it aborts while this waits; what the work throws */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#taken >= this.#size) await this.#wait(signal);
    else this.#taken += 1;
    try {
      return await work();
    } finally {
      const [next] = this.#waiting;
      // A place is handed on, so that nobody who comes between takes it.
      if (next) next();
      else this.#taken -= 1;
    }
  }

  async #wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#waiting.size >= this.#most) throw new HeadgateError('UNAVAILABLE', `${this.#most} requests wait already. Try again later.`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const take = () => {
      this.#waiting.delete(take);
      resolve();
    };
    const leave = () => {
      // With the place in hand already it is too late to leave: the work sees the signal itself.
      if (this.#waiting.delete(take)) reject(signal.reason as Error);
    };
    this.#waiting.add(take);
    signal.addEventListener('abort', leave, { once: true });
    await promise.finally(() => signal.removeEventListener('abort', leave));
  }
}
