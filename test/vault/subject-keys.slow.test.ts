import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../src/kernel/index.js';
import { Database, KeyRing, Notifications } from '../../src/store/index.js';
import { DataKeys, FieldCipher, pinKeys, REWRAPPERS, SubjectKeys, subjectReference } from '../../src/vault/index.js';
import { createTestDatabase } from '../support/database.js';
import { until } from '../support/processes.js';

const ring = new KeyRing(Buffer.alloc(32, 3));
let database: Database;
const closings: (() => unknown)[] = [];

beforeAll(async () => {
  const { connection, drop } = await createTestDatabase();
  database = await Database.open({ connection, entities: [], statementTimeoutMs: 10_000 });
  closings.push(drop, () => database.close());
});
afterAll(async () => {
  for (const close of closings.toReversed()) await close();
});

async function openProcess(): Promise<{ keys: SubjectKeys; cipher: FieldCipher; statements: string[] }> {
  const statements: string[] = [];
  const watched = {
    query: <Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]> => {
      statements.push(text);
      return database.query<Row>(text, values);
    },
  };
  const notifications = new Notifications(database.connection, silentLog);
  await notifications.start();
  const keys = new SubjectKeys({ database: watched, keyRing: ring });
  await keys.listen(notifications);
  closings.push(
    () => notifications.close(),
    () => keys.close(),
  );
  return { keys, cipher: new FieldCipher(keys, new DataKeys({ database, keyRing: ring })), statements };
}

const place = (subject: string | null) => ({ dataset: 'd', field: 'f', subject });

test('all who ask for the key of a subject at one moment get the same', async () => {
  const processes = await Promise.all([openProcess(), openProcess(), openProcess()]);
  const names = Array.from({ length: 300 }, (_, i) => `person ${i}`);
  const found = await Promise.all(processes.map(async ({ keys }, i) => keys.obtain(i === 1 ? names.toReversed() : names)));
  for (const name of names) expect(new Set(found.map((keys) => keys.get(name)?.toString('hex'))).size).toBe(1);
  expect(new Set([...(found[0]?.values() ?? [])].map((key) => key.toString('hex'))).size).toBe(300);
});

test('statements do not grow with the values', async () => {
  const { cipher, statements } = await openProcess();
  const values = Array.from({ length: 500 }, (_, i) => ({ place: place(`many ${i}`), value: 'v' }));
  const envelopes = await cipher.seal(values);
  expect(statements.length).toBeLessThanOrEqual(3);
  statements.length = 0;
  const sealed = values.map((value, i) => ({ ...value, envelope: envelopes[i] ?? '' }));
  for (let i = 0; i < 5; i += 1) expect(new Set(await cipher.open(sealed))).toEqual(new Set(['v']));
  expect(statements.length).toBeLessThanOrEqual(5);
});

test('a destroyed key is gone in all processes within two seconds, and does not come back', async () => {
  const [here, there] = await Promise.all([openProcess(), openProcess()]);
  const [envelope = ''] = await here.cipher.seal([{ place: place('anna'), value: 'secret' }]);
  const [other = ''] = await here.cipher.seal([{ place: place('bert'), value: 'secret' }]);
  const open = async (process: typeof here, who = 'anna', what = envelope) => (await process.cipher.open([{ place: place(who), envelope: what }]))[0];
  expect([await open(here), await open(there)]).toEqual(['secret', 'secret']);

  await expect(
    database.transaction(async (tx) => {
      expect(await here.keys.destroy(tx, 'anna')).toBe(1);
      throw new Error('not after all');
    }),
  ).rejects.toThrow('not after all');
  expect(await open(here)).toBe('secret');

  const began = performance.now();
  await database.transaction(async (tx) => expect(await here.keys.destroy(tx, 'anna')).toBe(1));
  await until('it is null in both', async () => (await open(here)) === null && (await open(there)) === null, 2_000);
  expect(performance.now() - began).toBeLessThan(2_000);
  expect(await open(there, 'bert', other)).toBe('secret');
  await database.transaction(async (tx) => expect(await here.keys.destroy(tx, 'anna')).toBe(0));

  // What is loaded later has another key, which opens nothing of before.
  const [anew = ''] = await there.cipher.seal([{ place: place('anna'), value: 'secret' }]);
  expect(anew).not.toBe(envelope);
  expect(await open(here, 'anna', anew)).toBe('secret');
  expect(await open(here)).toBeNull();
  expect(await open(there)).toBeNull();
});

test('where the notification is lost, a destroyed key is gone within two seconds as well', async () => {
  const deaf = new SubjectKeys({ database, keyRing: ring });
  const cipher = new FieldCipher(deaf, new DataKeys({ database, keyRing: ring }));
  const [envelope = ''] = await cipher.seal([{ place: place('carla'), value: 'secret' }]);
  const open = async () => (await cipher.open([{ place: place('carla'), envelope }]))[0];
  expect(await open()).toBe('secret');
  await database.query('DELETE FROM vault.subject_key WHERE reference = $1', [subjectReference(ring, 'carla')]);
  await until('it is null', async () => (await open()) === null, 2_000);
});

test('the master key can be another one: keys are wrapped anew in batches, and open what they did', async () => {
  const { cipher } = await openProcess();
  const [envelope = ''] = await cipher.seal([{ place: place(null), value: 'of nobody' }]);
  const next = new KeyRing(Buffer.alloc(32, 4));
  await database.query("INSERT INTO vault.data_key (name, wrapped) VALUES ('foreign', decode(repeat('00', 68), 'hex'))");
  const countWrapped = async (keyId: string) =>
    (await Promise.all(REWRAPPERS.map((rewrapper) => database.transaction((tx) => rewrapper.count(tx, keyId))))).reduce((sum, count) => sum + count, 0);
  const again = (label: string, context: string, wrapped: Buffer) => {
    const secret = ring.unwrap(label, context, wrapped);
    return secret && next.wrap(label, context, secret);
  };
  const before = await countWrapped(ring.keyId);
  expect(before).toBeGreaterThan(800);
  let done = 0;
  for (const rewrapper of REWRAPPERS) {
    for (let count = -1; count !== 0; done += Math.max(count, 0))
      count = await database.transaction((tx) => rewrapper.rewrap(tx, { keyId: ring.keyId, limit: 200, again }));
  }
  expect(done).toBe(before);
  expect(await countWrapped(ring.keyId)).toBe(0);
  expect(await countWrapped(next.keyId)).toBe(before);
  await database.query("DELETE FROM vault.data_key WHERE name = 'foreign'");
  const later = new DataKeys({ database, keyRing: next });
  const opened = new FieldCipher({ obtain: async () => new Map(), find: async () => new Map() }, later);
  expect(await opened.open([{ place: place(null), envelope }])).toEqual(['of nobody']);
  await expect(new DataKeys({ database, keyRing: ring }).one('dataset/d')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

test('who somebody is referred to as stays the same under another master key', async () => {
  const [old, added] = [Buffer.alloc(32, 21), Buffer.alloc(32, 22)];
  await database.query('DELETE FROM headgate.pinned_key');
  const before = new KeyRing(old);
  const reference = subjectReference(before, 'ada');
  await pinKeys(database, before);
  expect(subjectReference(before, 'ada')).toBe(reference);
  const both = new KeyRing([old, added]);
  await both.settle({ active: new KeyRing(added).keyId, retired: new Set() });
  expect(subjectReference(both, 'ada')).not.toBe(reference);
  await pinKeys(database, both);
  expect(subjectReference(both, 'ada')).toBe(reference);
  await expect(pinKeys(database, new KeyRing(added))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});
