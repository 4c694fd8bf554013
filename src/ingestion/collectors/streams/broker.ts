import type { SourceSpec } from '../../../catalog/index.js';
import type { CollectorSpec } from '../collector-shape.js';

/** A message as its broker has it. */
export interface Message {
  /** Its place in the partition, as the broker counts. */
  readonly place: number | string;
  readonly data: Uint8Array;
  /** When the broker took it, in milliseconds. */
  readonly time: number;
  /** Of NATS. */
  readonly subject?: string | undefined;
  /** Of Redis: its key. */
  readonly stream?: string | undefined;
  /** Of Kafka, with what follows. */
  readonly topic?: string | undefined;
  readonly partition?: number | undefined;
  readonly offset?: number | undefined;
  readonly key?: Uint8Array | null | undefined;
  readonly headers?: readonly (readonly [name: Uint8Array | null, value: Uint8Array | null])[] | undefined;
  /** Why its content could not be read. */
  readonly broken?: string | undefined;
}

/** Messages that came together, in their order. */
export interface Arrival<M extends Message = Message> {
  readonly messages: readonly M[];
  /** How many the broker has behind them, where it says so. */
  readonly waiting: number | undefined;
  /** Messages before these that are not there any more and were never read. */
  readonly missed?: number;
}

/** What is consumed of one partition, from a position on. Its owner calls one at a time. */
export interface Subscription<M extends Message = Message> {
  /** Where the collector begins, when it has no position yet and that must be the same the next time. */
  readonly begins?: unknown;
  /**
   * What has come, without waiting for more; when nothing has, what comes next, or an empty one after a while.
   * @throws HeadgateError UNAVAILABLE when the broker is away: open another one then
   */
  next(): Promise<Arrival<M>>;
  /** The position of a collector that has all messages up to this one. */
  positionAfter(message: M): unknown;
  /** Tells the broker what is committed. Failing costs nothing: the position is the truth. */
  committed(messages: readonly M[]): Promise<void>;
  close(): Promise<void>;
}

/** What a subscription is opened for. */
export interface Consuming {
  readonly collector: CollectorSpec;
  readonly source: SourceSpec;
  readonly partition: string;
  /** Of the last message that was committed; undefined before the first. */
  readonly position: unknown;
  /** Messages that may come in advance. */
  readonly ahead: number;
  /** Bytes of messages that may come in advance. */
  readonly aheadBytes: number;
  readonly signal: AbortSignal;
}

/** A kind of broker. */
export interface Broker {
  /**
   * Of a stream that has several. It is asked often, and answers soon, with what was known before if need be.
   * @throws HeadgateError UNAVAILABLE when the source can't be asked; NOT_FOUND when it has no such stream
   */
  partitions?(collector: CollectorSpec, source: SourceSpec, signal: AbortSignal): Promise<readonly string[]>;
  /**
   * @throws HeadgateError UNAVAILABLE when the broker is away; NOT_FOUND when it has no such stream; CONFLICT when the stream is
   *   another one than the position is of
   */
  open(consuming: Consuming): Promise<Subscription>;
  /** The place of a message, for people. */
  nameOf(consuming: Pick<Consuming, 'collector' | 'partition'>, message: Message): string;
}
