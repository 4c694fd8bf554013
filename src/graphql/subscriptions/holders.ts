import { HeadgateError } from '../../kernel/index.js';

type Kind = 'connections' | 'subscriptions';

/** How much each principal has open. The bound is one for both kinds: a subscription may have a connection of its own. */
export class Holders {
  readonly #most: number;
  readonly #held: Readonly<Record<Kind, Map<string, number>>> = { connections: new Map(), subscriptions: new Map() };

  constructor(most: number) {
    this.#most = most;
  }

  /** To be given back with `give`. @throws HeadgateError RATE_LIMITED, and then nothing was taken. */
  take(kind: Kind, holder: string): void {
    const count = this.#held[kind].get(holder) ?? 0;
    if (count >= this.#most)
      throw new HeadgateError('RATE_LIMITED', `You have ${count} ${kind} open, and may have no more. End some first.`, { limit: this.#most });
    this.#held[kind].set(holder, count + 1);
  }

  give(kind: Kind, holder: string): void {
    const count = (this.#held[kind].get(holder) ?? 0) - 1;
    if (count > 0) this.#held[kind].set(holder, count);
    else this.#held[kind].delete(holder);
  }
}
