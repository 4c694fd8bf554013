import type { SourceSpec } from '../../../catalog/index.js';
import { canonicalJson, HeadgateError } from '../../../kernel/index.js';
import type { CollectorSpec } from '../collector-shape.js';
import type { Broker, Consuming, Message, Subscription } from './broker.js';
import type { Reach } from './check-reach.js';
import { KafkaCluster } from './kafka-cluster.js';
import { kafkaError } from './kafka-error.js';
import { KafkaSubscription } from './kafka-subscription.js';
import { KnownPartitions } from './known-partitions.js';

type KafkaPart = NonNullable<CollectorSpec['kafka']>;
type KafkaSource = Extract<SourceSpec, { type: 'kafka' }>;

/** Topics of Kafka. They are read without a consumer group; one that has no members follows our positions, for those who look at it. */
export class KafkaBroker implements Broker {
  readonly #secrets: ReadonlyMap<string, string>;
  readonly #reach: Reach;
  readonly #partitions = new KnownPartitions();

  constructor(secrets: ReadonlyMap<string, string>, reach: Reach) {
    this.#secrets = secrets;
    this.#reach = reach;
  }

  async partitions(collector: CollectorSpec, source: SourceSpec): Promise<readonly string[]> {
    const { part, kafka } = asked(collector, source);
    return this.#partitions.of(collector.name, canonicalJson([source, part.topic]), async () => {
      const cluster = await KafkaCluster.open(kafka, this.#secrets, this.#reach);
      try {
        const { leaders } = await cluster.topic(part.topic);
        return [...leaders.keys()].toSorted((a, b) => a - b).map(String);
      } finally {
        await cluster.close();
      }
    });
  }

  nameOf({ collector }: Pick<Consuming, 'collector'>, { place }: Message): string {
    return `${collector.kafka?.topic ?? ''}/${place}`;
  }

  async open(consuming: Consuming): Promise<Subscription> {
    const { collector, source, partition } = consuming;
    const { part, kafka } = asked(collector, source);
    const cluster = await KafkaCluster.open(kafka, this.#secrets, this.#reach);
    try {
      const topic = await cluster.topic(part.topic);
      const group = part.group ?? `headgate_${collector.name}`;
      return await KafkaSubscription.open({ cluster, topic, partition: Number(partition), group, consuming }, part.from ?? 'first');
    } catch (error) {
      await cluster.close();
      throw kafkaError(error, source.name);
    }
  }
}

function asked(collector: CollectorSpec, source: SourceSpec): { readonly part: KafkaPart; readonly kafka: KafkaSource } {
  if (source.type === 'kafka' && collector.kafka) return { part: collector.kafka, kafka: source };
  const text = `The collector ${collector.name} has no key kafka, or its source is not of type kafka.`;
  throw new HeadgateError('BAD_USER_INPUT', text, { collector: collector.name });
}
