import { afterAll, beforeAll, expect, test } from 'vitest';
import { Loader, type LoadRequest } from '../../src/ingestion/index.js';
import { Closing, newId, silentLog } from '../../src/kernel/index.js';
import { KeyRing, Notifications } from '../../src/store/index.js';
import { MasterKeys, openFieldKeys } from '../../src/vault/index.js';
import { dataset, install, LIMITS, setup, type LoadSetup } from './setup.js';

let it: LoadSetup;
let loader: Loader;
let without: Loader;
let cipher: Awaited<ReturnType<typeof openFieldKeys>>['cipher'];
let subjectKeys: Awaited<ReturnType<typeof openFieldKeys>>['subjectKeys'];
const closing = new Closing(silentLog);

const records = dataset(
  'records',
  [
    { name: 'id', type: 'integer' },
    { name: 'person', type: 'text' },
    { name: 'note', type: 'text', encrypted: true },
  ],
  { subject: 'person', key: ['id'] },
);

beforeAll(async () => {
  it = await setup();
  const { database, home } = it;
  const keyRing = await KeyRing.open(home);
  const notifications = new Notifications(database.connection, silentLog);
  closing.add('notifications', () => notifications.close());
  await notifications.start();
  const masterKeys = await MasterKeys.start({ database, notifications, keyRing, log: silentLog });
  closing.add('master keys', () => masterKeys.close());
  ({ cipher, subjectKeys } = await openFieldKeys({ database, keyRing, notifications, closing }));
  const config = { home, filesDir: home, limits: LIMITS };
  loader = new Loader({ database, config, log: silentLog, cipher });
  without = new Loader({ database, config, log: silentLog });
  await loader.start();
  await install(database, records);
});
afterAll(async () => {
  await closing.close();
  await it?.close();
});

/** Changes as a collector hands them on: `note` was not sent, since it is as it was. */
async function change(rows: readonly object[], by: Loader = loader) {
  const changes: LoadRequest['changes'] = {
    truncated: false,
    removed: [],
    unchanged: rows.map((row, i) => ({ line: i + 1, key: [String((row as { id: number }).id)], fields: ['note'] })),
  };
  const content = rows.map((row) => JSON.stringify(row)).join('\n');
  return by.load({ runId: newId(), dataset: records, source: { content }, format: 'ndjson', mode: 'merge', force: true, changes });
}

const stored = async () => (await it.rows(records, 'id')) as { id: number; person: string | null; note: string | null }[];

const openedFor = async (person: string | null, envelope: string | null) =>
  envelope === null ? null : (await cipher.open([{ place: { dataset: records.id, field: 'note', subject: person }, envelope }]))[0];

test('a value that was not sent is encrypted for whom its row is about after the change', async () => {
  const content = '{"id":1,"person":"ann","note":"A"}\n{"id":2,"person":"bob","note":"B"}\n{"id":3,"person":"cyd","note":"C"}\n{"id":4,"person":"dan"}\n';
  await loader.load({ runId: newId(), dataset: records, source: { content }, format: 'ndjson', mode: 'append' });
  const before = await stored();
  expect(
    await change([
      { id: 1, person: 'eve' },
      { id: 2, person: 'bob' },
      { id: 3, person: null },
      { id: 4, person: 'fay' },
    ]),
  ).toMatchObject({ quarantined: 0 });
  const after = await stored();
  expect(after.map(({ person }) => person)).toEqual(['eve', 'bob', null, 'fay']);
  expect(await Promise.all(after.map(({ person, note }) => openedFor(person, note)))).toEqual(['A', 'B', 'C', null]);
  expect(await openedFor('ann', after[0]?.note ?? null)).toBeNull();
  // One that stays with its person is as it was, so that nothing changes that did not.
  expect(after[1]?.note).toBe(before[1]?.note);
  // Whoever was it before can be erased, and the value stays; with whom it is about now it goes.
  await it.database.transaction((tx) => subjectKeys.destroy(tx, 'ann'));
  expect(await openedFor('eve', after[0]?.note ?? null)).toBe('A');
  await it.database.transaction((tx) => subjectKeys.destroy(tx, 'eve'));
  await expect.poll(() => openedFor('eve', after[0]?.note ?? null)).toBeNull();
  // Nobody can open it any more: it is gone, and not the row.
  expect(await change([{ id: 1, person: 'gus' }])).toMatchObject({ quarantined: 0, loaded: 1 });
  expect((await stored())[0]).toMatchObject({ person: 'gus', note: null });
});

test('many at a time', async () => {
  const ids = Array.from({ length: 1_201 }, (_, i) => 1_000 + i);
  const content = ids.map((id) => JSON.stringify({ id, person: `p${id}`, note: `n${id}` })).join('\n');
  await loader.load({ runId: newId(), dataset: records, source: { content }, format: 'ndjson', mode: 'append' });
  await change(ids.map((id) => ({ id, person: `q${id}` })));
  const rows = (await stored()).filter(({ id }) => id >= 1_000);
  expect(await Promise.all(rows.map(({ person, note }) => openedFor(person, note)))).toEqual(ids.map((id) => `n${id}`));
});

test('without what encrypts, no dataset with such fields is changed', async () => {
  await expect(change([{ id: 2, person: 'hal' }], without)).rejects.toThrow('without what encrypts');
});
