import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createReadStream } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { duckdb } from '../support/duckdb.js';
import { dataset, install, setup, type LoadSetup } from './setup.js';

const FLIGHTS = join(import.meta.dirname, '../../node_modules/vega-datasets/data/flights-3m.parquet');
let it: LoadSetup;
let duck: Awaited<ReturnType<typeof duckdb>>;

beforeAll(async () => {
  [it, duck] = await Promise.all([setup(), duckdb()]);
});

afterAll(async () => {
  duck?.close();
  await it?.close();
});

/** A Parquet file that another program wrote. */
async function parquet(select: string, options = ''): Promise<Buffer> {
  const path = join(it.home, `${randomBytes(6).toString('hex')}.parquet`);
  await duck.query(`COPY (${select}) TO '${path}' (FORMAT parquet${options})`);
  return readFile(path);
}

const PARQUET = { format: 'parquet' } as const;

const EVERYTHING = dataset('everything', [
  { name: 'id', type: 'integer', required: true },
  { name: 'tiny', type: 'integer' },
  { name: 'big', type: 'bigint' },
  { name: 'ubig', type: 'bigint' },
  { name: 'huge', type: 'decimal' },
  { name: 'price', type: 'decimal' },
  { name: 'small_price', type: 'decimal' },
  { name: 'single', type: 'float' },
  { name: 'double', type: 'float' },
  { name: 'yes', type: 'boolean' },
  { name: 'day', type: 'date' },
  { name: 'at_us', type: 'timestamp' },
  { name: 'at_ns', type: 'timestamp' },
  { name: 'at_ms', type: 'timestamp' },
  { name: 'at_utc', type: 'timestamp' },
  { name: 'clock', type: 'time' },
  { name: 'name', type: 'text' },
  { name: 'kind', type: 'text' },
  { name: 'uid', type: 'uuid' },
  { name: 'more', type: 'json' },
  { name: 'point', type: 'json' },
  { name: 'dict', type: 'json' },
  { name: 'words', type: 'text', list: true },
  { name: 'numbers', type: 'decimal', list: true },
  { name: 'days', type: 'date', list: true },
]);

const ROWS = `SELECT i::INTEGER AS id, (i % 100)::TINYINT AS tiny, -9007199254740993::BIGINT - i AS big, (9007199254740993 + i)::UBIGINT AS ubig,
  (12345678901234567890123456.7890::DECIMAL(38,4) * CASE WHEN i % 2 = 0 THEN 1 ELSE -1 END)::DECIMAL(38,4) AS huge, (i * 1.05)::DECIMAL(18,2) AS price, (i * 0.4)::DECIMAL(4,1) AS small_price,
  (i / 10)::FLOAT AS single, i / 3.0::DOUBLE AS double, i % 2 = 0 AS yes, DATE '2001-01-01' + i::INTEGER AS day, TIMESTAMP '1999-12-31 23:59:59.123456' + INTERVAL (i) HOUR AS at_us,
  TIMESTAMP_NS '1969-12-31 23:59:59.123456789' AS at_ns, TIMESTAMP_MS '2020-02-29 01:02:03.004' AS at_ms, TIMESTAMPTZ '2001-01-01 00:00:00+02:00' AS at_utc, TIME '01:02:03.5' AS clock,
  'Zoë "' || i || '", ü' AS name, CASE WHEN i % 2 = 0 THEN 'even' ELSE 'odd' END::ENUM('even', 'odd') AS kind, ('00000000-0000-4000-8000-' || lpad(i::VARCHAR, 12, '0'))::UUID AS uid,
  ('{"n": ' || i || '}')::JSON AS more, {'x': i, 'y': [i::DECIMAL(30,3), NULL], 'at': DATE '2001-01-01'} AS point, MAP {'a"': i, 'b': NULL} AS dict,
  CASE WHEN i % 3 = 0 THEN NULL WHEN i % 3 = 1 THEN [] ELSE ['a', 'b,"' || i, NULL] END AS words, [('1234567890123456789012.' || (10 + i % 90))::DECIMAL(38,2), 0.10] AS numbers, [DATE '2001-01-01' + i::INTEGER] AS days
  FROM range(1, 2001) t(i)`;

/** Every third row has nothing but its id. */
const WITH_NULLS = `SELECT ${EVERYTHING.fields.map(({ name }) => (name === 'id' ? 'id' : `CASE WHEN id % 3 = 0 THEN NULL ELSE "${name}" END AS "${name}"`)).join(', ')} FROM (${ROWS})`;

describe('every type', () => {
  test.each([
    ['zstd', ROWS],
    ['snappy', WITH_NULLS],
    ['gzip', WITH_NULLS],
    ['brotli', ROWS],
    ['lz4_raw', WITH_NULLS],
    ['uncompressed', WITH_NULLS],
  ])('is what the writer wrote, packed with %s', async (codec, select) => {
    const target = { ...EVERYTHING, ...dataset(`everything_${codec}`, EVERYTHING.fields) };
    await install(it.database, target);
    const version = codec === 'lz4_raw' ? ', PARQUET_VERSION V2' : '';
    const file = await parquet(select, `, CODEC ${codec}, ROW_GROUP_SIZE 2048${version}`);
    expect(await it.load(target, file, PARQUET)).toMatchObject({ read: 2000, loaded: 2000, quarantined: 0 });
    const ours = await it.database.query<Record<string, unknown>>(
      `SELECT id, tiny, big::text, ubig::text, huge::text, price::text, small_price::text, single, double, yes, day::text, (extract(epoch FROM at_us) * 1000000)::bigint::text AS at_us,
         (extract(epoch FROM at_ns) * 1000000)::bigint::text AS at_ns, at_ms::text, at_utc::text, clock::text, name, kind, uid::text, more, point::text, dict::text, words, numbers::text[], days::text[]
       FROM data."${target.name}" ORDER BY id`,
    );
    const theirs = await duck.query(
      `SELECT id, tiny, big::VARCHAR AS big, ubig::VARCHAR AS ubig, huge::VARCHAR AS huge, price::VARCHAR AS price, small_price::VARCHAR AS small_price, single::DOUBLE AS single, double, yes, day::VARCHAR AS day,
         epoch_us(at_us)::VARCHAR AS at_us, words, numbers::VARCHAR[] AS numbers, days::VARCHAR[] AS days, name, kind::VARCHAR AS kind, uid::VARCHAR AS uid FROM (${select}) ORDER BY id`,
    );
    expect(ours.map((row) => Object.fromEntries(Object.keys(theirs[0] ?? {}).map((name) => [name, row[name]])))).toEqual(theirs);
    expect(ours[0]).toMatchObject({
      at_ns: '-876543',
      at_ms: '2020-02-29 01:02:03.004+00',
      at_utc: '2000-12-31 22:00:00+00',
      clock: '01:02:03.5',
      more: { n: 1 },
      point: '{"x": 1, "y": [1.000, null], "at": "2001-01-01"}',
      dict: '{"b": null, "a\\"": 1}',
    });
  });
});

test('flat columns of a type of their own need no text on the way', async () => {
  const flat = EVERYTHING.fields.filter(({ list, type }) => !list && type !== 'json');
  const target = dataset('flat', flat, { key: ['id'] });
  await install(it.database, target);
  const file = await parquet(`SELECT ${flat.map(({ name }) => name).join(', ')} FROM (${WITH_NULLS})`);
  expect(await it.load(target, file, PARQUET)).toMatchObject({ loaded: 2000 });
  const [sums] = await it.database.query(
    'SELECT sum(big)::text AS big, sum(huge)::text AS huge, sum(price)::text AS price, count(single)::int AS singles, max(at_us)::text AS at FROM data.flat',
  );
  const [others] = await duck.query(
    `SELECT sum(big)::VARCHAR AS big, sum(huge)::VARCHAR AS huge, sum(price)::VARCHAR AS price, count(single)::INTEGER AS singles, max(at_us)::VARCHAR || '+00' AS at FROM (${WITH_NULLS})`,
  );
  expect(sums).toEqual(others);
  // The same file again adds nothing; with force its rows are found by their key.
  expect(await it.load(target, file, PARQUET)).toMatchObject({ loaded: 0, deduplicated: 2000 });
  expect(await it.load(target, file, { ...PARQUET, force: true, mode: 'merge' })).toMatchObject({ loaded: 0, deduplicated: 2000 });
});

test('a value that is none of its field puts its row into quarantine, by its number', async () => {
  const target = dataset('converted', [
    { name: 'id', type: 'integer', required: true, rules: [{ kind: 'between', severity: 'error', low: '0', high: '900' }] },
    { name: 'day', type: 'date', format: 'DD.MM.YYYY' },
    { name: 'since', type: 'date' },
    { name: 'amount', type: 'decimal' },
    { name: 'ratio', type: 'float' },
  ]);
  await install(it.database, target);
  const file = await parquet(
    `SELECT i AS id, CASE WHEN i = 7 THEN '2001-01-01' ELSE '31.01.2001' END AS day, TIMESTAMP '2001-01-01' + INTERVAL (CASE WHEN i = 8 THEN 1 ELSE 24 END) HOUR AS since,
       CASE WHEN i = 9 THEN 'x' ELSE '1.5' END AS amount, CASE WHEN i = 10 THEN 'NaN'::DOUBLE ELSE 1.5 END AS ratio FROM (SELECT CASE WHEN i = 6 THEN 5000000000 ELSE i END AS i FROM range(1, 1001) t(i))`,
  );
  expect(await it.load(target, file, PARQUET)).toMatchObject({ read: 1000, loaded: 895, quarantined: 105 });
  const found = await it.quarantined(target);
  expect(found.slice(0, 6).map(({ line, reasons }) => [line, reasons.map(({ field, rule }) => `${field} ${rule}`)])).toEqual([
    [6, ['id type']],
    [7, ['day type']],
    [8, ['since type']],
    [9, ['amount type']],
    [10, ['ratio finite']],
    [901, ['id between']],
  ]);
  expect(found[2]?.raw).toEqual({ id: '8', day: '31.01.2001', since: '2001-01-01T01:00:00', amount: '1.5', ratio: '1.5' });
});

test('rows that break a rule are told with their texts where the types fit', async () => {
  const target = dataset(
    'ruled',
    [
      { name: 'id', type: 'bigint', required: true },
      { name: 'n', type: 'integer', rules: [{ kind: 'between', severity: 'error', low: '0', high: '99' }] },
      { name: 'name', type: 'text' },
    ],
    { key: ['id'] },
  );
  await install(it.database, target);
  const file = await parquet(
    `SELECT CASE WHEN i = 5000 THEN 1 ELSE i END AS id, CASE WHEN i % 1000 = 7 THEN 100 ELSE 5 END::INTEGER AS n, 'name ' || i AS name FROM range(1, 20001) t(i)`,
    ', ROW_GROUP_SIZE 2048',
  );
  expect(await it.load(target, file, PARQUET)).toMatchObject({ read: 20_000, loaded: 19_979, quarantined: 21 });
  const found = await it.quarantined(target);
  expect(found.map(({ line }) => line)).toEqual([7, 1007, 2007, 3007, 4007, 5000, ...Array.from({ length: 15 }, (_, i) => 5007 + i * 1000)]);
  expect(found[5]).toMatchObject({ raw: { id: '1', n: '5', name: 'name 5000' }, reasons: [{ rule: 'key' }] });
});

test('columns are those of the contract, in any order', async () => {
  const target = dataset('columns', [
    { name: 'a', type: 'integer' },
    { name: 'b', type: 'text' },
  ]);
  await install(it.database, target);
  expect(await it.load(target, await parquet("SELECT 'x' AS b, 1 AS a"), PARQUET)).toMatchObject({ loaded: 1 });
  expect((await it.refusal(target, await parquet("SELECT 'x' AS b, 1 AS c"), PARQUET)).details).toEqual({
    line: 1,
    missing: ['a'],
    extra: ['c'],
    duplicate: [],
  });
  expect((await it.refusal(target, await parquet('SELECT 1 AS c'), PARQUET)).details).toMatchObject({ missing: ['a', 'b'] });
  expect((await it.refusal(target, await parquet('SELECT INTERVAL 1 DAY AS b, 1 AS a'), PARQUET)).message).toContain('interval');
  expect((await it.refusal(target, await parquet("SELECT '\\xFF'::BLOB AS b, 1 AS a"), PARQUET)).message).toContain('no UTF-8 text');
  expect((await it.refusal(target, await parquet('SELECT chr(0) AS b, 1 AS a'), PARQUET)).message).toContain('NUL');
  expect(await it.load(target, gzipSync(await parquet("SELECT 'packed' AS b, 2 AS a")), PARQUET)).toMatchObject({ loaded: 1 });
});

test('a file that is damaged anywhere is refused as such, or is read', async () => {
  const target = dataset('damage', [
    { name: 'i', type: 'bigint' },
    { name: 't', type: 'text' },
    { name: 'l', type: 'integer', list: true },
  ]);
  await install(it.database, target);
  const whole = await parquet("SELECT i, 'text ' || (i % 5) AS t, [i, i + 1]::INTEGER[] AS l FROM range(300) t(i)");
  for (const [cut, word] of [
    [whole.subarray(0, whole.length - 1), 'cut off'],
    [whole.subarray(0, whole.length / 2), 'cut off'],
    [whole.subarray(0, 5), 'cut off'],
    [Buffer.alloc(0), 'empty'],
    [Buffer.from('id,name\n1,2\n'), 'not Parquet'],
    [Buffer.concat([whole.subarray(0, -4), Buffer.from('PARE')]), 'encrypted'],
    [Buffer.concat([whole.subarray(0, -8), Buffer.from([255, 255, 255, 127]), Buffer.from('PAR1')]), 'damaged'],
  ] as const) {
    const error = await it.refusal(target, cut, PARQUET);
    expect([error.code, error.message]).toEqual(['DATA_REJECTED', expect.stringContaining(word)]);
  }
  // Every so many bytes one is another; a flipped byte of a value is a value.
  for (let at = 4; at < whole.length; at += 41) {
    const other = Buffer.from(whole);
    other[at] = (other[at] ?? 0) ^ 0xff;
    const error = await it.load(target, other, { ...PARQUET, mode: 'replace' }).then(
      () => undefined,
      (thrown: { code?: string }) => thrown,
    );
    expect([undefined, 'DATA_REJECTED']).toContain(error?.code);
  }
}, 60_000);

test('what a small file claims to hold is not believed', async () => {
  const small = await setup({ maxUploadBytes: 5_000_000, maxValueBytes: 2_000 });
  try {
    const target = dataset('bomb', [{ name: 'a', type: 'text' }]);
    await install(small.database, target);
    const zeros = await parquet("SELECT repeat('0', 1000) AS a FROM range(1000000)", ', CODEC zstd');
    expect(zeros.length).toBeLessThan(100_000);
    expect((await small.refusal(target, zeros, PARQUET)).message).toContain('larger than the 5000000 bytes');
    const long = await parquet("SELECT repeat('0', 3000) AS a");
    expect((await small.refusal(target, long, PARQUET)).message).toContain('longer than the 2000 bytes');
  } finally {
    await small.close();
  }
});

test('three million flights land, each once, in memory that their number does not change', async () => {
  const flights = dataset('flights_3m', [
    { name: 'date', type: 'timestamp' },
    { name: 'delay', type: 'bigint' },
    { name: 'distance', type: 'integer' },
    { name: 'origin', type: 'text' },
    { name: 'destination', type: 'text' },
  ]);
  await install(it.database, flights);
  const before = process.memoryUsage().rss;
  let most = 0;
  const onProgress = () => (most = Math.max(most, process.memoryUsage().rss));
  const outcome = await it.load(flights, '', { ...PARQUET, source: { stream: createReadStream(FLIGHTS) }, onProgress });
  expect(outcome).toMatchObject({ read: 3_000_000, loaded: 3_000_000, quarantined: 0 });
  const check = (count: string, epoch: string) =>
    `SELECT count(*)::${count} AS rows, sum(delay)::${count} AS delay, sum(distance)::${count} AS distance, max(${epoch})::${count} AS last, sum(length(origin || destination))::${count} AS letters`;
  const [ours] = await it.database.query(`${check('text', 'extract(epoch FROM date)::bigint')} FROM data.flights_3m`);
  const [theirs] = await duck.query(`${check('VARCHAR', 'epoch(date)::BIGINT')} FROM '${FLIGHTS}'`);
  expect(ours).toEqual(theirs);
  expect(most - before).toBeLessThan(400_000_000);
}, 60_000);

test.each(['typed', 'text'])('a file with as many columns as a table can have lands, %s', async (way) => {
  const names = Array.from({ length: 1_580 }, (_, i) => `c${i}`);
  const target = dataset(
    `wide_${way}`,
    names.map((name) => ({ name, type: 'integer' })),
  );
  await install(it.database, target);
  // The last column is a text, which the whole file then goes by.
  const last = way === 'text' ? "'7'" : '7';
  const select = names.map((name, i) => (i === names.length - 1 ? `${last} AS ${name}` : `(i + ${i})::INTEGER AS ${name}`)).join(', ');
  expect(await it.load(target, await parquet(`SELECT ${select} FROM range(500) t(i)`), PARQUET)).toMatchObject({ read: 500, loaded: 500 });
  const [sum] = await it.database.query<{ sum: string }>(`SELECT sum(c0 + c1578 + c1579)::text AS sum FROM data.wide_${way}`);
  expect(sum?.sum).toBe(String((2 * 499 * 500) / 2 + 500 * (1578 + 7)));
});

test('columns are found by their aliases, and fields have their defaults', async () => {
  const target = dataset('aliased', [
    { name: 'id', type: 'integer', aliases: ['Id'] },
    { name: 'place', type: 'text', default: 'nowhere' },
    { name: 'n', type: 'bigint' },
  ]);
  await install(it.database, target);
  expect(await it.load(target, await parquet('SELECT i::INTEGER AS "Id", i AS n FROM range(3) t(i)'), PARQUET)).toMatchObject({ loaded: 3 });
  expect(await it.rows(target)).toEqual([0, 1, 2].map((i) => ({ id: `${i}`, place: 'nowhere', n: `${i}` })));
  const open = { ...target, drift: 'quarantine' as const };
  const more = await parquet('SELECT i::INTEGER + 10 AS id, i AS n, CASE WHEN i = 1 THEN i END AS other FROM range(3) t(i)');
  expect(await it.load(open, more, PARQUET)).toMatchObject({ loaded: 2, quarantined: 1 });
  expect((await it.quarantined(target))[0]).toMatchObject({ line: 2, raw: { id: '11', n: '1', other: '1' }, reasons: [{ rule: 'drift' }] });
});
