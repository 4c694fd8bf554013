import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { DataChanges, type DataChange } from '../../src/catalog/index.js';
import { silentLog } from '../../src/kernel/index.js';
import { Notifications } from '../../src/store/index.js';
import { createWorld, type World } from './setup.js';

let world: World;
let notifications: Notifications;

beforeAll(async () => {
  world = await createWorld();
  notifications = new Notifications(world.connection, silentLog);
  await notifications.start();
  await world.apply('kind: Dataset\nname: orders\nfields: [{ name: id, type: text }]\n---\nkind: Dataset\nname: parcels\nfields: [{ name: id, type: text }]\n');
});

afterAll(async () => {
  await notifications?.close();
  await world?.close();
});

async function start({ deaf = false, pollMs = 60_000 } = {}): Promise<DataChanges> {
  const own = deaf ? new Notifications(world.connection, silentLog) : notifications;
  return DataChanges.start({ database: world.database, notifications: own, log: silentLog, pollMs });
}

async function idOf(name: string): Promise<string> {
  const [row] = await world.database.query<{ id: string }>('SELECT id FROM headgate.dataset WHERE name = $1', [name]);
  return row?.id ?? '';
}

const raise = (name: string) => world.database.query('UPDATE headgate.dataset SET data_version = data_version + 1 WHERE name = $1', [name]);

test.each([
  ['by notification', { deaf: false, pollMs: 60_000 }],
  ['by a look, when a notification was lost', { deaf: true, pollMs: 20 }],
])('it hears of a change that another process made, %s', async (_how, options) => {
  const changes = await start(options);
  const id = await idOf('orders');
  const before = changes.versionOf(id);
  const seen: DataChange[] = [];
  changes.subscribe((change) => seen.push(change));
  await raise('orders');
  await vi.waitFor(() => expect(seen).toEqual([{ id, dataset: 'orders', before, dataVersion: before + 1 }]), { interval: 5 });
  expect(changes.versionOf(id)).toBe(before + 1);
  changes.close();
});

test('a change that is rolled back, or that changes no rows, is told to nobody', async () => {
  const changes = await start();
  const seen: string[] = [];
  changes.subscribe(({ dataset }) => seen.push(dataset));
  await expect(
    world.database.transaction(async (tx) => {
      await tx.query("UPDATE headgate.dataset SET data_version = data_version + 1 WHERE name = 'orders'");
      throw new Error('rolled back');
    }),
  ).rejects.toThrow('rolled back');
  await world.database.query("UPDATE headgate.dataset SET loaded_at = now() WHERE name = 'orders'");
  await raise('parcels');
  await vi.waitFor(() => expect(seen).toEqual(['parcels']), { interval: 5 });
  changes.close();
});

test('a listener that throws takes no other with it', async () => {
  const changes = await start();
  const seen: string[] = [];
  changes.subscribe(() => {
    throw new Error('a bad listener');
  });
  changes.subscribe(({ dataset }) => seen.push(dataset));
  await raise('parcels');
  await vi.waitFor(() => expect(seen).toEqual(['parcels']), { interval: 5 });
  changes.close();
});

test('a dataset that was deleted and made again begins anew', async () => {
  const changes = await start({ pollMs: 20 });
  const old = await idOf('parcels');
  expect(changes.versionOf(old)).toBeGreaterThan(0);
  await world.apply('kind: Dataset\nname: parcels\nstate: absent\n');
  await world.apply('kind: Dataset\nname: parcels\nfields: [{ name: id, type: text }]\n');
  await raise('parcels');
  const id = await idOf('parcels');
  await vi.waitFor(() => expect([changes.versionOf(old), changes.versionOf(id)]).toEqual([0, 1]), { interval: 5 });
  changes.close();
});

test('each state of the rows has a mark of its own, the same in every process', async () => {
  const [one, two] = [await start(), await start({ deaf: true })];
  const id = await idOf('orders');
  const marks = new Set([one.markOf(id)]);
  expect(one.markOf(id)).toMatch(/^[0-9a-f-]{36}$/);
  for (let i = 0; i < 3; i++) {
    await raise('orders');
    // Who asks for it knows it at once, told or not.
    await two.refresh();
    await vi.waitFor(() => expect(one.markOf(id)).toBe(two.markOf(id)), { interval: 5 });
    marks.add(two.markOf(id));
  }
  expect(marks.size).toBe(4);
  await world.database.query("UPDATE headgate.dataset SET loaded_at = now() WHERE name = 'orders'");
  await one.refresh();
  expect(marks).toContain(one.markOf(id));
  expect(one.markOf('00000000-0000-0000-0000-000000000000')).toBeUndefined();
  one.close();
  two.close();
});

test('a database that was brought back gives no mark that other rows had, although the numbers come again', async () => {
  const changes = await start();
  const id = await idOf('orders');
  await raise('orders');
  await changes.refresh();
  const [version, mark] = [changes.versionOf(id), changes.markOf(id)];
  // As a restore does it: without a word to anybody.
  await world.database.transaction(async (tx) => {
    await tx.query('SET LOCAL session_replication_role = replica');
    await tx.query("UPDATE headgate.dataset SET data_version = 1, data_mark = gen_random_uuid() WHERE name = 'orders'");
  });
  await changes.refresh();
  expect(changes.versionOf(id)).toBe(1);
  const marks = [mark, changes.markOf(id)];
  while (changes.versionOf(id) < version) {
    await raise('orders');
    await changes.refresh();
    marks.push(changes.markOf(id));
  }
  expect(new Set(marks).size).toBe(marks.length);
  changes.close();
});
