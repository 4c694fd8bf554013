import { AckPolicy, DeliverPolicy, jetstream, type Consumer, type JetStreamManager, type JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { CollectorSpec } from '../collector-shape.js';
import { filterOf } from './nats-filter.js';

/** Deliveries that are settled at once. */
const MOST = 5_000;
const WAIT_MS = 1_000;
/** Of a process that was killed they are given to another after so long. */
const ACK_WAIT_NS = 30_000_000_000;

/**
 * A stream keeps messages as long as somebody is interested who has not acknowledged them. This is our interest: a durable consumer that
 * is given headers only, and acknowledges what is committed. What is read goes another way.
 */
export class NatsInterest {
  readonly #consumer: Consumer;
  #committed = 0;
  /** What the last settling began with. */
  #settled = 0;
  #settling: Promise<void> | undefined;
  /** What was given before it was committed. */
  #early: JsMsg[] = [];

  private constructor(consumer: Consumer) {
    this.#consumer = consumer;
  }

  static async open(connection: NatsConnection, manager: JetStreamManager, part: NonNullable<CollectorSpec['nats']>, durable: string): Promise<NatsInterest> {
    await manager.consumers.info(part.stream, durable).catch(() =>
      manager.consumers.add(part.stream, {
        durable_name: durable,
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        headers_only: true,
        ack_wait: ACK_WAIT_NS,
        max_ack_pending: 2 * MOST,
        ...filterOf(part),
      }),
    );
    return new NatsInterest(await jetstream(connection).consumers.get(part.stream, durable));
  }

  /** Acknowledges all messages up to the sequence, sooner or later. */
  async settle(sequence: number): Promise<void> {
    this.#committed = sequence;
    this.#settling ??= this.#settle().finally(() => (this.#settling = undefined));
    await this.#settling;
    if (this.#settled < sequence) await this.settle(sequence);
  }

  async #settle(): Promise<void> {
    this.#settled = this.#committed;
    for (let isMore = true; isMore;) {
      isMore = false;
      this.#take(this.#early.splice(0));
      const messages = await this.#consumer.fetch({ max_messages: MOST, expires: WAIT_MS });
      for await (const message of messages) isMore = this.#take([message]) || isMore;
    }
    // Something may have been committed while they were waited for.
    this.#take(this.#early.splice(0));
  }

  /** Acknowledges what is committed, and keeps the others. */
  #take(messages: readonly JsMsg[]): boolean {
    let isAny = false;
    for (const message of messages) {
      if (message.seq > this.#committed) this.#early.push(message);
      else {
        message.ack();
        isAny = true;
      }
    }
    return isAny;
  }
}
