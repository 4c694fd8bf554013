import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import type { Columns } from '../../src/access/index.js';
import { silentLog, type Log } from '../../src/kernel/index.js';
import { KeptAnswers } from '../../src/storage/index.js';
import { KeyRing } from '../../src/store/index.js';
import { findRedis, openRedis } from '../support/redis.js';

const redis = await findRedis();
const needsRedis = (skip: (reason: string) => void): string => {
  if ('reason' in redis) skip(redis.reason);
  return 'url' in redis ? redis.url : '';
};

const ANSWER: Columns = ['[{"id":1,"name":"Ünal 😀"}]', null, '1'];
/** Beside other tests a second is short, and Redis may be slow once. */
const PATIENT = { interval: 20, timeout: 20_000 };
const open: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

async function start(options: { keyRing?: KeyRing; redisUrl?: string; maxBytes?: number; log?: Log } = {}): Promise<KeptAnswers> {
  const kept = await KeptAnswers.open({ maxBytes: 100_000, keyRing: new KeyRing(randomBytes(32)), log: silentLog, ...options });
  open.push(() => kept.close());
  return kept;
}

function listening(): { log: Log; warnings: unknown[][] } {
  const warnings: unknown[][] = [];
  return { log: { ...silentLog, warn: (...given: unknown[]) => void warnings.push(given) } as unknown as Log, warnings };
}

async function inRedis(url: string, keyRing: KeyRing) {
  const found = await openRedis(url, `headgate:${keyRing.derive('cache/namespace', 9).toString('base64url')}`);
  open.push(found.close);
  return found;
}

test('memory gives what it was given, until its time is over', async () => {
  const kept = await start();
  await kept.set('a', ANSWER, 60_000);
  expect(await kept.get('a')).toEqual(ANSWER);
  expect(await kept.get('b')).toBeUndefined();
  await kept.set('short', ANSWER, 5);
  await vi.waitFor(() => expect(kept.memory.size).toBe(1), PATIENT);
  expect(await kept.get('short')).toBeUndefined();
});

test('memory is bounded by bytes: what was used longest ago goes, and what is too large never comes', async () => {
  const kept = await start({ maxBytes: 10_000 });
  for (let i = 0; i < 100; i++) {
    await kept.set(`k${i}`, ['x'.repeat(1_000)], 60_000);
    await kept.get('k0');
  }
  expect(kept.memory.bytes).toBeLessThanOrEqual(10_000);
  expect(kept.memory.size).toBeGreaterThan(4);
  expect(await kept.get('k0')).toBeDefined();
  expect(await kept.get('k1')).toBeUndefined();
  await kept.set('huge', ['ü'.repeat(6_000)], 60_000);
  expect(await kept.get('huge')).toBeUndefined();
  const none = await start({ maxBytes: 0 });
  await none.set('a', ANSWER, 60_000);
  expect(await none.get('a')).toBeUndefined();
});

test('another process of the installation finds it in Redis, and for no longer than it was good for', async ({ skip }) => {
  const redisUrl = needsRedis(skip);
  const keyRing = new KeyRing(randomBytes(32));
  const [one, two] = [await start({ keyRing, redisUrl }), await start({ keyRing, redisUrl })];
  const there = await inRedis(redisUrl, keyRing);
  await one.set('a', ANSWER, 60_000);
  await vi.waitFor(async () => expect(await two.get('a')).toEqual(ANSWER), PATIENT);
  expect(two.shared).toBe(1);
  // Now in its memory.
  await two.get('a');
  expect(two.shared).toBe(1);
  const [name = ''] = await there.keys();
  expect(await there.client.pTTL(name)).toBeLessThanOrEqual(60_000);
  // Whoever prolongs it in Redis does not prolong it here.
  await there.client.persist(name);
  const later = Date.now() + 60_001;
  const clock = vi.spyOn(Date, 'now').mockReturnValue(later);
  try {
    expect(await (await start({ keyRing, redisUrl })).get('a')).toBeUndefined();
  } finally {
    clock.mockRestore();
  }
});

test('another installation finds nothing, although its keys be the same', async ({ skip }) => {
  const redisUrl = needsRedis(skip);
  const keyRing = new KeyRing(randomBytes(32));
  const [one, other] = [await start({ keyRing, redisUrl }), await start({ redisUrl })];
  const there = await inRedis(redisUrl, keyRing);
  await one.set('a', ANSWER, 60_000);
  await vi.waitFor(async () => expect(await there.keys()).toHaveLength(1), PATIENT);
  expect(await other.get('a')).toBeUndefined();
});

test('who keeps Redis reads nothing in it, and what they change or exchange is no answer', async ({ skip }) => {
  const redisUrl = needsRedis(skip);
  const keyRing = new KeyRing(randomBytes(32));
  const one = await start({ keyRing, redisUrl });
  const there = await inRedis(redisUrl, keyRing);
  await vi.waitFor(async () => {
    await one.set('first', ['"secret of one"'], 60_000);
    await one.set('second', ['"secret of two"'], 60_000);
    expect(await there.keys()).toHaveLength(2);
  }, PATIENT);
  const [first = '', second = ''] = await there.keys();
  const values = await Promise.all([first, second].map(async (name) => (await there.client.get(name)) ?? ''));
  for (const value of values) {
    expect(value).not.toContain('secret');
    expect(Buffer.from((JSON.parse(value) as { value: string }).value, 'base64').toString('latin1')).not.toContain('secret');
  }
  const fresh = async (key: string) => (await start({ keyRing, redisUrl })).get(key);
  const both = async () => [await fresh('first'), await fresh('second')];
  await vi.waitFor(async () => expect(await both()).toEqual([['"secret of one"'], ['"secret of two"']]), PATIENT);

  const change = (value: string, at: number) => {
    const parsed = JSON.parse(value) as { value: string };
    const bytes = Buffer.from(parsed.value, 'base64');
    bytes[at < 0 ? bytes.length + at : at] = (bytes[at < 0 ? bytes.length + at : at] ?? 0) ^ 1;
    return JSON.stringify({ ...parsed, value: bytes.toString('base64') });
  };
  for (const altered of [
    change(values[0] ?? '', 0),
    change(values[0] ?? '', 20),
    change(values[0] ?? '', -1),
    values[1] ?? '',
    '',
    '{}',
    'nonsense',
    '{"value":"AAAA"}',
    '{"value":7}',
    'null',
  ]) {
    await there.client.set(first, altered);
    expect(await fresh('first'), altered.slice(0, 20)).toBeUndefined();
  }
  await there.client.del(first);
  await there.client.hSet(first, 'a', 'b');
  expect(await fresh('first')).toBeUndefined();
});

test('without Redis memory goes on, nothing is thrown, and the log says it once a minute without the password', async () => {
  const { log, warnings } = listening();
  const kept = await start({ redisUrl: 'redis://user:s3cret@127.0.0.1:1', log });
  for (let i = 0; i < 20; i++) {
    await kept.set(`k${i}`, ANSWER, 60_000);
    expect(await kept.get(`k${i}`)).toEqual(ANSWER);
    expect(await kept.get('none')).toBeUndefined();
  }
  await vi.waitFor(() => expect(warnings).toHaveLength(1), PATIENT);
  expect(JSON.stringify(warnings)).not.toContain('s3cret');
});

test('a Redis that takes connections and says nothing holds up one read for 50 ms, and the others not at all', async () => {
  const { server, url } = await mute();
  open.push(() => server.close());
  const { log, warnings } = listening();
  const kept = await start({ redisUrl: url, log });
  await vi.waitFor(async () => {
    expect(await kept.get('a')).toBeUndefined();
    expect(warnings).toHaveLength(1);
  }, PATIENT);
  const began = performance.now();
  for (let i = 0; i < 200; i++) {
    await kept.set(`k${i}`, ANSWER, 60_000);
    expect(await kept.get(`n${i}`)).toBeUndefined();
  }
  // If each waited it would be ten seconds.
  expect(performance.now() - began).toBeLessThan(5_000);
  expect(warnings).toHaveLength(1);
});

/** Greets like Redis, and never answers what it is asked for. */
async function mute(): Promise<{ server: Server; url: string }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const text = bytes.toString();
      if (/\r\n(GET|SET)\r\n/.test(text)) return;
      for (const _ of text.matchAll(/^\*/gm)) socket.write('+OK\r\n');
    });
    open.push(() => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
