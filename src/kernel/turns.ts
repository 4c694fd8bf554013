import { HeadgateError } from './errors.js';

/** Lets one piece of work run at a time, in the order in which they came. */
export class Turns {
  readonly #most: number;
  readonly #what: string;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** @param most how many may wait; `what` they are, in the plural, for whoever is turned away */
  constructor({ most, what }: { readonly most: number; readonly what: string }) {
    this.#most = most;
    this.#what = what;
  }

  /** @throws HeadgateError UNAVAILABLE when too many wait; what the work throws */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting > this.#most) throw new HeadgateError('UNAVAILABLE', `${this.#most} ${this.#what} wait already. Try again later.`);
    this.#waiting += 1;
    const mine = this.#last.then(work).finally(() => (this.#waiting -= 1));
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
