import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cancelOnAbort, Database } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';

let created: Awaited<ReturnType<typeof createTestDatabase>>;
let database: Database;

beforeAll(async () => {
  created = await createTestDatabase();
  database = await Database.open({ connection: created.connection, entities: [], statementTimeoutMs: 10_000, poolSize: 2 });
});

afterAll(async () => {
  await database?.close();
  await created?.drop();
});

test('an abort ends the statement that runs', async () => {
  const controller = new AbortController();
  const began = performance.now();
  const ended = database.transaction(async (tx) => {
    const stop = await cancelOnAbort(created.connection, tx, controller.signal);
    setTimeout(() => controller.abort(), 50);
    await tx.query('SELECT pg_sleep(60)').finally(stop);
  });
  await expect(ended).rejects.toMatchObject({ code: '57014' });
  expect(performance.now() - began).toBeLessThan(20_000);
});

test('an abort at the last moment ends no statement of whom the session belongs to next', async () => {
  for (let i = 0; i < 12; i += 1) {
    const controller = new AbortController();
    await database.transaction(async (tx) => {
      const stop = await cancelOnAbort(created.connection, tx, controller.signal);
      controller.abort();
      // So that the cancellation is on its way, more or less far.
      await delay(i);
      await stop();
      await tx.query('SELECT pg_sleep(0.1)');
    });
  }
});

test('the sessions of the pool may all wait for their cancellations', async () => {
  const controller = new AbortController();
  const all = Array.from({ length: 2 }, () =>
    database.transaction(async (tx) => {
      const stop = await cancelOnAbort(created.connection, tx, controller.signal);
      await tx.query('SELECT pg_sleep(60)').finally(stop);
    }),
  );
  await delay(200);
  controller.abort();
  for (const { status } of await Promise.allSettled(all)) expect(status).toBe('rejected');
});

test('nothing begins for who has given up already', async () => {
  const begun = database.transaction((tx) => cancelOnAbort(created.connection, tx, AbortSignal.abort(new Error('given up'))));
  await expect(begun).rejects.toThrow('given up');
});
