import type { metadataV10, RecordsBatch } from '@platformatic/kafka';
import type { SourceSpec } from '../../../catalog/index.js';
import { HeadgateError } from '../../../kernel/index.js';
import type { Reach } from './check-reach.js';
import { readBatches, type UnreadableBatch } from './kafka-batches.js';
import { kafkaClient } from './kafka-client.js';
import { KafkaConnector, WAIT_MS, type BrokerAddress, type KafkaLink } from './kafka-connection.js';
import { kafkaError, protocolErrorOf } from './kafka-error.js';
import { fetchApi } from './kafka-fetch.js';
import type { AbortedTransaction } from './kafka-records.js';

/** What a cluster tells of a topic. */
export interface KafkaTopic {
  readonly name: string;
  /** Another one of its name has another; undefined where the cluster gives none. */
  readonly id: string | undefined;
  /** The broker that has each partition now; undefined where none has. */
  readonly leaders: ReadonlyMap<number, BrokerAddress | undefined>;
}

export interface TopicPartition {
  readonly topic: KafkaTopic;
  readonly partition: number;
}

/** What a broker has of a partition, from an offset on. */
export interface Fetched {
  readonly batches: readonly (RecordsBatch | UnreadableBatch)[];
  readonly aborted: readonly AbortedTransaction[];
  /** The offset that the next message will have. */
  readonly end: number;
}

type Metadata = metadataV10.MetadataResponse;

const NO_ID = '00000000-0000-0000-0000-000000000000';
/** Only what is committed: of transactions, too. */
const READ_COMMITTED = 1;
const NO_REPLICA = -1;
const NO_EPOCH = -1;
const OF_GROUP = 0;
const OUT_OF_RANGE = 1;
/** How a time is asked for that is none. */
const TIMES = { first: -2n, end: -1n } as const;

/** A session with a cluster: what is asked of its brokers, in versions of the protocol that Kafka 2.3 and all later ones have. */
export class KafkaCluster {
  readonly #connector: KafkaConnector;
  readonly #source: string;
  /** To brokers that were met on the way. */
  readonly #links = new Map<string, Promise<KafkaLink>>();
  readonly #bootstrap: KafkaLink;
  #coordinator: { readonly group: string; readonly link: Promise<KafkaLink> } | undefined;

  private constructor(connector: KafkaConnector, bootstrap: KafkaLink, source: string) {
    this.#connector = connector;
    this.#bootstrap = bootstrap;
    this.#source = source;
  }

  /** @throws HeadgateError UNAVAILABLE; BAD_USER_INPUT for a host that may not be reached */
  static async open(source: Extract<SourceSpec, { type: 'kafka' }>, secrets: ReadonlyMap<string, string>, reach: Reach): Promise<KafkaCluster> {
    const connector = new KafkaConnector(source, secrets, reach);
    return new KafkaCluster(connector, await connector.first(), source.name);
  }

  /** @throws HeadgateError NOT_FOUND; UNAVAILABLE */
  async topic(name: string): Promise<KafkaTopic> {
    const { metadataV10, metadataV4 } = await kafkaClient();
    const { connection, knowsTopicIds } = this.#bootstrap;
    // It is not made by asking for it.
    const asked = knowsTopicIds ? metadataV10.api.async(connection, [name], false, false, false) : metadataV4.api.async(connection, [name], false, false);
    const { brokers, topics } = await (asked as Promise<Metadata>).catch((error: unknown) => {
      // Of one partition; the others are there.
      const { response } = error as { readonly response?: Metadata };
      if (response?.topics[0]?.errorCode === 0) return response;
      throw kafkaError(error, this.#source);
    });
    const [topic] = topics;
    if (!topic) throw new HeadgateError('NOT_FOUND', `The source ${this.#source} has no such topic.`, { source: this.#source });
    const id = topic.topicId === NO_ID || topic.topicId === '' ? undefined : topic.topicId;
    const leaders = topic.partitions.map(({ partitionIndex, leaderId }) => [partitionIndex, brokers.find(({ nodeId }) => nodeId === leaderId)] as const);
    return { name, id: knowsTopicIds ? id : undefined, leaders: new Map(leaders) };
  }

  /** The offset of the first message that is there, or of the next that comes. @throws HeadgateError UNAVAILABLE */
  async offsetOf({ topic, partition }: TopicPartition, place: keyof typeof TIMES): Promise<number> {
    const { listOffsetsV2 } = await kafkaClient();
    const { connection } = await this.#leader({ topic, partition });
    const asked = [{ name: topic.name, partitions: [{ partitionIndex: partition, currentLeaderEpoch: NO_EPOCH, timestamp: TIMES[place] }] }];
    const answer = await listOffsetsV2.api.async(connection, NO_REPLICA, READ_COMMITTED, asked).catch((error: unknown) => {
      throw this.#passing(error);
    });
    const [found] = answer.topics[0]?.partitions ?? [];
    if (!found) throw kafkaError(undefined, this.#source);
    return Number(found.offset);
  }

  /**
   * What comes from the offset on; nothing when it does not come for a while. Undefined when there is no such offset.
   * @throws HeadgateError UNAVAILABLE
   */
  async fetch({ topic, partition }: TopicPartition, offset: number, maxBytes: number): Promise<Fetched | undefined> {
    const { connection, knowsTopicIds } = await this.#leader({ topic, partition });
    const isById = knowsTopicIds && topic.id !== undefined;
    const wanted = { partition, currentLeaderEpoch: NO_EPOCH, fetchOffset: BigInt(offset), lastFetchedEpoch: NO_EPOCH, partitionMaxBytes: maxBytes };
    const topics = [{ topicId: (isById ? topic.id : undefined) ?? topic.name, partitions: [wanted] }];
    const fetch = await fetchApi(isById ? 'id' : 'name');
    const found = await fetch.async(connection, WAIT_MS, 1, maxBytes, READ_COMMITTED, 0, -1, topics, [], '').catch((error: unknown) => {
      throw this.#passing(error);
    });
    if (!found) throw kafkaError(undefined, this.#source);
    const { error, end, aborted, records } = found;
    if (error === OUT_OF_RANGE) return undefined;
    if (error !== 0) {
      const { ProtocolError } = await kafkaClient();
      throw this.#passing(new ProtocolError(error));
    }
    return { batches: records ? await readBatches(records) : [], aborted, end };
  }

  /** Tells the group that what is before the offset is done. @throws HeadgateError UNAVAILABLE */
  async commit(group: string, { topic, partition }: TopicPartition, offset: number): Promise<void> {
    const { offsetCommitV2 } = await kafkaClient();
    if (this.#coordinator?.group !== group) this.#coordinator = { group, link: this.#coordinatorOf(group) };
    const { link } = this.#coordinator;
    try {
      const { connection } = await link;
      const committed = [{ partitionIndex: partition, committedOffset: BigInt(offset), committedLeaderEpoch: NO_EPOCH, committedMetadata: '' }];
      // The group has no members: its partitions are shared out by us.
      await offsetCommitV2.api.async(connection, group, -1, '', null, [{ name: topic.name, partitions: committed }]);
    } catch (error) {
      this.#coordinator = undefined;
      await closed(link);
      throw this.#passing(error);
    }
  }

  async close(): Promise<void> {
    await Promise.all([Promise.resolve(this.#bootstrap), ...this.#links.values(), ...(this.#coordinator ? [this.#coordinator.link] : [])].map(closed));
  }

  async #leader({ topic, partition }: TopicPartition): Promise<KafkaLink> {
    const leader = topic.leaders.get(partition);
    if (!leader) {
      const text = `No broker of the source ${this.#source} has the partition ${partition} of ${topic.name} now.`;
      throw new HeadgateError('UNAVAILABLE', text, { source: this.#source });
    }
    const place = `${leader.host}:${leader.port}`;
    let link = this.#links.get(place);
    if (!link) {
      link = this.#connector.to(leader);
      this.#links.set(place, link);
    }
    return link;
  }

  /** A connection of its own: a broker answers what comes after a fetch when it has answered the fetch. */
  async #coordinatorOf(group: string): Promise<KafkaLink> {
    const { findCoordinatorV1 } = await kafkaClient();
    const { coordinators } = await findCoordinatorV1.api.async(this.#bootstrap.connection, OF_GROUP, [group]);
    const [coordinator] = coordinators;
    if (!coordinator) throw kafkaError(undefined, this.#source);
    return this.#connector.to(coordinator);
  }

  /** A partition that is not where it was, and comes back elsewhere. */
  #passing(error: unknown): Error {
    const said = protocolErrorOf(error);
    if (said !== 'UNKNOWN_TOPIC_OR_PARTITION') return kafkaError(error, this.#source);
    return new HeadgateError(
      'UNAVAILABLE',
      `The source ${this.#source} did not do what it was asked for (${said}).`,
      { source: this.#source },
      { cause: error },
    );
  }
}

async function closed(link: Promise<KafkaLink>): Promise<void> {
  await link.then(({ connection }) => connection.close()).catch(() => undefined);
}
