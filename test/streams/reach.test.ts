import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Consuming } from '../../src/ingestion/collectors/streams/broker.js';
import { KafkaBroker, NatsBroker, RedisBroker } from '../../src/ingestion/index.js';
import { Outbound } from '../../src/outbound/index.js';

/** Something inside, which is no broker. */
let inside: Server;
let port: number;
let connections = 0;
let outbound: Outbound;

beforeAll(async () => {
  outbound = new Outbound({ allow: [], log: pino({ level: 'silent' }) });
  inside = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  inside.listen(0, '127.0.0.1');
  await once(inside, 'listening');
  port = (inside.address() as AddressInfo).port;
});

afterAll(async () => {
  inside?.close();
  await outbound?.close();
});

const BROKERS = { nats: NatsBroker, redis: RedisBroker, kafka: KafkaBroker };
const PARTS = { nats: { stream: 'S' }, redis: { streams: ['s'] }, kafka: { topic: 's' } };
type Type = keyof typeof BROKERS;
const TYPES = Object.keys(BROKERS) as Type[];

async function refusal(type: Type, url: string | string[]): Promise<unknown> {
  const secrets = new Map([['HEADGATE_SECRET_URL', `${type}://127.0.0.1:${port}`]]);
  const broker = new BROKERS[type](secrets, outbound);
  const consuming = {
    collector: { name: 'c', source: 'inside', dataset: 'd', [type]: PARTS[type] },
    source: { name: 'inside', type, url },
    partition: 's',
    position: undefined,
    signal: new AbortController().signal,
    ahead: 10,
    aheadBytes: 1_000,
  } as unknown as Consuming;
  return broker.open(consuming).then(
    () => 'opened',
    (error: unknown) => error,
  );
}

test.each(TYPES)('a document leads no %s collector to a host that may not be reached', async (type) => {
  connections = 0;
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`, '169.254.169.254', '10.0.0.1']) {
    expect([host, await refusal(type, `${type}://${host}`)]).toMatchObject([host, { code: 'BAD_USER_INPUT' }]);
  }
  expect(connections).toBe(0);
});

test.each(['nats', 'kafka'] as const)('none of several servers of a cluster of %s is inside', async (type) => {
  connections = 0;
  expect(await refusal(type, [`${type}://8.8.8.8`, `${type}://127.0.0.1:${port}`])).toMatchObject({ code: 'BAD_USER_INPUT' });
  expect(connections).toBe(0);
});

test.each(TYPES)('what is connected to for %s is the address that was checked, whatever the name stands for a moment later', async (type) => {
  const safe = outbound;
  const looked: string[] = [];
  // To nobody else is there such a name.
  outbound = new Outbound({
    allow: [{ range: '127.0.0.1/32', port }],
    log: pino({ level: 'silent' }),
    resolve: async (host) => {
      looked.push(host);
      return [{ address: '127.0.0.1', family: 4 }];
    },
  });
  try {
    connections = 0;
    expect(await refusal(type, `${type}://broker.invalid:${port}`)).toMatchObject({ code: 'UNAVAILABLE' });
    expect(connections).toBeGreaterThan(0);
    expect(new Set(looked)).toEqual(new Set(['broker.invalid']));
  } finally {
    await outbound.close();
    outbound = safe;
  }
});

test.each(TYPES)('a %s URL that is a secret of the server is its operator’s, and may lead inside', async (type) => {
  connections = 0;
  expect(await refusal(type, '${HEADGATE_SECRET_URL}')).toMatchObject({ code: 'UNAVAILABLE' });
  expect(connections).toBeGreaterThan(0);
});
