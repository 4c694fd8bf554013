import { createInbox, type Msg, type NatsConnection, type Subscription as NatsCoreSubscription } from '@nats-io/transport-node';
import { Wake } from '../../../jobs/index.js';
import { HeadgateError } from '../../../kernel/index.js';
import type { Arrival, Message, Subscription } from './broker.js';
import { natsError } from './nats-connection.js';
import type { NatsInterest } from './nats-interest.js';

/** Where a collector is: a sequence of the stream, which is told from another one of its name by when it was made. */
export interface NatsPosition {
  readonly sequence: number;
  readonly created: string;
}

export interface NatsMessage extends Message {
  readonly place: number;
  /** Where it is acknowledged; empty where it is not. */
  readonly reply: string;
}

interface NatsSubscriptionOptions {
  readonly connection: NatsConnection;
  readonly stream: string;
  readonly consumer: string;
  readonly created: string;
  /** The last sequence that was read before. */
  readonly after: number;
  readonly isBegun: boolean;
  /** Whether sequences that are left out are messages that are gone. */
  readonly countsGaps: boolean;
  readonly begins: NatsPosition | undefined;
  /** Whether each message is acknowledged to its consumer. */
  readonly acknowledges: boolean;
  /** Whether somebody wants to know the subjects of messages. */
  readonly tellsSubjects: boolean;
  readonly interest: NatsInterest | undefined;
  readonly source: string;
  readonly ahead: number;
  readonly aheadBytes: number;
  readonly close: () => Promise<void>;
}

/** The server ends a request that is not answered after so long, and says in between that it lives. */
const EXPIRES_MS = 5_000;
const HEARTBEAT_MS = 1_000;
/** Without a word for so long the server, or its consumer, is gone. */
const SILENCE_MS = 4_000;
/** How long `next` waits. */
const WAIT_MS = 1_000;
/** What a message takes beside its content. */
const OVERHEAD_BYTES = 300;
const ACK = new TextEncoder().encode('+ACK');

/**
 * Asks a consumer for as many messages and bytes as there is room for. Its deliveries are numbered: when one is missing, it was lost on
 * the way, and whoever reads begins anew.
 */
export class NatsSubscription implements Subscription<NatsMessage> {
  readonly begins: NatsPosition | undefined;
  readonly #options: NatsSubscriptionOptions;
  readonly #inbox: string;
  readonly #subscription: NatsCoreSubscription;
  readonly #arrived = new Wake();
  #queue: NatsMessage[] = [];
  #queuedBytes = 0;
  #waiting: number | undefined;
  #missed = 0;
  #lastSequence: number;
  #isBegun: boolean;
  #lastDelivery = 0;
  /** Messages of the request under way that have not come. */
  #asked = 0;
  #heardAt = performance.now();
  #failure: Error | undefined;

  private constructor(options: NatsSubscriptionOptions) {
    const { connection, after, isBegun, begins } = options;
    this.#options = options;
    this.begins = begins;
    this.#lastSequence = after;
    this.#isBegun = isBegun;
    this.#inbox = createInbox();
    this.#subscription = connection.subscribe(this.#inbox, { callback: (error, message) => this.#take(error, message) });
    void connection.closed().then((error) => this.#fail(natsError(error ?? new Error('closed'), options.source)));
  }

  static open(options: NatsSubscriptionOptions): NatsSubscription {
    const subscription = new NatsSubscription(options);
    subscription.#ask();
    return subscription;
  }

  async next(): Promise<Arrival<NatsMessage>> {
    if (this.#queue.length === 0) {
      if (!this.#failure) await this.#arrived.sleep(WAIT_MS);
      if (this.#asked > 0 && performance.now() - this.#heardAt > SILENCE_MS) this.#fail(natsError(new Error('silent'), this.#options.source));
    }
    // What came before the connection was cut is good.
    if (this.#failure && this.#queue.length === 0) throw this.#failure;
    const arrival = { messages: this.#queue, waiting: this.#waiting, missed: this.#missed };
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#missed = 0;
    this.#ask();
    return arrival;
  }

  positionAfter({ place }: NatsMessage): NatsPosition {
    return { sequence: place, created: this.#options.created };
  }

  async committed(messages: readonly NatsMessage[]): Promise<void> {
    const { connection, acknowledges, interest } = this.#options;
    if (acknowledges) {
      for (const { reply } of messages) connection.publish(reply, ACK);
      await connection.flush();
    }
    const last = messages.at(-1);
    if (last) await interest?.settle(last.place);
  }

  async close(): Promise<void> {
    const { connection, close } = this.#options;
    if (connection.isClosed()) return;
    this.#subscription.unsubscribe();
    await close();
    await connection.close();
  }

  #ask(): void {
    const { connection, stream, consumer, ahead, aheadBytes } = this.#options;
    const room = ahead - this.#queue.length;
    const bytes = aheadBytes - this.#queuedBytes;
    if (this.#asked > 0 || this.#failure || connection.isClosed() || room < ahead / 2 || bytes < aheadBytes / 2) return;
    this.#asked = room;
    this.#heardAt = performance.now();
    const request = { batch: room, max_bytes: bytes, expires: EXPIRES_MS * 1e6, idle_heartbeat: HEARTBEAT_MS * 1e6 };
    connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, JSON.stringify(request), { reply: this.#inbox });
  }

  #take(error: Error | null, message: Msg): void {
    this.#heardAt = performance.now();
    if (error) return this.#fail(natsError(error, this.#options.source));
    const { headers, reply } = message;
    if (reply === undefined || reply === '') return this.#status(headers?.code ?? 503, headers?.description ?? '');
    const delivery = deliveryOf(reply);
    this.#asked -= 1;
    if (delivery.number !== this.#lastDelivery + 1)
      return this.#fail(new HeadgateError('UNAVAILABLE', 'Messages were lost on the way; they are asked for again.'));
    this.#lastDelivery = delivery.number;
    this.#waiting = delivery.waiting;
    // One that is delivered again, because its acknowledgement was lost or is late.
    if (delivery.sequence <= this.#lastSequence) {
      if (this.#options.acknowledges && this.#isOld(delivery.sequence)) this.#options.connection.publish(reply, ACK);
      if (this.#asked === 0) this.#ask();
      return;
    }
    if (this.#options.countsGaps && this.#isBegun) this.#missed += delivery.sequence - this.#lastSequence - 1;
    this.#isBegun = true;
    this.#lastSequence = delivery.sequence;
    const { acknowledges, tellsSubjects } = this.#options;
    // Both are decoded from bytes, and kept as long as the message.
    const subject = tellsSubjects ? message.subject : undefined;
    this.#queue.push({ place: delivery.sequence, data: message.data, time: delivery.time, subject, reply: acknowledges ? reply : '' });
    this.#queuedBytes += message.data.length + OVERHEAD_BYTES;
    this.#arrived.wake();
    if (this.#asked === 0) this.#ask();
  }

  /** Whether it was committed before this subscription began. */
  #isOld(sequence: number): boolean {
    return sequence <= this.#options.after;
  }

  #status(code: number, description: string): void {
    if (code === 100) return;
    this.#asked = 0;
    const isOver = code === 404 || code === 408 || (code === 409 && /batch completed|message size exceeds/i.test(description));
    if (!isOver) return this.#fail(natsError(new Error(`status ${code}`), this.#options.source));
    this.#ask();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#arrived.wake();
  }
}

interface Delivery {
  readonly sequence: number;
  readonly number: number;
  /** In milliseconds. */
  readonly time: number;
  readonly waiting: number;
}

/** `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<number>.<time>.<waiting>`; newer servers put domain and account before the stream. */
function deliveryOf(reply: string): Delivery {
  const parts = reply.split('.');
  const at = parts.length >= 11 ? 7 : 5;
  return { sequence: Number(parts[at]), number: Number(parts[at + 1]), time: Math.floor(Number(parts[at + 2]) / 1e6), waiting: Number(parts[at + 3]) };
}
