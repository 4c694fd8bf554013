import { afterEach, describe, expect, test } from 'vitest';
import { RateLimiter } from '../../src/http/rate-limiter.js';
import { SharedCounts } from '../../src/http/shared-counts.js';
import { newId, silentLog } from '../../src/kernel/index.js';
import { until } from '../support/processes.js';
import { deleteKeys, findRedis, relayTo } from '../support/redis.js';

const redis = await findRedis();
const prefix = `headgate-test-${newId()}`;
const opened: SharedCounts[] = [];

afterEach(async () => {
  for (const counts of opened.splice(0)) counts.close();
  if ('url' in redis) await deleteKeys(redis.url, prefix);
});

async function takes(limiter: RateLimiter, key: string, times: number): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < times; i++) all.push(await limiter.take(key));
  return all;
}

test('so many a minute pass, the next is told when to come again, and others are not concerned', async () => {
  const limiter = new RateLimiter('a', 3);
  expect(await takes(limiter, 'ada', 3)).toEqual([0, 0, 0]);
  const seconds = await limiter.take('ada');
  expect(seconds).toBeGreaterThan(50);
  expect(seconds).toBeLessThanOrEqual(60);
  expect(await limiter.take('bob')).toBe(0);
});

test('0 is no limit', async () => {
  expect(new Set(await takes(new RateLimiter('a', 0), 'ada', 1000))).toEqual(new Set([0]));
});

test('it costs no turn of the event loop', async () => {
  const limiter = new RateLimiter('a', 10);
  let turned = false;
  setImmediate(() => (turned = true));
  await takes(limiter, 'ada', 20);
  expect(turned).toBe(false);
});

describe('with Redis', () => {
  const open = (url: string): SharedCounts => {
    const counts = new SharedCounts({ url, log: silentLog, prefix });
    opened.push(counts);
    return counts;
  };
  const ready = async (url: string): Promise<SharedCounts> => {
    const counts = open(url);
    await until('Redis is reached', () => counts.isReady);
    return counts;
  };

  test('processes count together, and no subject is readable there', async (context) => {
    if ('reason' in redis) return context.skip(redis.reason);
    const [one, other] = [new RateLimiter('a', 4, await ready(redis.url)), new RateLimiter('a', 4, await ready(redis.url))];
    expect(await takes(one, 'token ada@example.com', 2)).toEqual([0, 0]);
    expect(await takes(other, 'token ada@example.com', 2)).toEqual([0, 0]);
    expect(await one.take('token ada@example.com')).toBeGreaterThan(0);
    expect(await takes(other, 'token ada@example.com', 2)).toEqual([expect.any(Number), expect.any(Number)]);
    const keys = await deleteKeys(redis.url, prefix);
    expect(keys).toHaveLength(1);
    expect(keys.join()).not.toContain('ada');
  });

  test('a Redis that is not there stops nobody: each process counts for itself', async () => {
    const limiter = new RateLimiter('a', 2, open('redis://127.0.0.1:1'));
    expect(await takes(limiter, 'ada', 3)).toEqual([0, 0, expect.any(Number)]);
  });

  test('a Redis that is cut off, or says nothing any more, stops nobody', async (context) => {
    if ('reason' in redis) return context.skip(redis.reason);
    const cut = await relayTo(redis.url);
    const ofCut = await ready(cut.url);
    const silent = await relayTo(redis.url);
    const ofSilent = await ready(silent.url);
    try {
      const [one, other] = [new RateLimiter('b', 2, ofCut), new RateLimiter('c', 2, ofSilent)];
      expect([await one.take('bob'), await other.take('bob')]).toEqual([0, 0]);
      cut.close();
      await until('it is noticed', () => !ofCut.isReady);
      expect(await takes(one, 'bob', 3)).toEqual([0, 0, expect.any(Number)]);
      silent.silence();
      const began = performance.now();
      expect(await takes(other, 'bob', 3)).toEqual([0, 0, expect.any(Number)]);
      expect(performance.now() - began).toBeLessThan(2_000);
    } finally {
      silent.close();
    }
  });
});
