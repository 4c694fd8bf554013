import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
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

const stock = dataset(
  'stock',
  [
    { name: 'place', type: 'text' },
    { name: 'id', type: 'bigint' },
    { name: 'at', type: 'timestamp' },
    { name: 'amount', type: 'integer', rules: [{ kind: 'between', low: '0', high: '100', severity: 'error' }] },
  ],
  { key: ['place', 'id', 'at'], subject: 'place' },
);
const AT = '2026-01-01T00:00:00Z';
const row = (place: string, id: number, amount: number) => ({ place, id, at: AT, amount });
const key = (place: string, id: number) => [place, String(id), '2026-01-01 00:00:00+00'];

async function changes(rows: readonly object[], more: Partial<NonNullable<LoadRequest['changes']>> = {}, request: Partial<LoadRequest> = {}) {
  const content = rows.length === 0 ? '\n' : rows.map((each) => JSON.stringify(each)).join('\n');
  const captured = { truncated: false, removed: [], unchanged: [], ...more };
  return loader.load({
    runId: newId(),
    dataset: stock,
    source: { content },
    format: 'ndjson',
    mode: 'merge',
    force: true,
    eachAlone: true,
    captured: true,
    changes: captured,
    ...request,
  });
}

const open = async () =>
  (
    await it.database.query<{ id: string; text: string }>(
      "SELECT id::text, raw ->> 'place' || ' ' || coalesce(raw ->> 'id', '') AS text FROM headgate.quarantined_row WHERE dataset_id = $1 AND state = 'OPEN' ORDER BY quarantined_row.id",
      [stock.id],
    )
  ).map(({ text }) => text);

describe('a change that was refused', () => {
  beforeAll(() => install(it.database, stock));
  beforeEach(async () => {
    await it.database.query('DELETE FROM headgate.quarantined_row');
    await it.database.query('DELETE FROM headgate.legal_hold');
    await it.database.query('DELETE FROM data.stock');
  });

  test('is discarded when a newer one of the same row is loaded, or its row is deleted, so that no replay brings it back', async () => {
    await changes([row('a', 1, 1), row('a', 2, 2)]);
    expect(await changes([row('a', 1, 900), row('a', 2, 900), row('b', 3, 900), row('b', 4, 900), { place: 'c', id: 'x', at: AT, amount: 1 }])).toMatchObject({
      quarantined: 5,
    });
    // To what it was: a row that is there already with the same content is newer all the same.
    expect(await changes([row('a', 1, 1), row('b', 3, 7)], { removed: [key('a', 2)] })).toMatchObject({ superseded: 3 });
    expect(await open()).toEqual(['b 4', 'c x']);
    const gone = await it.database.query(
      "SELECT raw, discarded_by AS by, discard_reason AS why FROM headgate.quarantined_row WHERE state = 'DISCARDED' AND dataset_id = $1",
      [stock.id],
    );
    expect(gone).toEqual(Array.from({ length: 3 }, () => ({ raw: {}, by: 'headgate', why: 'a newer change of the row was loaded' })));
    // Of what is left nothing newer is known.
    const replayed = await loader.replay({ runId: newId(), dataset: stock, mode: 'merge', patch: { amount: '5' } });
    expect(replayed).toMatchObject({ read: 2, loaded: 1, quarantined: 1 });
    expect((await it.rows(stock, 'id')).map(({ id, amount }) => [Number(id), Number(amount)])).toEqual([
      [1, 1],
      [3, 7],
      [4, 5],
    ]);
  });

  test('is replayed with what it did not send as that is now, and refused again where that can not be known', async () => {
    await changes([row('a', 1, 1), row('a', 2, 2)]);
    const toasted = dataset('toasted', [...stock.fields, { name: 'note', type: 'text', encrypted: true }, { name: 'more', type: 'text' }], {
      key: ['place', 'id', 'at'],
      subject: 'place',
    });
    await install(it.database, toasted);
    const load = (content: object, unsent: readonly string[]) =>
      changes([content], { unchanged: unsent.length > 0 ? [{ line: 1, key: key('a', 1), fields: unsent }] : [] }, { dataset: toasted });
    await load({ ...row('a', 1, 1), note: 'N', more: 'M' }, []);
    expect(await load(row('a', 1, 900), ['note', 'more'])).toMatchObject({ quarantined: 1 });
    expect(await loader.replay({ runId: newId(), dataset: toasted, mode: 'merge', patch: { amount: '5', more: 'P' } })).toMatchObject({ loaded: 1 });
    const [there] = (await it.rows(toasted, 'id')) as { amount: string; note: string; more: string }[];
    expect(there).toMatchObject({ amount: '5', more: 'P' });
    expect((await cipher.open([{ place: { dataset: toasted.id, field: 'note', subject: 'a' }, envelope: there?.note ?? '' }]))[0]).toBe('N');
    // Of a row that is not there any more nothing is known that was not sent.
    expect(await load(row('a', 1, 901), ['note', 'more'])).toMatchObject({ quarantined: 1 });
    await it.database.query('DELETE FROM data.toasted');
    expect(await loader.replay({ runId: newId(), dataset: toasted, mode: 'merge', patch: { amount: '5' } })).toMatchObject({ loaded: 0, quarantined: 1 });
    expect(await loader.replay({ runId: newId(), dataset: toasted, mode: 'merge', patch: { amount: '5', more: 'P', note: 'Q' } })).toMatchObject({ loaded: 1 });
  });

  test('stays while newer ones are refused too, and beside what others had loaded', async () => {
    await changes([row('a', 1, 900)]);
    await changes([row('a', 1, 901), row('a', 2, 1)]);
    expect(await open()).toEqual(['a 1', 'a 1']);
    await it.load(stock, `place,id,at,amount\nz,9,${AT},900\n`);
    expect(await changes([row('z', 9, 1)])).not.toHaveProperty('superseded');
    expect(await open()).toEqual(['a 1', 'a 1', 'z 9']);
  });

  test('is discarded with all others when the table is emptied, or copied anew; but for those that a legal hold is on', async () => {
    await changes([row('a', 1, 900), row('b', 2, 900)]);
    await it.database.query('INSERT INTO headgate.legal_hold (name, spec, updated_by) VALUES (\'h\', \'{"name":"h","reason":"r","subjects":["b"]}\', \'x\')');
    expect(await changes([], { truncated: true })).toMatchObject({ superseded: 1 });
    expect(await open()).toEqual(['b 2']);
    await it.database.query('DELETE FROM headgate.legal_hold');
    expect(await changes([row('c', 3, 900)], {}, { mode: 'replace', changes: undefined })).toMatchObject({ superseded: 1 });
    // What the copy itself has refused is what a newer change takes the place of.
    expect(await open()).toEqual(['c 3']);
    expect(await changes([row('c', 3, 3)])).toMatchObject({ superseded: 1 });
  });
});
