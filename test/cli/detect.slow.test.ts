import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Served } from '../support/served.js';
import { headgateHere } from './support.js';

/** What `headgate ingest` tells of how it reads a file. */
const GERMAN = Buffer.from("1;'1.234,50';31.12.2001;Größe\n2;0,99;13.01.2002;'a;b'\n3;7,00;24.12.2001;x\n", 'latin1');

let served: Served;
let folder: string;
let server: readonly string[];

beforeAll(async () => {
  served = await Served.start();
  const engineer = await served.token('engineer', ['engineer']);
  server = ['--url', served.url, '--token', engineer];
  folder = await mkdtemp(join(tmpdir(), 'headgate-detect-'));
  const manifest = `kind: Dataset
name: sales
fields:
  - { name: id, type: integer }
  - { name: amount, type: decimal }
  - { name: sold, type: date }
  - { name: what, type: text }
key: [id]
`;
  const { errors } = await served.ask(engineer, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: manifest });
  expect(errors).toBeUndefined();
  await writeFile(join(folder, 'german.csv.gz'), gzipSync(GERMAN));
  await writeFile(join(folder, 'plain.csv'), 'id,amount,sold,what\n4,1.5,2001-01-31,y\n');
  await writeFile(join(folder, 'rows.ndjson'), '{"id": 5, "amount": 2, "sold": "2001-01-31", "what": "z"}\n');
});

afterAll(async () => {
  await served?.close();
  await rm(folder, { recursive: true, force: true });
});

const FOUND = 'read as  csv, gzip, encoding windows-1252, delimiter ;, quote single, no header, decimal comma, sold as DD.MM.YYYY';

test('a dry run tells what was found out, and nothing is loaded', async () => {
  const { code, stdout } = await headgateHere(['ingest', 'sales', join(folder, 'german.csv.gz'), '--detect', '--dry-run', ...server]);
  expect(code).toBe(0);
  expect(stdout.split('\n')[1]).toBe(FOUND);
  expect(await served.sql('SELECT count(*)::int AS n FROM data.sales')).toEqual([{ n: 0 }]);
});

test('and a load with --detect, of which it was known before any row landed', async () => {
  const { code, stdout } = await headgateHere(['ingest', 'sales', join(folder, 'german.csv.gz'), '--detect', ...server]);
  expect(code).toBe(0);
  expect(stdout.split('\n')[0]).toBe(FOUND);
  expect(stdout).toContain('3 read, 3 loaded');
  expect(await served.sql('SELECT amount::text, sold::text, what FROM data.sales WHERE id < 3 ORDER BY id')).toEqual([
    { amount: '1234.50', sold: '2001-12-31', what: 'Größe' },
    { amount: '0.99', sold: '2002-01-13', what: 'a;b' },
  ]);
});

test('what is usual is told as well; without --detect a load says nothing of it', async () => {
  const plain = join(folder, 'plain.csv');
  const preview = await headgateHere(['ingest', 'sales', plain, '--dry-run', ...server]);
  expect(preview.stdout).toContain('read as  csv, not compressed, encoding utf-8, delimiter ,, quote double, a header, decimal point\n');
  expect((await headgateHere(['ingest', 'sales', plain, ...server])).stdout).not.toContain('read as');
  const rows = await headgateHere(['ingest', 'sales', join(folder, 'rows.ndjson'), '--detect', '--json', ...server]);
  expect(JSON.parse(rows.stdout)).toMatchObject({
    rowsLoaded: '1',
    readAs: { format: 'ndjson', packing: null, encoding: 'utf-8', delimiter: null, quote: null, header: null, decimal: null, formats: [] },
  });
});
