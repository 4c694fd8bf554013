import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { DEAD_JOBS, JobQueue, type JobHandler } from '../../src/jobs/index.js';
import { newId, silentLog } from '../../src/kernel/index.js';
import { Database, type Connection } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';

let database: Database;
let connection: Connection;
let drop: () => Promise<void>;
const started: JobQueue[] = [];

async function start(...queues: string[]): Promise<JobQueue> {
  const jobs = await JobQueue.start({ connection, log: silentLog, queues });
  started.push(jobs);
  return jobs;
}

/** A handler that notes what it did. */
function recorder(): { done: string[]; handler: JobHandler } {
  const done: string[] = [];
  return { done, handler: async ({ id }) => void done.push(id) };
}

beforeAll(async () => {
  const created = await createTestDatabase();
  ({ connection, drop } = created);
  database = await Database.open({ connection, entities: [], statementTimeoutMs: 10_000 });
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((jobs) => jobs.stop({ timeoutMs: 0 })));
});

afterAll(async () => {
  await database?.close();
  await drop?.();
});

test('a job that was added in a transaction that is rolled back never was', async () => {
  const jobs = await start('a');
  const { done, handler } = recorder();
  jobs.work('a', handler);
  const [lost, kept] = [newId(), newId()];
  await expect(
    database.transaction(async (tx) => {
      await jobs.enqueue(tx, 'a', { id: lost });
      throw new Error('stop');
    }),
  ).rejects.toThrow('stop');
  await database.transaction((tx) => jobs.enqueue(tx, 'a', { id: kept }));
  await vi.waitFor(() => expect(done).toEqual([kept]), 5_000);
  expect(await database.query('SELECT data FROM pgboss.job WHERE name = $1', ['a'])).toEqual([{ data: { id: kept } }]);
});

test('a notification wakes the worker: a job is taken well before the next poll', async () => {
  const jobs = await start('quick');
  const taken: number[] = [];
  jobs.work('quick', async () => void taken.push(performance.now()));
  const waits: number[] = [];
  for (let i = 0; i < 5; i++) {
    const sent = performance.now();
    await database.transaction((tx) => jobs.enqueue(tx, 'quick', { id: newId() }));
    await vi.waitFor(() => expect(taken).toHaveLength(i + 1), { timeout: 5_000, interval: 5 });
    waits.push((taken[i] ?? 0) - sent);
  }
  expect(waits.toSorted((a, b) => a - b)[2]).toBeLessThan(500);
});

test('a job that fails is tried again', async () => {
  const jobs = await start('flaky');
  let tries = 0;
  jobs.work('flaky', async () => {
    tries += 1;
    if (tries === 1) throw new Error('not yet');
  });
  await database.transaction((tx) => jobs.enqueue(tx, 'flaky', { id: newId() }));
  await vi.waitFor(() => expect(tries).toBe(2), 10_000);
  await vi.waitFor(async () => expect(await database.query("SELECT state FROM pgboss.job WHERE name = 'flaky'")).toEqual([{ state: 'completed' }]), 5_000);
});

test('a worker that sends no heartbeat loses its job to another, and is told by its signal', async () => {
  const [dead, alive] = [await start('orphan'), await start('orphan')];
  const id = newId();
  const released = Promise.withResolvers<void>();
  let aborted = false;
  let holding = false;
  dead.work(
    'orphan',
    async (_, { signal }) => {
      holding = true;
      signal.addEventListener('abort', () => (aborted = true), { once: true });
      // It hangs, so that it can't take the job a second time.
      await released.promise;
    },
    { concurrency: 1 },
  );
  await database.transaction((tx) => dead.enqueue(tx, 'orphan', { id }));
  await vi.waitFor(() => expect(holding).toBe(true), 5_000);
  const { done, handler } = recorder();
  alive.work('orphan', handler);
  await vi.waitFor(
    async () => {
      // As if the first had been silent for a minute; it is not, so its next heartbeat may come in between.
      await database.query("UPDATE pgboss.job SET heartbeat_on = now() - interval '1 minute' WHERE name = 'orphan' AND state = 'active' AND retry_count = 0");
      expect(done).toEqual([id]);
    },
    { timeout: 15_000, interval: 100 },
  );
  await vi.waitFor(() => expect(aborted).toBe(true), 10_000);
  released.resolve();
  await vi.waitFor(async () => expect(await database.query("SELECT state FROM pgboss.job WHERE name = 'orphan'")).toEqual([{ state: 'completed' }]), 5_000);
});

test('stop waits for what runs, and aborts it after the time given', async () => {
  const jobs = await start('slow');
  let release: (() => void) | undefined;
  let ended = false;
  jobs.work('slow', async () => {
    await new Promise<void>((resolve) => (release = resolve));
    ended = true;
  });
  await database.transaction((tx) => jobs.enqueue(tx, 'slow', { id: newId() }));
  await vi.waitFor(() => expect(release).toBeDefined(), 5_000);
  const stopped = jobs.stop({ timeoutMs: 10_000 });
  release?.();
  await stopped;
  expect(ended).toBe(true);
});

test('the job of the highest priority is taken first, and one with a time not before it', async () => {
  const jobs = await start('ordered');
  const [low, normal, high, later] = [newId(), newId(), newId(), newId()];
  const startAfter = new Date(Date.now() + 1_500);
  await database.transaction(async (tx) => {
    await jobs.enqueue(tx, 'ordered', { id: later }, { priority: 100, startAfter });
    await jobs.enqueue(tx, 'ordered', { id: low }, { priority: -50 });
    await jobs.enqueue(tx, 'ordered', { id: normal });
    await jobs.enqueue(tx, 'ordered', { id: high }, { priority: 50 });
  });
  const { done, handler } = recorder();
  let laterAt = 0;
  jobs.work(
    'ordered',
    async (data, context) => {
      if (data.id === later) laterAt = Date.now();
      await handler(data, context);
    },
    { concurrency: 1 },
  );
  await vi.waitFor(() => expect(done).toEqual([high, normal, low, later]), 10_000);
  expect(laterAt).toBeGreaterThanOrEqual(startAfter.getTime());
});

test('of a group only as many jobs run as its limit says, and jobs of no group are not held up by it', async () => {
  const jobs = await start('grouped');
  const running = new Map<string, number>();
  const most = new Map<string, number>();
  const release = Promise.withResolvers<void>();
  const groupOf = new Map<string, string>();
  await database.transaction(async (tx) => {
    for (let i = 0; i < 12; i++) {
      const id = newId();
      const group = i < 5 ? { id: 'one', limit: 1 } : i < 10 ? { id: 'three', limit: 3 } : undefined;
      groupOf.set(id, group?.id ?? 'none');
      await jobs.enqueue(tx, 'grouped', { id }, { ...(group && { group }) });
    }
  });
  jobs.work(
    'grouped',
    async ({ id }) => {
      const group = groupOf.get(id) ?? '';
      running.set(group, (running.get(group) ?? 0) + 1);
      most.set(group, Math.max(most.get(group) ?? 0, running.get(group) ?? 0));
      await release.promise;
      running.set(group, (running.get(group) ?? 0) - 1);
      groupOf.delete(id);
    },
    { concurrency: 10, grouped: true },
  );
  await vi.waitFor(() => expect([running.get('one'), running.get('three'), running.get('none')]).toEqual([1, 3, 2]), 5_000);
  release.resolve();
  await vi.waitFor(() => expect(groupOf.size).toBe(0), 15_000);
  expect([most.get('one'), most.get('three')]).toEqual([1, 3]);
});

test('a job that was rejected too often is handed on to the dead ones, with its id', async () => {
  const jobs = await start('hopeless');
  const { done, handler } = recorder();
  jobs.work(DEAD_JOBS, handler);
  jobs.work('hopeless', () => Promise.reject(new Error('never')));
  const id = newId();
  await database.transaction(async (tx) => {
    await jobs.enqueue(tx, 'hopeless', { id });
    await tx.query("UPDATE pgboss.job SET retry_limit = 0 WHERE name = 'hopeless'");
  });
  await vi.waitFor(() => expect(done).toEqual([id]), 10_000);
});

test('many small jobs run exactly once each, in batches', async () => {
  const jobs = await start('many');
  const ids = Array.from({ length: 2_000 }, () => newId());
  await database.transaction(async (tx) => {
    for (const id of ids) await jobs.enqueue(tx, 'many', { id });
  });
  const { done, handler } = recorder();
  jobs.work('many', handler, { concurrency: 500 });
  await vi.waitFor(() => expect(done).toHaveLength(ids.length), 20_000);
  expect(new Set(done).size).toBe(ids.length);
});

test('a job carries an id and nothing else', async () => {
  const jobs = await start('a');
  await expect(jobs.enqueue(database, 'a', { id: 'jane@example.com' })).rejects.toThrow(TypeError);
});
