import { join } from 'node:path';
import { Connection, findCoordinatorV1, metadataV10, offsetFetchV5 } from '@platformatic/kafka';
import { Child } from '../support/child.js';
import { until } from '../support/processes.js';
import { KafkaRelay, type KafkaRelayOptions } from './kafka-relay.js';

const BROKERS = 2;

/** In base64: the content, null for none; the key, which chooses the partition; headers are texts. */
export type Published = readonly [payload: string | null, key: string, headers?: Readonly<Record<string, string>>];

/** What the cluster's process is told to publish. */
export interface Publication {
  readonly id: number;
  readonly topic: string;
  readonly messages: readonly Published[];
  readonly bootstrap: string;
  /** Of librdkafka. */
  readonly configuration: Readonly<Record<string, string>>;
}

/**
 * A cluster of the test's own, of librdkafka's mock brokers, which keep topics of four partitions in memory and speak the protocol of Kafka.
 * Who asks them comes by a relay, whose addresses stay; what is published is published past it, by librdkafka.
 */
export class KafkaServer {
  readonly url: readonly string[];
  readonly #relay: KafkaRelay;
  #cluster: Cluster;

  private constructor(cluster: Cluster, relay: KafkaRelay, url: readonly string[]) {
    this.#cluster = cluster;
    this.#relay = relay;
    this.url = url;
  }

  /** Undefined where there is no librdkafka for this machine, or Node is too old for it. */
  static async start(options: KafkaRelayOptions = {}): Promise<KafkaServer | undefined> {
    const cluster = await Cluster.start().catch(() => undefined);
    if (!cluster) return undefined;
    const relay = new KafkaRelay(cluster.ports, options);
    await relay.open();
    const scheme = options.tls ? 'kafkas' : 'kafka';
    return new KafkaServer(
      cluster,
      relay,
      relay.ports.map((port) => `${scheme}://127.0.0.1:${port}`),
    );
  }

  /** Makes a topic of four partitions. */
  async create(topic: string): Promise<void> {
    const connection = new Connection('test');
    await connection.connect('127.0.0.1', this.#cluster.ports[0] ?? 0);
    await until('the topic has leaders', async () =>
      metadataV10.api.async(connection, [topic], true).then(
        ({ topics }) => topics[0]?.partitions.length === 4,
        () => false,
      ),
    );
    await connection.close();
  }

  async publish(topic: string, messages: readonly Published[], configuration: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#cluster.publish(topic, messages, configuration);
  }

  /** Where the group is, as its coordinator has it. */
  async committed(group: string, topic: string, partition: number): Promise<number> {
    const connection = new Connection('test');
    await connection.connect('127.0.0.1', this.#cluster.ports[0] ?? 0);
    const { coordinators } = await findCoordinatorV1.api.async(connection, 0, [group]);
    const coordinator = new Connection('test');
    await coordinator.connect('127.0.0.1', coordinators[0]?.port ?? 0);
    const { topics } = await offsetFetchV5.api.async(coordinator, [{ groupId: group, topics: [{ name: topic, partitionIndexes: [partition] }] }], false);
    await Promise.all([connection.close(), coordinator.close()]);
    return Number(topics[0]?.partitions[0]?.committedOffset);
  }

  /** Nobody reaches it. */
  async kill(): Promise<void> {
    this.#relay.cut();
  }

  async begin(): Promise<void> {
    await this.#relay.open();
  }

  /** Another cluster at the same addresses, with none of its topics. */
  async renew(): Promise<void> {
    await this.#cluster.close();
    this.#cluster = await Cluster.start();
    this.#relay.leadTo(this.#cluster.ports);
  }

  async close(): Promise<void> {
    this.#relay.cut();
    await this.#cluster.close();
  }
}

class Cluster {
  readonly ports: readonly number[];
  readonly #child: Child;
  readonly #publishing = new Map<number, PromiseWithResolvers<void>>();
  #published = 0;

  private constructor(child: Child, ports: readonly number[]) {
    this.#child = child;
    this.ports = ports;
    void this.#listen();
  }

  static async start(): Promise<Cluster> {
    const child = new Child(join(import.meta.dirname, 'kafka-mock.ts'), [String(BROKERS)]);
    for (;;) {
      const said = /replaced with ([\d.:,]+)/.exec(await child.line())?.[1];
      if (said !== undefined)
        return new Cluster(
          child,
          said.split(',').map((each) => Number(each.split(':')[1])),
        );
    }
  }

  async publish(topic: string, messages: readonly Published[], configuration: Readonly<Record<string, string>>): Promise<void> {
    this.#published += 1;
    const id = this.#published;
    const publishing = Promise.withResolvers<void>();
    this.#publishing.set(id, publishing);
    const bootstrap = this.ports.map((port) => `127.0.0.1:${port}`).join(',');
    this.#child.process.stdin?.write(`${JSON.stringify({ id, topic, messages, bootstrap, configuration } satisfies Publication)}\n`);
    await publishing.promise;
  }

  async close(): Promise<void> {
    await this.#child.end('SIGKILL');
  }

  /** Its log comes by the same way. */
  async #listen(): Promise<void> {
    for (;;) {
      const line = await this.#child.line().catch(() => undefined);
      if (line === undefined) break;
      if (!line.startsWith('{"published":')) continue;
      const { published, failure } = JSON.parse(line) as { published: number; failure: string | null };
      const publishing = this.#publishing.get(published);
      this.#publishing.delete(published);
      if (failure === null) publishing?.resolve();
      else publishing?.reject(new Error(failure));
    }
    for (const { reject } of this.#publishing.values()) reject(new Error('the cluster has ended'));
  }
}
