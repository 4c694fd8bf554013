import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Live, loadCatalog, type Catalog } from '../../src/catalog/index.js';
import { silentLog } from '../../src/kernel/index.js';
import { Notifications, type Transaction } from '../../src/store/index.js';
import { createWorld, type World } from './setup.js';

let world: World;
let notifications: Notifications;

beforeAll(async () => {
  world = await createWorld();
  notifications = new Notifications(world.connection, silentLog);
  await notifications.start();
});

afterAll(async () => {
  await notifications?.close();
  await world?.close();
});

const dataset = (name: string) => `kind: Dataset\nname: ${name}\nfields: [{ name: id, type: text }]\n`;

async function start(load: (tx: Transaction) => Promise<Catalog>, { deaf = false, pollMs = 60_000 } = {}): Promise<Live<Catalog>> {
  const own = deaf ? new Notifications(world.connection, silentLog) : notifications;
  return Live.start({ database: world.database, notifications: own, load, log: silentLog, pollMs });
}

test('it hears of a change that another process made', async () => {
  const live = await start(loadCatalog);
  const seen: string[] = [];
  live.subscribe((catalog) => seen.push(...catalog.datasets.keys()));
  await world.apply(dataset('heard'));
  await vi.waitFor(() => expect(live.current.datasets.has('heard')).toBe(true), { interval: 5 });
  expect(seen).toContain('heard');
  expect(live.version).toBe(live.current.version);
  await live.close();
});

test('without notifications the poll finds it', async () => {
  const live = await start(loadCatalog, { deaf: true, pollMs: 20 });
  await world.apply(dataset('polled'));
  await vi.waitFor(() => expect(live.current.datasets.has('polled')).toBe(true), { interval: 5 });
  await live.close();
});

test('a refresh after a commit sees it, although an older one is under way, and calls share the work', async () => {
  let loads = 0;
  const hold: { until?: Promise<void> } = {};
  const live = await start(
    async (tx) => {
      loads += 1;
      const catalog = await loadCatalog(tx);
      await hold.until;
      return catalog;
    },
    { deaf: true },
  );
  const gate = Promise.withResolvers<void>();
  hold.until = gate.promise;
  await world.apply(dataset('first'));
  const early = live.refresh();
  await vi.waitFor(() => expect(loads).toBe(2), { interval: 5 });
  await world.apply(dataset('second'));
  const late = [live.refresh(), live.refresh(), live.refresh()];
  gate.resolve();
  expect((await early).datasets.has('first')).toBe(true);
  for (const catalog of await Promise.all(late)) expect(catalog.datasets.has('second')).toBe(true);
  expect(loads).toBe(3);
  await live.close();
});

test('when loading fails the last good value stays, and the next look mends it', async () => {
  let broken = false;
  const live = await start(
    async (tx) => {
      if (broken) throw new Error('broken');
      return loadCatalog(tx);
    },
    { deaf: true },
  );
  broken = true;
  await world.apply(dataset('third'));
  expect((await live.refresh()).datasets.has('third')).toBe(false);
  broken = false;
  expect((await live.refresh()).datasets.has('third')).toBe(true);
  await live.close();
});
