import { AckPolicy, DeliverPolicy, jetstreamManager, RetentionPolicy, type ConsumerConfig, type JetStreamManager, type StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { SourceSpec } from '../../../catalog/index.js';
import { HeadgateError } from '../../../kernel/index.js';
import type { CollectorSpec } from '../collector-shape.js';
import type { Broker, Consuming, Message, Subscription } from './broker.js';
import type { Reach } from './check-reach.js';
import { connectNats, natsError } from './nats-connection.js';
import { filterOf } from './nats-filter.js';
import { NatsInterest } from './nats-interest.js';
import { NatsSubscription, type NatsPosition } from './nats-subscription.js';

type NatsPart = NonNullable<CollectorSpec['nats']>;

const SECOND_NS = 1_000_000_000;
/** A consumer that nobody asks for so long is forgotten by the server. */
const FORGOTTEN_NS = 30 * SECOND_NS;
/** A message that is not acknowledged for so long is delivered again. */
const ACK_WAIT_NS = 60 * SECOND_NS;

/**
 * NATS JetStream. A stream is read from our own position by a consumer that the server forgets again. Of a stream whose messages
 * go when they are acknowledged there is a durable consumer besides, or instead, which follows our position.
 */
export class NatsBroker implements Broker {
  readonly #secrets: ReadonlyMap<string, string>;
  readonly #reach: Reach;

  constructor(secrets: ReadonlyMap<string, string>, reach: Reach) {
    this.#secrets = secrets;
    this.#reach = reach;
  }

  nameOf({ collector }: Pick<Consuming, 'collector'>, { place }: Message): string {
    return `${collector.nats?.stream ?? ''}/${place}`;
  }

  async open(consuming: Consuming): Promise<Subscription> {
    const { collector, source } = consuming;
    const part = partOf(collector);
    const connection = await connectNats(sourceOf(source), this.#secrets, this.#reach);
    try {
      return await subscribe(connection, part, consuming);
    } catch (error) {
      await connection.close();
      throw natsError(error, source.name);
    }
  }
}

async function subscribe(connection: NatsConnection, part: NatsPart, consuming: Consuming): Promise<Subscription> {
  const manager = await jetstreamManager(connection);
  const info = await manager.streams.info(part.stream);
  const position = consuming.position as NatsPosition | undefined;
  checkStream(part.stream, info, position);
  const isQueue = info.config.retention === RetentionPolicy.Workqueue;
  const begins = position === undefined && part.from === 'new' && !isQueue ? { sequence: info.state.last_seq, created: info.created } : undefined;
  const after = position?.sequence ?? begins?.sequence;
  const name = isQueue ? await addQueue(manager, part, consuming) : await addReader(manager, part, after);
  const interest =
    info.config.retention === RetentionPolicy.Interest ? await NatsInterest.open(connection, manager, part, durableOf(part, consuming)) : undefined;
  if (after !== undefined) void interest?.settle(after).catch(() => undefined);
  const isWhole = !isQueue && !interest && !part.subjects;
  return NatsSubscription.open({
    connection,
    stream: part.stream,
    consumer: name,
    created: info.created,
    after: after ?? 0,
    // What was gone before the first look was never promised.
    countsGaps: isWhole,
    isBegun: after !== undefined,
    begins,
    acknowledges: isQueue,
    tellsSubjects: Object.values(part.fields ?? {}).includes('$subject'),
    interest,
    source: consuming.source.name,
    ahead: consuming.ahead,
    aheadBytes: Math.max(consuming.aheadBytes, 2 * (connection.info?.max_payload ?? 0)),
    close: async () => {
      if (!isQueue) await manager.consumers.delete(part.stream, name).catch(() => undefined);
    },
  });
}

/** @throws HeadgateError CONFLICT when the stream is not the one of the position */
function checkStream(stream: string, { created, state }: StreamInfo, position: NatsPosition | undefined): void {
  if (position === undefined) return;
  if (position.created === created && position.sequence <= state.last_seq) return;
  throw new HeadgateError(
    'CONFLICT',
    `The stream ${stream} was made anew since it was read up to ${position.sequence}: its messages are others now. Reset the collector to read it from the beginning.`,
    { stream },
  );
}

async function addReader(manager: JetStreamManager, part: NatsPart, after: number | undefined): Promise<string> {
  const { from = 'first' } = part;
  const start: Partial<ConsumerConfig> =
    after !== undefined
      ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: after + 1 }
      : from === 'first' || from === 'new'
        ? { deliver_policy: DeliverPolicy.All }
        : { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(from).toISOString() };
  const { name } = await manager.consumers.add(part.stream, {
    ack_policy: AckPolicy.None,
    inactive_threshold: FORGOTTEN_NS,
    mem_storage: true,
    num_replicas: 1,
    ...start,
    ...filterOf(part),
  });
  return name;
}

/** A queue lets nobody else read, and gives each message until it is acknowledged: its consumer is made anew to be given all of them again. */
async function addQueue(manager: JetStreamManager, part: NatsPart, consuming: Consuming): Promise<string> {
  const durable = durableOf(part, consuming);
  await manager.consumers.delete(part.stream, durable).catch(() => undefined);
  await manager.consumers.add(part.stream, {
    durable_name: durable,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: ACK_WAIT_NS,
    max_ack_pending: -1,
    ...filterOf(part),
  });
  return durable;
}

function durableOf({ consumer }: NatsPart, { collector }: Pick<Consuming, 'collector'>): string {
  return consumer ?? `headgate_${collector.name}`;
}

function partOf({ name, nats }: CollectorSpec): NatsPart {
  if (!nats) throw new HeadgateError('BAD_USER_INPUT', `The collector ${name} has no key nats.`, { collector: name });
  return nats;
}

function sourceOf(source: SourceSpec): Extract<SourceSpec, { type: 'nats' }> {
  if (source.type !== 'nats') throw new HeadgateError('BAD_USER_INPUT', `The source ${source.name} is not of type nats.`, { source: source.name });
  return source;
}
