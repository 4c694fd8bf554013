import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HeadgateError, newId } from '../../src/kernel/index.js';
import { dataset, install, setup, type LoadSetup } from './setup.js';

let it: LoadSetup;

beforeAll(async () => {
  it = await setup();
});

afterAll(() => it?.close());

const FIELDS = [
  { name: 'id', type: 'bigint', required: true },
  { name: 'name', type: 'text' },
  { name: 'price', type: 'decimal' },
  { name: 'born', type: 'date' },
  { name: 'seen', type: 'timestamp' },
  { name: 'ok', type: 'boolean' },
] as const;

test('columns are found by name, and values keep what they are', async () => {
  const people = dataset('people', FIELDS);
  await install(it.database, people);
  const csv = '\uFEFFname,id,price,ok,seen,born\r\n"a, ""b""\r\nc",1,1.50,true,2024-01-02T03:04:05+02:00,2024-02-29\r\n"",2,,,,\r\n,3,"",f,2024-01-02,\r\n';
  expect(await it.load(people, csv)).toMatchObject({ read: 3, loaded: 3, quarantined: 0, deduplicated: 0, rowCount: 3, dataVersion: 1 });
  expect(await it.rows(people)).toEqual([
    { id: '1', name: 'a, "b"\r\nc', price: '1.50', born: '2024-02-29', seen: '2024-01-02 01:04:05+00', ok: 'true' },
    { id: '2', name: '', price: null, born: null, seen: null, ok: null },
    { id: '3', name: null, price: null, born: null, seen: '2024-01-02 00:00:00+00', ok: 'false' },
  ]);
});

const BAD = [
  ['x,n,1,2024-01-01,2024-01-01T00:00Z,true', 'id', 'type'],
  [',n,1,2024-01-01,2024-01-01T00:00Z,true', 'id', 'required'],
  ['4,n,NaN,2024-01-01,2024-01-01T00:00Z,true', 'price', 'finite'],
  ['5,n,1,today,2024-01-01T00:00Z,true', 'born', 'type'],
  ['6,n,1,01/02/03,2024-01-01T00:00Z,true', 'born', 'type'],
  ['7,n,1,2024-02-30,2024-01-01T00:00Z,true', 'born', 'type'],
  ['8,n,1,2024-01-01,now,true', 'seen', 'type'],
  ['9,n,1,2024-01-01,2024-01-01T25:00Z,true', 'seen', 'type'],
  ['10,n,1,2024-01-01,2024-01-01T00:00Z,maybe', 'ok', 'type'],
] as const;

test.each([1, 500])('a bad value puts its row into quarantine with line, raw texts and reason, %i times each', async (times) => {
  const target = dataset(`bad_${times}`, FIELDS);
  await install(it.database, target);
  const lines = ['id,name,price,born,seen,ok'];
  for (let i = 0; i < times; i += 1) lines.push(...BAD.map(([line]) => line), `${100 + i},"two\nlines",2,2024-01-01,2024-01-01T00:00Z,true`);
  expect(await it.load(target, lines.join('\n'))).toMatchObject({ read: times * 10, loaded: times, quarantined: times * 9 });
  const found = await it.quarantined(target);
  expect(found.slice(0, 9).map(({ line, reasons }) => [line, reasons.map(({ field, rule }) => [field, rule])])).toEqual(
    BAD.map(([, field, rule], i) => [i + 2, [[field, rule]]]),
  );
  expect(found[4]?.raw).toEqual({ id: '6', name: 'n', price: '1', born: '01/02/03', seen: '2024-01-01T00:00Z', ok: 'true' });
  expect(found.at(-1)?.line).toBe(2 + (times - 1) * 11 + 8);
  expect(JSON.stringify(found.map(({ reasons }) => reasons))).not.toContain('01/02/03');
});

test('a row tells all its reasons', async () => {
  const target = dataset('many_reasons', FIELDS);
  await install(it.database, target);
  await it.load(target, 'id,name,price,born,seen,ok\nx,n,y,z,now,maybe\n');
  expect((await it.quarantined(target))[0]?.reasons.map(({ field }) => field)).toEqual(['id', 'price', 'born', 'seen', 'ok']);
});

const HEAD = 'id,name\n';

test.each([
  ['empty', '', {}],
  ['only a blank line', '\n', { line: 1 }],
  ['a missing column', 'id\n1\n', { line: 1, missing: ['name'] }],
  ['an extra column', 'id,name,more\n1,a,b\n', { line: 1, extra: ['more'] }],
  ['a column twice', 'id,name,id\n1,a,2\n', { line: 1, duplicate: ['id'] }],
  ['no header', '1,a\n2,b\n', { line: 1 }],
  ['a short line', `${HEAD}1,a\n2\n`, { line: 3, expected: 2, actual: 1 }],
  ['a long line', `${HEAD}1,"a\nb"\n2,b,c\n`, { line: 4, expected: 2, actual: 3 }],
  ['a blank line', `${HEAD}1,a\n\n2,b\n`, { line: 3 }],
  ['an unclosed quote', `${HEAD}1,a\n2,"b\n3,c\n`, { line: 3, column: 3 }],
  ['a stray quote', `${HEAD}1,a"b\n`, { line: 2, column: 4 }],
  ['text behind a quote', `${HEAD}1,"a"b\n`, { line: 2, column: 6 }],
  ['a lone carriage return', `${HEAD}1,a\r2,b\n`, { line: 2, column: 4 }],
  ['not UTF-8', Buffer.concat([Buffer.from(`${HEAD}1,é\n2,`), Buffer.from([0xe9, 0x0a])]), { line: 3, column: 3 }],
  ['a NUL character', `${HEAD}1,a\n2,b\0\n`, { line: 3, column: 4 }],
  ['gzip cut in half', Buffer.from('1f8b0800000000000003cbcc2bc9cccf4b', 'hex'), {}],
])('%s is refused with its place, and nothing is changed', async (name, content, details) => {
  const target = dataset(`refused_${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_')}`, [
    { name: 'id', type: 'bigint' },
    { name: 'name', type: 'text' },
  ]);
  await install(it.database, target);
  await it.load(target, `${HEAD}0,there\n`);
  const error = await it.refusal(target, content);
  expect({ code: error.code, details: error.details }).toMatchObject({ code: 'DATA_REJECTED', details });
  expect(await it.rows(target)).toEqual([{ id: '0', name: 'there' }]);
});

test('a large file replaces the table, and the new one has all that the old one had', async () => {
  const target = dataset('large', FIELDS, { key: ['id'], indexes: [['name', 'born']] });
  await install(it.database, target);
  const pad = 'x'.repeat(200);
  const row = (i: number, more = '') => `${i},${pad}${more},1.5,2024-01-01,2024-01-01T00:00:00Z,true`;
  const lines = Array.from({ length: 30_000 }, (_, i) => row(i));
  lines[10] = row(9);
  lines[20] = row(19, 'other');
  lines[30] = '30,,1,2024-02-31,,';
  lines[40] = ',,1,,,';
  lines[50] = '50,,NaN,,,';
  const shape = `SELECT indexdef FROM pg_indexes WHERE schemaname = 'data' AND tablename = 'large' ORDER BY 1`;
  const columns =
    "SELECT attname, attnotnull, atttypid::regtype::text AS type, (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef d WHERE d.adrelid = attrelid AND adnum = attnum) AS value FROM pg_attribute WHERE attrelid = 'data.large'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
  const rights = "SELECT grantee, privilege_type FROM information_schema.role_table_grants WHERE table_name = 'large' ORDER BY 1, 2";
  const before = [await it.database.query(shape), await it.database.query(columns), await it.database.query(rights)];
  for (const [mode, version] of [
    ['append', 1],
    ['replace', 2],
  ] as const) {
    const csv = ['id,name,price,born,seen,ok', ...lines].join('\n');
    expect(await it.load(target, csv, { mode, force: true })).toMatchObject({
      read: 30_000,
      loaded: 29_995,
      quarantined: 4,
      deduplicated: 1,
      rowCount: 29_995,
      dataVersion: version,
    });
    expect([await it.database.query(shape), await it.database.query(columns), await it.database.query(rights)]).toEqual(before);
    expect(await it.database.query('SELECT DISTINCT _load::int FROM data.large')).toEqual([{ _load: version }]);
  }
  const found = await it.quarantined(target);
  expect(found.slice(4).map(({ line, reasons }) => [line, reasons[0]?.rule])).toEqual([
    [22, 'key'],
    [32, 'type'],
    [42, 'required'],
    [52, 'finite'],
  ]);
  expect(await it.database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'work'")).toEqual([]);
});

/** A dataset, and rows enough for its table to be built anew. */
async function large(name: string) {
  const target = dataset(name, [
    { name: 'id', type: 'bigint' },
    { name: 'pad', type: 'text' },
  ]);
  await install(it.database, target);
  return { target, csv: `id,pad\n${Array.from({ length: 30_000 }, (_, i) => `${i},${'x'.repeat(200)}`).join('\n')}\n` };
}

test('a load waits for no reader, and no reader for a load', async () => {
  const { target, csv } = await large('busy');
  const reading = await it.database.pool.connect();
  await reading.query('BEGIN');
  await reading.query('SELECT count(*) FROM data.busy');
  const loading = it.load(target, csv, { mode: 'replace' });
  // Others still read while the exchange waits for the one that holds the table.
  for (;;) {
    const [waits] = await it.database.query("SELECT 1 FROM pg_locks WHERE relation = 'data.busy'::regclass AND mode = 'AccessExclusiveLock'");
    if (waits) break;
  }
  expect(await it.database.query('SELECT count(*)::int AS n FROM data.busy')).toEqual([{ n: 0 }]);
  await reading.query('COMMIT');
  reading.release();
  expect(await loading).toMatchObject({ loaded: 30_000 });
});

test('a load waits for a vacuum, and holds up no reader meanwhile', async () => {
  const { target, csv } = await large('dusty');
  const vacuuming = await it.database.pool.connect();
  await vacuuming.query('BEGIN');
  await vacuuming.query('LOCK TABLE data.dusty IN SHARE UPDATE EXCLUSIVE MODE');
  const loading = it.load(target, csv, { mode: 'replace' });
  const locks = async (mode: string) =>
    it.database.query("SELECT 1 FROM pg_locks WHERE relation = 'data.dusty'::regclass AND NOT granted AND mode = $1", [mode]);
  while ((await locks('ShareUpdateExclusiveLock')).length === 0) await it.database.query('SELECT pg_sleep(0.01)');
  expect(await locks('AccessExclusiveLock')).toEqual([]);
  expect(await it.database.query('SELECT count(*)::int AS n FROM data.dusty')).toEqual([{ n: 0 }]);
  await vacuuming.query('COMMIT');
  vacuuming.release();
  expect(await loading).toMatchObject({ loaded: 30_000 });
});

test('a sender that goes away at any moment ends its load, and not the process', async () => {
  const people = dataset('leaving', FIELDS);
  await install(it.database, people);
  // Each turn of the event loop later is another place in the load: before the spool is open, while it is read, behind it.
  for (let turns = 0; turns < 12; turns++) {
    const gone = new AbortController();
    const stream = Readable.from([Buffer.from('id,name,price,born,seen,ok\n'), Buffer.from('1,a,,,,\n')]);
    const load = it.loader.load({ runId: newId(), dataset: people, source: { stream }, format: 'csv', mode: 'append', signal: gone.signal });
    const outcome = load.catch((error: unknown) => error);
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
    gone.abort(new HeadgateError('UNAVAILABLE', 'gone'));
    expect(await outcome).toMatchObject({ message: 'gone' });
  }
  expect(await it.rows(people)).toEqual([]);
});

test('a file with as many columns as a table can have is read, bad rows too', async () => {
  const names = Array.from({ length: 1_580 }, (_, i) => `c${i}`);
  const target = dataset(
    'wide_csv',
    names.map((name, i) => ({ name, type: 'integer' as const, ...(i === 0 && { required: true }) })),
  );
  await install(it.database, target);
  const row = (bad: number) => names.map((_, i) => (i === bad ? 'x' : i)).join(',');
  const csv = [names.join(','), row(-1), row(1_579), row(-1), row(0)].join('\n');
  expect(await it.load(target, csv)).toMatchObject({ read: 4, loaded: 2, quarantined: 2 });
  expect((await it.quarantined(target)).map(({ line, reasons }) => [line, reasons.map(({ field, rule }) => `${field} ${rule}`)])).toEqual([
    [3, ['c1579 type']],
    [5, ['c0 type']],
  ]);
});
