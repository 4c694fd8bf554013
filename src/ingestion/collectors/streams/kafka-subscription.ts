import { HeadgateError } from '../../../kernel/index.js';
import type { Arrival, Consuming, Subscription } from './broker.js';
import type { KafkaCluster, KafkaTopic, TopicPartition } from './kafka-cluster.js';
import { messagesOf, type KafkaMessage } from './kafka-records.js';

/** Where a collector is: the offset of the next message, and the topic's id, which another one of its name does not have. */
export interface KafkaPosition {
  readonly offset: number;
  readonly id?: string;
}

interface KafkaSubscriptionOptions {
  readonly cluster: KafkaCluster;
  readonly topic: KafkaTopic;
  readonly partition: number;
  readonly group: string;
  readonly consuming: Consuming;
}

/**
 * Reads one partition from our own position, as whoever holds its run; no consumer group shares it out. A fetch is asked for when what
 * came before was taken, so that no more than one is in memory.
 */
export class KafkaSubscription implements Subscription<KafkaMessage> {
  readonly begins: KafkaPosition | undefined;
  readonly #options: KafkaSubscriptionOptions;
  readonly #place: TopicPartition;
  #next: number;
  #isClosed = false;

  private constructor(options: KafkaSubscriptionOptions, next: number, begins?: KafkaPosition) {
    this.#options = options;
    this.#place = { topic: options.topic, partition: options.partition };
    this.#next = next;
    this.begins = begins;
  }

  /** @throws HeadgateError UNAVAILABLE; NOT_FOUND; CONFLICT when the topic is another one than the position is of */
  static async open(options: KafkaSubscriptionOptions, from: 'first' | 'new'): Promise<KafkaSubscription> {
    const { cluster, topic, partition, consuming } = options;
    const position = consuming.position as KafkaPosition | undefined;
    if (!topic.leaders.has(partition))
      throw new HeadgateError('NOT_FOUND', `The topic ${topic.name} has no partition ${partition}.`, { stream: topic.name, partition: consuming.partition });
    if (position) {
      if (position.id !== undefined && topic.id !== undefined && position.id !== topic.id) throw anotherTopic(topic, position.offset);
      return new KafkaSubscription(options, position.offset);
    }
    const offset = await cluster.offsetOf({ topic, partition }, from === 'new' ? 'end' : 'first');
    return new KafkaSubscription(options, offset, from === 'new' ? positionAt(offset, topic) : undefined);
  }

  async next(): Promise<Arrival<KafkaMessage>> {
    const { cluster, topic, partition, consuming } = this.#options;
    const from = this.#next;
    const fetched = await cluster.fetch(this.#place, from, consuming.aheadBytes);
    if (!fetched) return this.#isClosed ? { messages: [], waiting: undefined } : this.#skip(from);
    const { messages, next } = messagesOf(fetched.batches, { from, aborted: fetched.aborted, topic: topic.name, partition });
    this.#next = next;
    return { messages, waiting: Math.max(fetched.end - next, 0) };
  }

  positionAfter({ offset }: KafkaMessage): KafkaPosition {
    return positionAt(offset + 1, this.#options.topic);
  }

  async committed(messages: readonly KafkaMessage[]): Promise<void> {
    const last = messages.at(-1);
    if (last) await this.#options.cluster.commit(this.#options.group, this.#place, last.offset + 1);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#options.cluster.close();
  }

  /** What was to be read is gone, or was never there. @throws HeadgateError CONFLICT */
  async #skip(from: number): Promise<Arrival<KafkaMessage>> {
    const { cluster, topic } = this.#options;
    const first = await cluster.offsetOf(this.#place, 'first');
    const end = await cluster.offsetOf(this.#place, 'end');
    if (from > end) throw anotherTopic(topic, from);
    this.#next = Math.max(first, from);
    return { messages: [], waiting: Math.max(end - this.#next, 0), missed: this.#next - from };
  }
}

function positionAt(offset: number, { id }: KafkaTopic): KafkaPosition {
  return { offset, ...(id !== undefined && { id }) };
}

function anotherTopic({ name }: KafkaTopic, offset: number): HeadgateError {
  return new HeadgateError(
    'CONFLICT',
    `The topic ${name} was made anew since it was read up to ${offset}: its messages are others now. Reset the collector to read it from the beginning.`,
    { stream: name },
  );
}
