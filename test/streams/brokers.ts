import { crc32 } from 'node:zlib';
import { jetstreamManager, RetentionPolicy, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { createClient, type RedisClientType } from '@redis/client';
import { until } from '../support/processes.js';
import { findRedis } from '../support/redis.js';
import { KafkaServer } from './kafka-server.js';

/** What a broker is asked to do by tests; streams are its own to name. */
export interface TestBroker {
  readonly type: 'nats' | 'redis' | 'kafka';
  /** The keys of the source's document beside its name. */
  readonly source: { readonly type: string; readonly url: string | readonly string[] };
  /** Whether it can be asked for what came since a time. */
  readonly knowsTimes: boolean;
  create(stream: string): Promise<void>;
  /** In their order, to one partition. */
  publish(stream: string, messages: readonly (string | Uint8Array)[]): Promise<void>;
  /** Takes the first messages away, unread or not; not all can be told to. */
  trim?(stream: string, count: number): Promise<void>;
  /** The same name, and nothing of what was. */
  recreate(stream: string): Promise<void>;
  /** What the collector's document says of the stream. */
  part(stream: string, more?: object): object;
  partition(stream: string): string;
  /** The position of the nth message from 1, as it is told with rows in quarantine. */
  place(stream: string, n: number): Promise<string>;
  close(): Promise<void>;
}

export type FoundBroker = { readonly broker: TestBroker } | { readonly reason: string };

/** A subject of a stream of that name. */
const subjectOf = (stream: string) => `${stream}.rows`;

export class NatsTestBroker implements TestBroker {
  readonly type = 'nats';
  readonly knowsTimes = true;
  readonly source: { readonly type: string; readonly url: string };
  readonly manager: JetStreamManager;
  readonly #connection: NatsConnection;
  readonly #streams = new Set<string>();

  private constructor(url: string, connection: NatsConnection, manager: JetStreamManager) {
    this.source = { type: 'nats', url };
    this.#connection = connection;
    this.manager = manager;
  }

  static async find(url = process.env['HEADGATE_TEST_NATS_URL'] ?? 'nats://127.0.0.1:4222'): Promise<FoundBroker> {
    try {
      const connection = await connect({ servers: new URL(url).host, timeout: 2_000, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
      return { broker: new NatsTestBroker(url, connection, await jetstreamManager(connection)) };
    } catch {
      return { reason: 'no NATS with JetStream answers on 127.0.0.1:4222 (set HEADGATE_TEST_NATS_URL to one)' };
    }
  }

  async create(stream: string, retention: RetentionPolicy = RetentionPolicy.Limits): Promise<void> {
    this.#streams.add(stream);
    await this.manager.streams.add({ name: stream, subjects: [`${stream}.>`], retention });
  }

  async publish(stream: string, messages: readonly (string | Uint8Array)[], subject = subjectOf(stream)): Promise<void> {
    const before = await this.#lastOf(stream);
    for (const message of messages) this.#connection.publish(subject, message);
    await this.#connection.flush();
    while ((await this.#lastOf(stream)) < before + messages.length);
  }

  /** The number of the newest message. A broker that has just begun answers later than it listens. */
  async #lastOf(stream: string): Promise<number> {
    let last: number | undefined;
    await until(`the stream ${stream} answers`, async () => {
      last = await this.manager.streams.info(stream).then(
        ({ state }) => state.last_seq,
        () => undefined,
      );
      return last !== undefined;
    });
    return last ?? 0;
  }

  async trim(stream: string, count: number): Promise<void> {
    const { state } = await this.manager.streams.info(stream);
    await this.manager.streams.purge(stream, { seq: state.first_seq + count });
  }

  async recreate(stream: string): Promise<void> {
    await this.manager.streams.delete(stream);
    await this.create(stream);
  }

  part(stream: string, more: object = {}): object {
    return { stream, ...more };
  }

  partition(): string {
    return '';
  }

  async place(stream: string, n: number): Promise<string> {
    return `${stream}/${n}`;
  }

  async close(): Promise<void> {
    for (const stream of this.#streams) await this.manager.streams.delete(stream).catch(() => undefined);
    await this.#connection.close();
  }
}

export class RedisTestBroker implements TestBroker {
  readonly type = 'redis';
  readonly knowsTimes = true;
  readonly source: { readonly type: string; readonly url: string };
  readonly client: RedisClientType;
  readonly #streams = new Set<string>();

  private constructor(url: string, client: RedisClientType) {
    this.source = { type: 'redis', url };
    this.client = client;
  }

  static async find(given?: string): Promise<FoundBroker> {
    const found = given === undefined ? await findRedis() : { url: given };
    if ('reason' in found) return found;
    const client = createClient({ url: found.url }) as RedisClientType;
    client.on('error', () => undefined);
    await client.connect();
    return { broker: new RedisTestBroker(found.url, client) };
  }

  async create(stream: string): Promise<void> {
    this.#streams.add(stream);
    await this.client.del(stream);
  }

  async publish(stream: string, messages: readonly (string | Uint8Array)[]): Promise<void> {
    await Promise.all(messages.map((message) => this.client.xAdd(stream, '*', { data: Buffer.from(message as Uint8Array) })));
  }

  async trim(stream: string, count: number): Promise<void> {
    await this.client.xTrim(stream, 'MAXLEN', (await this.client.xLen(stream)) - count);
  }

  async recreate(stream: string): Promise<void> {
    await this.client.del(stream);
  }

  part(stream: string, more: object = {}): object {
    return { streams: [stream], entryField: 'data', ...more };
  }

  partition(stream: string): string {
    return stream;
  }

  async place(stream: string, n: number): Promise<string> {
    const entries = await this.client.xRange(stream, '-', '+', { COUNT: n });
    return `${stream}/${entries.at(-1)?.id}`;
  }

  async close(): Promise<void> {
    for (const stream of this.#streams) await this.client.del(stream);
    this.client.destroy();
  }
}

/** Of four partitions its consistent partitioner chooses the first for it. */
const FIRST_KEY = keyOf(0);

/** Kafka's protocol, by a mock cluster: each topic has four partitions. */
export class KafkaTestBroker implements TestBroker {
  readonly type = 'kafka';
  readonly knowsTimes = false;
  readonly source: { readonly type: string; readonly url: readonly string[] };
  readonly server: KafkaServer;
  readonly #streams = new Set<string>();

  constructor(server: KafkaServer) {
    this.server = server;
    this.source = { type: 'kafka', url: server.url };
  }

  static async find(): Promise<FoundBroker> {
    const server = await KafkaServer.start();
    return server ? { broker: new KafkaTestBroker(server) } : { reason: 'there is no librdkafka here: npm ci leaves it out under a Node older than 24' };
  }

  async create(stream: string): Promise<void> {
    this.#streams.add(stream);
    await this.server.create(stream);
  }

  async publish(stream: string, messages: readonly (string | Uint8Array)[], keys: readonly string[] = [FIRST_KEY]): Promise<void> {
    const base64 = (content: string | Uint8Array) => Buffer.from(content as Uint8Array).toString('base64');
    await this.server.publish(
      stream,
      messages.map((message, i) => [base64(message), base64(keys[i % keys.length] ?? '')] as const),
    );
  }

  /** The whole cluster is another one. */
  async recreate(): Promise<void> {
    await this.server.renew();
    for (const stream of this.#streams) await this.server.create(stream);
  }

  part(stream: string, more: object = {}): object {
    return { topic: stream, ...more };
  }

  partition(): string {
    return '0';
  }

  async place(stream: string, n: number): Promise<string> {
    return `${stream}/0/${n - 1}`;
  }

  async close(): Promise<void> {
    await this.server.close();
  }
}

/** A key of messages that go to the partition. */
export function keyOf(partition: number): string {
  for (let i = 0; ; i += 1) if (crc32(`key ${i}`) % 4 === partition) return `key ${i}`;
}
