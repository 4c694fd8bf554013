import { join } from 'node:path';
import { Connection, metadataV10 } from '@platformatic/kafka';
import { KafkaClient, type KafkaProducer } from 'kafka-crab-js';
import { Child } from '../support/child.js';
import { until } from '../support/processes.js';
import { KafkaRelay, type KafkaRelayOptions } from './kafka-relay.js';

const BROKERS = 2;

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

  /** Past the relay. */
  get bootstrap(): string {
    return this.#cluster.bootstrap;
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

  producer(configuration: Readonly<Record<string, string>> = {}): KafkaProducer {
    const client = new KafkaClient({ brokers: this.bootstrap, clientId: 'test', logLevel: 'off' });
    return client.createProducer({ configuration: { partitioner: 'consistent', 'message.max.bytes': '4000000', ...configuration } });
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

  private constructor(child: Child, ports: readonly number[]) {
    this.#child = child;
    this.ports = ports;
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

  get bootstrap(): string {
    return this.ports.map((port) => `127.0.0.1:${port}`).join(',');
  }

  async close(): Promise<void> {
    await this.#child.end('SIGKILL');
  }
}
