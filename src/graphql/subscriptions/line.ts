import type { Principal } from '../../identity/index.js';

/** What a connection does for its subscriptions. */
export interface Transport {
  readonly principal: Principal;
  /** Whom its subscriptions are counted for. */
  readonly holder: string;
  /** Sends an event of an operation; resolves when it has gone out, or the connection has ended. */
  send(operation: string, payload: Buffer): Promise<void>;
  /**
   * Whether the credential still holds. False when it does not: the connection is about to be closed.
   * @throws HeadgateError UNAVAILABLE when nobody could look for longer than a revocation may take.
   */
  holds(): boolean;
}

/**
 * A connection, as its subscriptions see it. One event is on its way at a time: while a client reads slowly, a subscription
 * that has more to say is noted as due, and what changed meanwhile comes as one.
 */
export class Line<Subscription> {
  readonly transport: Transport;
  readonly subscriptions = new Set<Subscription>();
  readonly #due = new Set<Subscription>();
  #isSending = false;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** Has `deliver` called for the subscription once, behind what is on its way. `deliver` never rejects. */
  wake(subscription: Subscription, deliver: (subscription: Subscription) => Promise<void>): void {
    this.#due.add(subscription);
    if (!this.#isSending) void this.#sendAll(deliver);
  }

  async #sendAll(deliver: (subscription: Subscription) => Promise<void>): Promise<void> {
    this.#isSending = true;
    for (const subscription of this.#due) {
      this.#due.delete(subscription);
      await deliver(subscription);
    }
    this.#isSending = false;
  }
}
