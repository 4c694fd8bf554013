import { setTimeout as sleep } from 'node:timers/promises';

/** No more than so many requests in any span of so long: who comes too early waits, in the order in which they came. */
export class RateBudget {
  readonly #requests: number;
  readonly #perMs: number;
  readonly #now: () => number;
  /** When the last requests were let through; the oldest at `#oldest` once it is full. */
  readonly #sent: number[] = [];
  #oldest = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ requests, perMs, now = () => performance.now() }: { readonly requests: number; readonly perMs: number; readonly now?: () => number }) {
    this.#requests = requests;
    this.#perMs = perMs;
    this.#now = now;
  }

  /** Resolves when a request may be sent. What `signal` aborts throws its reason, and takes no part of the budget. */
  async take(signal: AbortSignal): Promise<void> {
    const turn = this.#last.then(() => this.#wait(signal));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const due = this.#sent.length < this.#requests ? 0 : (this.#sent[this.#oldest] ?? 0) + this.#perMs;
    // Timers may be a millisecond early.
    for (let left = due - this.#now(); left > 0; left = due - this.#now()) {
      await sleep(Math.ceil(left), undefined, { signal }).catch(() => signal.throwIfAborted());
    }
    if (this.#sent.length < this.#requests) this.#sent.push(this.#now());
    else {
      this.#sent[this.#oldest] = this.#now();
      this.#oldest = (this.#oldest + 1) % this.#requests;
    }
  }
}
