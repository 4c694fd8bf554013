import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Consuming, Subscription } from '../../src/ingestion/collectors/streams/broker.js';
import { KafkaCluster } from '../../src/ingestion/collectors/streams/kafka-cluster.js';
import type { KafkaPosition } from '../../src/ingestion/collectors/streams/kafka-subscription.js';
import { KafkaBroker } from '../../src/ingestion/index.js';
import { Outbound } from '../../src/outbound/index.js';
import { certificateOf } from '../support/certificate.js';
import { until } from '../support/processes.js';
import { KafkaTestBroker, keyOf } from './brokers.js';
import type { KafkaRelayOptions } from './kafka-relay.js';
import { KafkaSaslServer } from './kafka-sasl.js';
import { KafkaServer } from './kafka-server.js';
import { rows } from './stage.js';

const SECRETS = new Map([
  ['HEADGATE_SECRET_PASSWORD', 'right'],
  ['HEADGATE_SECRET_WRONG', 'wrong'],
]);
const log = pino({ level: 'silent' });
const opened: { close(): Promise<unknown> | void }[] = [];
afterAll(async () => {
  for (const each of opened) await each.close();
});

interface Asked {
  readonly source?: object;
  readonly part?: object;
  readonly partition?: string;
  readonly position?: KafkaPosition;
  /** Hosts that may be reached; as the configuration has them. */
  readonly allow?: readonly ({ readonly host: string; readonly port?: number } | { readonly range: string; readonly port?: number })[];
}

function asking(server: { readonly url: readonly string[] }, topic: string, { source, part, partition = '0', position, allow }: Asked = {}) {
  const resolve = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
  const outbound = new Outbound({ allow: allow ?? [{ range: '127.0.0.1/32' }], log, resolve });
  opened.push(outbound);
  const collector = { name: 'c', source: 'broker', dataset: 'd', kafka: { topic, ...part } };
  const of = { name: 'broker', type: 'kafka', url: server.url, ...source };
  const consuming = { collector, source: of, partition, position, signal: new AbortController().signal, ahead: 1_000, aheadBytes: 1_000_000 };
  return { broker: new KafkaBroker(SECRETS, outbound), consuming: consuming as unknown as Consuming };
}

async function opening(server: { readonly url: readonly string[] }, topic: string, asked: Asked = {}): Promise<Subscription> {
  const { broker, consuming } = asking(server, topic, asked);
  const subscription = await broker.open(consuming);
  opened.push(subscription);
  return subscription;
}

async function refusal(server: { readonly url: readonly string[] }, topic: string, asked: Asked = {}): Promise<unknown> {
  return opening(server, topic, asked).then(
    () => 'opened',
    (error: unknown) => error,
  );
}

/** So many messages, or what came until none did. */
async function read(subscription: Subscription, count: number) {
  const messages = [];
  let waiting: number | undefined;
  let missed = 0;
  for (let empty = 0; messages.length < count && empty < 3;) {
    const arrival = await subscription.next();
    messages.push(...arrival.messages);
    ({ waiting } = arrival);
    missed += arrival.missed ?? 0;
    if (arrival.messages.length === 0) empty += 1;
  }
  return { messages, texts: messages.map(({ data }) => Buffer.from(data).toString()), waiting, missed };
}

/** How the batches of the first partition are compressed, as the protocol numbers it. */
async function codecsOf(server: KafkaServer, topic: string): Promise<readonly number[]> {
  const outbound = new Outbound({ allow: [{ range: '127.0.0.1/32' }], log });
  const cluster = await KafkaCluster.open({ name: 'broker', type: 'kafka', url: [...server.url] }, SECRETS, outbound);
  opened.push(outbound, cluster);
  const fetched = await cluster.fetch({ topic: await cluster.topic(topic), partition: 0 }, 0, 1_000_000);
  return fetched?.batches.map((batch) => ('attributes' in batch ? batch.attributes & 7 : -1)) ?? [];
}

async function start(options: KafkaRelayOptions = {}): Promise<KafkaServer | undefined> {
  const server = await KafkaServer.start(options);
  if (server) opened.push(server);
  return server;
}

const plain = await start();

describe('a broker of Kafka', () => {
  let server: KafkaServer;
  let kafka: KafkaTestBroker;
  beforeAll(() => {
    if (!plain) return;
    server = plain;
    kafka = new KafkaTestBroker(plain);
  });
  beforeEach(({ skip }) => {
    if (!plain) skip('there is no librdkafka here: npm ci leaves it out under a Node older than 24');
  });

  test.each([
    ['gzip', 1],
    ['snappy', 2],
    ['lz4', 3],
  ])('messages that were compressed by %s are read, from the middle of a batch, too', async (codec, mark) => {
    const topic = `packed.${codec}`;
    await server.create(topic);
    const payloads = rows(1, 200, { more: 'x'.repeat(100) });
    const key = Buffer.from(keyOf(0)).toString('base64');
    await server.publish(
      topic,
      payloads.map((payload) => [Buffer.from(payload).toString('base64'), key]),
      { 'compression.codec': codec, 'linger.ms': '200' },
    );
    expect(await codecsOf(server, topic)).toContain(mark);
    expect((await read(await opening(server, topic), 200)).texts).toEqual(payloads);
    const { texts, waiting } = await read(await opening(server, topic, { position: { offset: 120 } }), 80);
    expect(texts).toEqual(payloads.slice(120));
    expect(waiting).toBe(0);
  });

  test('what comes is told with its key, headers, partition and offset', async () => {
    await server.create('facts');
    const [content, key] = [Buffer.from('{}').toString('base64'), Buffer.from(keyOf(2)).toString('base64')];
    await server.publish('facts', [[content, key, { trace: 'abc', empty: '' }]]);
    const { messages } = await read(await opening(server, 'facts', { partition: '2' }), 1);
    expect(messages).toMatchObject([{ place: '2/0', partition: 2, offset: 0, topic: 'facts', key: Buffer.from(keyOf(2)) }]);
    const headers = messages[0]?.headers?.map((each) => each.map((bytes) => Buffer.from(bytes ?? '').toString()));
    expect(headers?.toSorted()).toEqual([
      ['empty', ''],
      ['trace', 'abc'],
    ]);
    expect(Math.abs((messages[0]?.time ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  test('each partition of a topic is one of its own, and a topic that is not there is not made', async () => {
    await server.create('several');
    const { broker, consuming } = asking(server, 'several');
    expect(await broker.partitions(consuming.collector, consuming.source)).toEqual(['0', '1', '2', '3']);
    expect(await refusal(server, 'several', { partition: '9' })).toMatchObject({ code: 'NOT_FOUND' });
    for (let again = 0; again < 2; again += 1) {
      expect(await refusal(server, 'nowhere')).toMatchObject({ code: 'NOT_FOUND', message: 'The source broker has no such topic.' });
    }
  });

  test('partitions are told at once as they were, while the broker is away', async () => {
    const away = await start();
    if (!away) throw new Error('no cluster');
    await away.create('kept');
    const { broker, consuming } = asking(away, 'kept', { source: { timeout: '30s' } });
    expect(await broker.partitions(consuming.collector, consuming.source)).toHaveLength(4);
    await away.kill();
    expect(await broker.partitions(consuming.collector, consuming.source)).toHaveLength(4);
    const fresh = asking(away, 'kept');
    await expect(fresh.broker.partitions(fresh.consuming.collector, fresh.consuming.source)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('a group without members is told what is committed', async () => {
    await server.create('committed');
    await kafka.publish('committed', rows(1, 10));
    for (const [part, group] of [[{}, 'headgate_c'] as const, [{ group: 'lag watchers' }, 'lag watchers'] as const]) {
      const subscription = await opening(server, 'committed', { part });
      const { messages } = await read(subscription, 10);
      await subscription.committed(messages.slice(0, 4));
      expect(await server.committed(group, 'committed', 0)).toBe(4);
      await subscription.committed(messages.slice(4));
      expect(await server.committed(group, 'committed', 0)).toBe(10);
      // And is not asked where to begin.
      expect((await read(await opening(server, 'committed', { part, position: { offset: 7 } }), 3)).messages).toHaveLength(3);
    }
  });

  test('messages that were gone before they were read are counted, and what is there is read', async () => {
    await server.create('trimmed');
    await kafka.publish('trimmed', rows(1, 3));
    const subscription = await opening(server, 'trimmed');
    const { messages } = await read(subscription, 3);
    const position = subscription.positionAfter(messages[2] as (typeof messages)[0]) as KafkaPosition;
    // The brokers keep 5 MiB of a partition.
    for (let id = 4; id <= 12; id += 1) await kafka.publish('trimmed', rows(id, id, { more: 'x'.repeat(900_000) }));
    const { texts, missed } = await read(await opening(server, 'trimmed', { position }), 5);
    const ids = texts.map((text) => (JSON.parse(text) as { id: number }).id);
    expect(missed).toBeGreaterThan(1);
    expect(ids).toEqual(Array.from({ length: 9 - missed }, (_, i) => 4 + missed + i));
  });

  test('another topic of the name is not taken for it, by its id and by its length', async () => {
    await server.create('anew');
    await kafka.publish('anew', rows(1, 3));
    const subscription = await opening(server, 'anew');
    const { messages } = await read(subscription, 3);
    const position = subscription.positionAfter(messages[2] as (typeof messages)[0]) as KafkaPosition;
    expect(position).toEqual({ offset: 3, id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string });
    const other = '11111111-1111-4111-8111-111111111111';
    expect(await refusal(server, 'anew', { position: { ...position, id: other } })).toMatchObject({ code: 'CONFLICT' });
    const behind = await opening(server, 'anew', { position: { offset: 50 } });
    await expect(behind.next()).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  test('brokers that know no ids of topics are read by their names', async () => {
    const old = await start({
      versions: new Map([
        [1, 11],
        [3, 4],
      ]),
    });
    if (!old) throw new Error('no cluster');
    await old.create('old');
    await new KafkaTestBroker(old).publish('old', rows(1, 20));
    const subscription = await opening(old, 'old');
    const { messages, texts } = await read(subscription, 20);
    expect(texts).toEqual(rows(1, 20));
    expect(subscription.positionAfter(messages[19] as (typeof messages)[0])).toEqual({ offset: 20 });
    await subscription.committed(messages);
    expect(await old.committed('headgate_c', 'old', 0)).toBe(20);
    const behind = await opening(old, 'old', { position: { offset: 50 } });
    await expect(behind.next()).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await refusal(old, 'nowhere')).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('a broker that others tell of is reached only where it may be', async () => {
    const lying = await start({ advertised: '10.0.0.10' });
    if (!lying) throw new Error('no cluster');
    await lying.create('far');
    const allow = lying.url.map((url) => ({ range: '127.0.0.1/32', port: Number(new URL(url).port) }));
    expect(await refusal(lying, 'far', { allow })).toMatchObject({ code: 'BAD_USER_INPUT', details: { host: '10.0.0.10' } });
    // Nor is the operator's own address a way to others.
    SECRETS.set('HEADGATE_SECRET_URL', lying.url[0] ?? '');
    const secret = { source: { url: '${HEADGATE_SECRET_URL}' }, allow: [] };
    expect(await refusal(lying, 'far', secret)).toMatchObject({ code: 'BAD_USER_INPUT', details: { host: '10.0.0.10' } });
  });

  test('TLS is trusted by the certificate that the document names, and its name', async (context) => {
    const [right, wrong] = [await certificateOf('IP:127.0.0.1'), await certificateOf('DNS:other.example.com')];
    if (!right || !wrong) return context.skip('there is no openssl to make a certificate with');
    const safe = await start({ tls: right });
    if (!safe) throw new Error('no cluster');
    await safe.create('safe');
    await new KafkaTestBroker(safe).publish('safe', rows(1, 5));
    expect((await read(await opening(safe, 'safe', { source: { tls: { ca: right.cert } } }), 5)).texts).toEqual(rows(1, 5));
    for (const tls of [undefined, { ca: wrong.cert }]) {
      expect(await refusal(safe, 'safe', { source: { tls } })).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('can not be reached') });
    }
    // By a name, it is the name that counts, and not the address that it stands for.
    const named = { url: safe.url.map((url) => url.replace('127.0.0.1', 'data.example.com')) };
    expect(await refusal(named, 'safe', { source: { tls: { ca: right.cert } } })).toMatchObject({ code: 'UNAVAILABLE' });
    const both = await certificateOf('IP:127.0.0.1', 'DNS:data.example.com');
    const known = both && (await start({ tls: both }));
    if (!known) throw new Error('no cluster');
    await known.create('safe');
    const byName = { url: known.url.map((url) => url.replace('127.0.0.1', 'data.example.com')) };
    expect(await read(await opening(byName, 'safe', { source: { tls: { ca: both.cert } } }), 0)).toMatchObject({ messages: [] });
    const misnamed = await start({ tls: wrong });
    expect(misnamed && (await refusal(misnamed, 'safe', { source: { tls: { ca: wrong.cert } } }))).toMatchObject({ code: 'UNAVAILABLE' });
  });
});

test.each([
  ['basic', 'PLAIN'],
  ['scramSha256', 'SCRAM-SHA-256'],
  ['scramSha512', 'SCRAM-SHA-512'],
])('%s says who it is by %s, and a wrong password is told as such', async (way, mechanism) => {
  const server = new KafkaSaslServer('reader', 'right');
  opened.push(server);
  const url = [`kafka://127.0.0.1:${await server.open()}`];
  const source = (password: string) => ({ auth: { [way]: { user: 'reader', password } } });
  // It is no broker beyond that.
  expect(await refusal({ url }, 't', { source: source('${HEADGATE_SECRET_PASSWORD}') })).toMatchObject({ code: 'UNAVAILABLE' });
  await until('it was asked', () => server.seen.length === 1);
  expect(await refusal({ url }, 't', { source: source('${HEADGATE_SECRET_WRONG}') })).toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('refuses the credentials'),
  });
  expect(server.seen).toEqual([
    { mechanism, isRight: true },
    { mechanism, isRight: false },
  ]);
  expect(await refusal({ url }, 't', { source: source('${HEADGATE_SECRET_NOT_SET}') })).toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('HEADGATE_SECRET_NOT_SET'),
  });
});
