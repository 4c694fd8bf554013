import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataset, install, setup, type LoadSetup } from './setup.js';

let it: LoadSetup;
const files = join(import.meta.dirname, '../../node_modules/vega-datasets/data');

beforeAll(async () => {
  it = await setup({ maxValueBytes: 1_000_000, maxUploadBytes: 20_000_000 });
});

afterAll(() => it?.close());

test('airports.csv goes in whole, plain and packed', async () => {
  const airports = dataset(
    'airports',
    ['iata', 'name', 'city', 'state', 'country']
      .map((name) => ({ name, type: 'text' as const }))
      .concat([
        { name: 'latitude', type: 'float' as never },
        { name: 'longitude', type: 'float' as never },
      ]),
    { key: ['iata'] },
  );
  await install(it.database, airports);
  const csv = await readFile(join(files, 'airports.csv'));
  expect(await it.load(airports, csv, { mode: 'replace' })).toMatchObject({ read: 3376, loaded: 3376, bytes: csv.length });
  expect(await it.load(airports, gzipSync(csv), { mode: 'append' })).toMatchObject({
    read: 3376,
    loaded: 0,
    deduplicated: 3376,
    repeated: true,
    dataVersion: 1,
  });
  expect(await it.load(airports, gzipSync(csv), { mode: 'merge', force: true })).toMatchObject({ read: 3376, loaded: 0, deduplicated: 3376, repeated: false });
  // Frames one after the other, with one of notes between them, as parallel packers write them.
  const notes = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 1]);
  const frames = Buffer.concat([
    zstdCompressSync(csv.subarray(0, 70_000)),
    notes,
    zstdCompressSync(csv.subarray(70_000, 70_001)),
    zstdCompressSync(csv.subarray(70_001)),
  ]);
  expect(await it.load(airports, frames, { contentEncoding: 'zstd' })).toMatchObject({ read: 3376, loaded: 0, repeated: true });
  expect(await it.load(airports, '', { source: { stream: Readable.from(bytewise(frames)) } })).toMatchObject({ read: 3376, loaded: 0, repeated: true });
});

/** In small pieces, as a slow sender's. */
function* bytewise(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 97) yield bytes.subarray(at, at + 97);
}

test('flights-20k.json goes in with its declared date format', async () => {
  const flights = dataset('flights', [
    { name: 'date', type: 'timestamp', format: 'YYYY/MM/DD HH24:MI' },
    { name: 'delay', type: 'integer' },
    { name: 'distance', type: 'integer' },
    { name: 'origin', type: 'text' },
    { name: 'destination', type: 'text' },
  ]);
  await install(it.database, flights);
  const outcome = await it.load(flights, '', { source: { path: join(files, 'flights-20k.json') }, format: undefined });
  expect(outcome).toMatchObject({ read: 20000, loaded: 20000, quarantined: 0 });
  const [first] = await it.database.query('SELECT date::text, delay, origin FROM data.flights ORDER BY date LIMIT 1');
  expect(first).toEqual({ date: '2001-01-01 00:47:00+00', delay: 66, origin: 'DTW' });
});

const FIELDS = [
  { name: 'id', type: 'bigint', required: true },
  { name: 'tags', type: 'text', list: true },
  { name: 'nums', type: 'integer', list: true },
  { name: 'doc', type: 'json' },
  { name: 'name', type: 'text' },
] as const;

test('a row of JSON may hold lists and documents only where the contract has them', async () => {
  const target = dataset('nested', FIELDS);
  await install(it.database, target);
  const lines = [
    '{"id": 1, "tags": ["a", null, "b,c"], "nums": [1, 2], "doc": {"x": [1]}, "name": "n"}',
    '{"id": "2", "tags": null, "doc": null, "name": ""}',
    '{"id": 3, "nums": [1, "x"]}',
    '{"id": 4, "name": {"a": 1}}',
    '{"id": 5, "tags": "a"}',
    '{"id": 6,, }',
    '[7]',
    '',
    '{"id": 8, "name": "\\u0000"}',
    '{"name": "no id"}',
  ];
  expect(await it.load(target, lines.join('\r\n'), { format: 'ndjson' })).toMatchObject({ read: 9, loaded: 2, quarantined: 7 });
  expect(await it.rows(target)).toEqual([
    { id: '1', tags: '{a,NULL,"b,c"}', nums: '{1,2}', doc: '{"x": [1]}', name: 'n' },
    { id: '2', tags: null, nums: null, doc: null, name: '' },
  ]);
  const found = await it.quarantined(target);
  expect(found.map(({ line, reasons }) => [line, reasons.map(({ field, rule }) => `${field}.${rule}`).join()])).toEqual([
    [3, 'nums.type'],
    [4, 'name.type'],
    [5, 'tags.type'],
    [6, 'null.json'],
    [7, 'null.json'],
    [9, 'null.json'],
    [10, 'id.required'],
  ]);
  expect(found[3]?.raw).toEqual({ '': '{"id": 6,, } ' });
});

test.each([
  ['an object', '{"id": 1}', 'json', { line: 1, column: 1 }],
  ['a scalar', '3', 'json', { line: 1, column: 1 }],
  ['an array of scalars', '[\n 1, 2]', 'json', { line: 2, column: 2 }],
  ['JSON cut off between rows', '[{"id": 1},\n', 'json', { line: 2, column: 1 }],
  ['JSON cut off in a row', '[{"id": 1},\n {"id": "2', 'json', { line: 2, column: 2 }],
  ['something behind the array', '[{"id": 1}] x', 'json', { line: 1, column: 13 }],
  ['an empty JSON', '', 'json', {}],
  ['a raw line end in a text', '[{"id": 1,\n"name": "a\nb"}]', 'json', { line: 2, column: 11 }],
  ['an unknown key', '{"id": 1}\n{"id": 2, "more": 1}', 'ndjson', { line: 2, extra: ['more'] }],
  ['no row that is an object', '1\n2\n', 'ndjson', { line: 1 }],
  ['a control character', '{"id": 1}\n{"id": 1, "name": "\x01"}', 'ndjson', { line: 2, column: 20 }],
  ['a value that is too long', `{"id": 1}\n{"name": "${'x'.repeat(1_100_000)}"}`, 'ndjson', { line: 2, expected: 1_000_000 }],
  ['a CSV value that is too long', `id,tags,nums,doc,name\n1,,,,a\n2,,,,${'x'.repeat(1_100_000)}\n`, 'csv', { line: 3, expected: 1_000_000 }],
  ['gzip cut in half', gzipSync('{"id": 1}\n'.repeat(1000)).subarray(0, 40), 'ndjson', {}],
  ['something behind gzip', Buffer.concat([gzipSync('{"id": 1}\n'), Buffer.from('more')]), 'ndjson', {}],
  ['padding behind gzip', Buffer.concat([gzipSync('{"id": 1}\n'), Buffer.alloc(9)]), 'ndjson', {}],
  ['zstd cut in half', zstdCompressSync('{"id": 1}\n'.repeat(1000)).subarray(0, -3), 'ndjson', {}],
  ['something behind zstd', Buffer.concat([zstdCompressSync('{"id": 1}\n'), Buffer.from('more')]), 'ndjson', {}],
  ['a zstd bomb', zstdCompressSync(Buffer.alloc(30_000_000, 0x20)), 'ndjson', {}],
  ['a gzip bomb', gzipSync(Buffer.alloc(30_000_000, 0x20)), 'ndjson', { expected: 20_000_000 }],
])('%s is refused, and nothing is changed', async (name, content, format, details) => {
  const target = dataset(`refused_${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_')}`, FIELDS);
  await install(it.database, target);
  const error = await it.refusal(target, content, { format });
  expect({ code: error.code, details: error.details, message: error.message }).toMatchObject({ code: 'DATA_REJECTED', details });
  expect(await it.rows(target)).toEqual([]);
});

test('gzip that unpacks to a thousand times its size is refused before it is too large', async () => {
  const target = dataset('refused_ratio', FIELDS);
  await install(it.database, target);
  const error = await it.refusal(target, gzipSync(Buffer.alloc(16 * 1024 ** 2, 0x20)), { format: 'ndjson' });
  expect(error).toMatchObject({ code: 'DATA_REJECTED', message: expect.stringContaining('more than 1000 times its size') });
  expect(await it.rows(target)).toEqual([]);
});

test.each([
  ['an unknown format', { format: 'xml' }, 'BAD_USER_INPUT'],
  ['no format', { format: undefined }, 'BAD_USER_INPUT'],
  ['an unknown encoding', { contentEncoding: 'br' }, 'BAD_USER_INPUT'],
  ['gzip that is none', { contentEncoding: 'gzip' }, 'DATA_REJECTED'],
  ['a merge without a key', { mode: 'merge' }, 'BAD_USER_INPUT'],
  ['a path that leaves the folder', { source: { file: '../x.csv' } }, 'BAD_USER_INPUT'],
  ['an absolute path', { source: { file: '/etc/passwd' } }, 'BAD_USER_INPUT'],
  ['a missing file', { source: { file: 'none.csv' } }, 'NOT_FOUND'],
  ['a folder', { source: { path: '/tmp' } }, 'BAD_USER_INPUT'],
] as const)('%s is told as such', async (name, more, code) => {
  const target = dataset(`told_${name.replaceAll(/[^a-z]+/g, '_')}`, [{ name: 'id', type: 'bigint' }]);
  await install(it.database, target);
  expect((await it.refusal(target, 'id\n1\n', more)).code).toBe(code);
});
