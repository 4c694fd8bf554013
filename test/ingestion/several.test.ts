import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dialectRequest } from '../../src/ingestion/index.js';
import { dataset, install, setup, type LoadSetup } from './setup.js';

let it: LoadSetup;

beforeAll(async () => {
  it = await setup();
});

afterAll(() => it?.close());

const FIELDS = [
  { name: 'id', type: 'integer', required: true },
  { name: 'name', type: 'text' },
] as const;

async function files(folder: string, contents: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [name, content] of Object.entries(contents)) {
    const path = join(it.home, folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
}

const positions = async (id: string) =>
  it.database.query<{ line: number; position: string }>('SELECT line::int, position FROM headgate.quarantined_row WHERE dataset_id = $1 ORDER BY id', [id]);

test('the files that a pattern names are one load, in the order of their names, and bad rows tell theirs', async () => {
  const target = dataset('by_pattern', FIELDS);
  await install(it.database, target);
  await files('a', {
    '2024-01.csv': 'id,name\n1,"a\nb"\nx,bad\n',
    // Another order, another line end, no end of the last line, a mark.
    '2024-02.csv.gz': gzipSync('\ufeffname,id\r\nc,2\r\nbad,y'),
    '2024-03.csv': 'id,name\n3,d\nz,bad\n',
    'other.txt': 'no rows',
    'deeper/2024-04.csv': 'id,name\n4,e\n',
  });
  const outcome = await it.load(target, '', { source: { file: 'a/2024-*.csv*' }, format: undefined });
  expect(outcome).toMatchObject({ read: 6, loaded: 3, quarantined: 3 });
  expect(await it.rows(target)).toEqual([
    { id: '1', name: 'a\nb' },
    { id: '2', name: 'c' },
    { id: '3', name: 'd' },
  ]);
  expect(await positions(target.id)).toEqual([
    { line: 4, position: 'a/2024-01.csv:4' },
    { line: 3, position: 'a/2024-02.csv.gz:3' },
    { line: 3, position: 'a/2024-03.csv:3' },
  ]);
  expect(await it.load(target, '', { source: { file: 'a/**/2024-*.csv' }, format: undefined, mode: 'replace' })).toMatchObject({ loaded: 3 });
});

test('all of them or none: what is wrong tells the file and the line in it', async () => {
  const target = dataset('all_or_none', FIELDS);
  await install(it.database, target);
  await files('b', { 'a.csv': 'id,name\n1,a\n', 'b.csv': 'id,name\n2,b\n3\n', 'c.csv': 'id,name\n4,d\n' });
  const ragged = await it.refusal(target, '', { source: { file: 'b/*.csv' } });
  expect(ragged).toMatchObject({ code: 'DATA_REJECTED', details: { file: 'b/b.csv', line: 3 } });
  expect(ragged.message).toMatch(/^b\/b\.csv:3: .*line 3/);
  await files('b', { 'b.csv': 'id,nom\n2,b\n' });
  const actor = { subject: 'ann', roles: ['engineer'] };
  expect(await it.refusal(target, '', { source: { file: 'b/*.csv' }, actor })).toMatchObject({
    details: { file: 'b/b.csv', missing: ['name'], extra: ['nom'] },
  });
  await files('b', { 'b.csv': Buffer.from('id,name\n2,\xe9\n', 'latin1') });
  expect(await it.refusal(target, '', { source: { file: 'b/*.csv' } })).toMatchObject({ details: { file: 'b/b.csv', line: 2 } });
  expect(await it.rows(target)).toEqual([]);
});

test('each file may be in a dialect of its own, when they are found out', async () => {
  const target = dataset('dialects', FIELDS);
  await install(it.database, target);
  await files('c', {
    'a.csv': 'id,name\n1,a\n',
    'b.csv': Buffer.from('id;name\r\n2;"é;è"\r\n3;b,c\r\n', 'latin1'),
    'c.csv': Buffer.from('\ufeffname\tid\nd\t4\n', 'utf16le'),
  });
  expect(await it.load(target, '', { source: { file: 'c/*.csv' }, dialect: dialectRequest({ detect: true }) })).toMatchObject({ loaded: 4, quarantined: 0 });
  expect((await it.rows(target)).map(({ name }) => name)).toEqual(['a', 'é;è', 'b,c', 'd']);
});

test.each([
  ['ndjson', ['{"id":1}\n{"id":"x"}', '\ufeff{"id":2}\n\n{"id":"y"}\n'], ['0.ndjson:2', '1.ndjson:3']],
  ['json', ['[{"id":1},\n{"id":"x"}]', '\ufeff [ ]\n', '[\n{"id":2},{"id":"y"}\n]\n', '[]'], ['0.json:2', '2.json:2']],
] as const)('%s files are one load too', async (format, contents, expected) => {
  const target = dataset(`several_${format}`, FIELDS);
  await install(it.database, target);
  await files(format, Object.fromEntries(contents.map((content, i) => [`${i}.${format}`, content])));
  expect(await it.load(target, '', { source: { file: `${format}/*.${format}` }, format: undefined })).toMatchObject({ read: 4, loaded: 2, quarantined: 2 });
  expect((await positions(target.id)).map(({ position }) => position)).toEqual(expected.map((place) => `${format}/${place}`));
  if (format === 'ndjson') return;
  await files(format, { [`9.${format}`]: '[{"id":5}' });
  expect((await it.refusal(target, '', { source: { file: `${format}/*.${format}` }, format: undefined })).code).toBe('DATA_REJECTED');
});

test('Parquet files are one load too, and rows are counted in each', async () => {
  const target = dataset('several_parquet', [...FIELDS], { key: ['id'] });
  await install(it.database, target);
  const file = (ids: number[], type: 'INT32' | 'STRING') =>
    new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          { name: 'name', data: ids.map((id) => `n${id}`), type: 'STRING' },
          { name: 'id', data: type === 'INT32' ? ids : ids.map(String), type },
        ],
      }),
    );
  await files('p', { '1.parquet': file([1, 2, 3], 'INT32'), '2.parquet': file([4, 2, 5], 'INT32') });
  expect(await it.load(target, '', { source: { file: 'p/*.parquet' }, format: undefined })).toMatchObject({ read: 6, loaded: 5, deduplicated: 1 });
  await files('p', {
    '2.parquet': file([4, 6], 'INT32'),
    '3.parquet': new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          { name: 'id', data: ['x', '7'], type: 'STRING' },
          { name: 'name', data: ['bad', 'n7'], type: 'STRING' },
        ],
      }),
    ),
  });
  expect(await it.load(target, '', { source: { file: 'p/*.parquet' }, format: undefined, mode: 'replace' })).toMatchObject({
    read: 7,
    loaded: 6,
    quarantined: 1,
  });
  expect(await positions(target.id)).toEqual([{ line: 1, position: 'p/3.parquet:1' }]);
  await files('p', { '2.parquet': file([9], 'INT32').subarray(0, -3) });
  expect((await it.refusal(target, '', { source: { file: 'p/*.parquet' }, format: undefined })).message).toMatch(/^p\/2\.parquet: .*cut off/);
});

test('streams of several files are one load', async () => {
  const target = dataset('streams', FIELDS);
  await install(it.database, target);
  async function* opened() {
    for (const id of [1, 2, 3]) yield { stream: Readable.from([Buffer.from(`id,name\n${id},`), Buffer.from('n\n')]), name: `${id}.csv` };
  }
  expect(await it.load(target, '', { source: { files: opened() }, format: undefined })).toMatchObject({ read: 3, loaded: 3 });
});

test('a pattern leads nowhere but below the folder', async () => {
  const target = dataset('paths', FIELDS);
  await install(it.database, target);
  await files('inside', { 'a.csv': 'id,name\n1,a\n' });
  await symlink('/etc/passwd', join(it.home, 'inside/passwd.csv'));
  for (const file of ['../*', '/etc/*', 'inside/../../*', 'inside/nothing-*.csv', 'inside/passwd*', '{../..,inside}/etc/*']) {
    const error = await it.refusal(target, '', { source: { file } });
    expect([file, ['NOT_FOUND', 'BAD_USER_INPUT'].includes(error.code)]).toEqual([file, true]);
  }
  expect(await it.rows(target)).toEqual([]);
});

test('a pattern that would take hours or all memory is refused before anything is looked for', async () => {
  const target = dataset('costly_patterns', FIELDS);
  await install(it.database, target);
  await files('costly', { [`${'a'.repeat(40)}.csv`]: 'id,name\n1,a\n' });
  const costly = [
    '{1..99999999}.csv',
    '{a,b}'.repeat(30),
    '{a,{b,c}}.csv',
    '+(a|aa)+(a|aa)+(a|aa)+(a|aa)*b',
    '*a*a*a*a*a*a*a*a*b',
    '**/**/**/**/**/b',
    '*'.repeat(1_001),
  ];
  for (const pattern of costly) {
    const error = await it.refusal(target, '', { source: { file: `costly/${pattern}` } });
    expect([pattern, error.code, error.message.includes("can't be looked for")]).toEqual([pattern, 'BAD_USER_INPUT', true]);
  }
});

test('the names of files that a link leads to outside of the folder are not told', async () => {
  const target = dataset('linked_folder', FIELDS);
  await install(it.database, target);
  await files('linked', { 'a.csv': 'id,name\n1,a\n' });
  await symlink('/etc', join(it.home, 'linked/out'));
  const refusal = await it.refusal(target, '', { source: { file: 'linked/out/pass*' } });
  expect(refusal).toMatchObject({ code: 'NOT_FOUND', details: { file: 'linked/out/pass*' } });
  expect(await it.load(target, '', { source: { file: 'linked/*.csv' } })).toMatchObject({ loaded: 1 });
});
