import type { Arrival, Message, Subscription } from './broker.js';

export interface BatchLimits {
  readonly rows: number;
  readonly bytes: number;
  /** How long a message waits for others. */
  readonly waitMs: number;
}

/** Messages that land together. */
export interface MessageBatch<M extends Message = Message> {
  /** None when nothing came for a while. */
  readonly messages: readonly M[];
  /** How many are known to wait behind them. */
  readonly waiting: number | undefined;
  readonly missed: number;
}

/** Gathers what arrives into batches: one is given on when it has enough messages or bytes, or its first message has waited long enough. */
export class Batches<M extends Message> {
  readonly #subscription: Subscription<M>;
  readonly #limits: BatchLimits;
  #arriving: Promise<Arrival<M>> | undefined;
  /** Of the last arrival: what did not fit into the batch before. */
  #rest: readonly M[] = [];
  #waiting: number | undefined;

  constructor(subscription: Subscription<M>, limits: BatchLimits) {
    this.#subscription = subscription;
    this.#limits = limits;
  }

  /** @throws as the subscription, once what came before is given on */
  async next(): Promise<MessageBatch<M>> {
    const { rows, waitMs } = this.#limits;
    const messages: M[] = [];
    let bytes = 0;
    let missed = 0;
    let until = Infinity;
    const take = (arrived: readonly M[]): boolean => {
      let taken = 0;
      for (const message of arrived) {
        if (messages.length === rows || (messages.length > 0 && bytes + message.data.length > this.#limits.bytes)) break;
        messages.push(message);
        bytes += message.data.length;
        taken += 1;
      }
      this.#rest = taken === arrived.length ? [] : arrived.slice(taken);
      return this.#rest.length > 0 || messages.length === rows || bytes >= this.#limits.bytes;
    };
    let isFull = take(this.#rest);
    while (!isFull) {
      if (messages.length > 0 && until === Infinity) until = performance.now() + waitMs;
      const arrival = await this.#arrival(until);
      if (!arrival) break;
      this.#waiting = arrival.waiting;
      missed += arrival.missed ?? 0;
      isFull = take(arrival.messages);
      if (messages.length === 0) break;
    }
    return { messages, waiting: this.#waiting === undefined ? undefined : this.#waiting + this.#rest.length, missed };
  }

  /** What comes next; undefined when it has not come by then, and is waited for by the next batch. */
  async #arrival(until: number): Promise<Arrival<M> | undefined> {
    const arriving = (this.#arriving ??= this.#subscription.next());
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      if (until !== Infinity) timer = setTimeout(() => resolve(undefined), Math.max(until - performance.now(), 0));
    });
    try {
      const arrival = await Promise.race([arriving, late]);
      if (arrival) this.#arriving = undefined;
      return arrival;
    } finally {
      clearTimeout(timer);
    }
  }
}
