import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiServer, json } from '../../support/api-server.js';
import { Served } from '../../support/served.js';

/** A contract that freezes, quarantines or follows what an API sends, as with files. */
const CARS = JSON.parse(readFileSync(join(import.meta.dirname, '../../../node_modules/vega-datasets/data/cars.json'), 'utf8')) as Record<string, unknown>[];

let api: ApiServer;
let here: Served;
let engineer: string;

beforeAll(async () => {
  api = await ApiServer.start(() => undefined);
  here = await Served.start({ HEADGATE_SECRET_SHOP: `${api.url}/v1` });
  engineer = await here.token('engineer', ['engineer', 'auditor']);
  await apply('kind: Source\nname: shop\ntype: http\nurl: ${HEADGATE_SECRET_SHOP}\n');
}, 60_000);

afterAll(async () => {
  await here?.close();
  await api?.close();
});

async function apply(manifest: string): Promise<void> {
  const applied = await here.ask(engineer, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: manifest });
  expect(applied.errors).toBeUndefined();
}

/** Declares what is collected, page by page, and each page a batch. */
async function declare(name: string, drift: string): Promise<void> {
  await apply(`kind: Dataset
name: ${name}
drift: ${drift}
fields:
  - { name: id, type: integer, required: true }
  - { name: name, type: text, aliases: [Name] }
  - { name: year, type: text, aliases: [Year] }
  - { name: horsepower, type: integer, aliases: [Horsepower] }
key: [id]
---
kind: Collector
name: ${name}
source: shop
dataset: ${name}
mode: merge
batch: { rows: 100 }
http: { path: /cars, pages: { by: offset, parameter: offset, size: { parameter: limit, rows: 100 } } }
`);
}

interface Run {
  readonly status: string;
  readonly rowsRead: string;
  readonly rowsLoaded: string;
  readonly rowsQuarantined: string;
  readonly error: { readonly code: string; readonly message: string } | null;
}

async function collect(name: string): Promise<Run> {
  const started = await here.ask<{ runCollector: { id: string } }>(engineer, 'mutation ($n: String!) { runCollector(name: $n) { id } }', { n: name });
  const query = 'query ($id: ID!) { run(id: $id) { status rowsRead rowsLoaded rowsQuarantined error { code message } } }';
  const run = async () => (await here.ask<{ run: Run }>(engineer, query, { id: started.data.runCollector.id })).data.run;
  await expect.poll(async () => (await run()).status, { timeout: 20_000 }).toMatch(/SUCCEEDED|FAILED/);
  return run();
}

interface Contract {
  readonly rowCount: string;
  readonly version: number;
  readonly fields: readonly { readonly name: string; readonly type: string }[];
}

async function contractOf(name: string): Promise<Contract> {
  const query = 'query ($n: String!) { dataset(name: $n) { rowCount version fields { name type tags required } } }';
  const { data, errors } = await here.ask<{ dataset: Contract }>(engineer, query, { n: name });
  expect(errors).toBeUndefined();
  return data.dataset;
}

/** The cars; from some row on as the API sends them after its next release. */
function answerWith(changed: (row: Record<string, unknown>) => object, from: number): void {
  const rows = CARS.map(({ Name, Year, Horsepower }, i) => ({ id: i + 1, Name, Year, Horsepower }));
  api.answer = ({ query }, response) => {
    const offset = Number(query.get('offset'));
    json(
      response,
      rows.slice(offset, offset + 100).map((row, i) => (offset + i < from ? row : changed(row))),
    );
  };
}

const withMore = ({ Horsepower, ...row }: Record<string, unknown>) => ({
  ...row,
  'Fuel Type': 'petrol',
  zip: '00501',
  // Where there were whole numbers.
  Horsepower: Number(Horsepower) + 0.5,
});

test('freeze: the page is refused, what landed before stays, and the next run goes on there', async () => {
  await declare('frozen', 'freeze');
  answerWith(withMore, 250);
  const run = await collect('frozen');
  expect(run).toMatchObject({ status: 'FAILED', rowsLoaded: '200', error: { code: 'DATA_REJECTED' } });
  expect(run.error?.message).toMatch(/^At page 3, row 51: .*has "(Fuel Type|zip)", which is not in the contract of "frozen"/);
  expect(await contractOf('frozen')).toMatchObject({ rowCount: '200', version: 1 });
  answerWith((row) => row, 0);
  expect(await collect('frozen')).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '206', rowsQuarantined: '0' });
  expect(await contractOf('frozen')).toMatchObject({ rowCount: '406' });
});

test('quarantine: rows with another member are kept there, and the others land', async () => {
  await declare('watched', 'quarantine');
  answerWith(withMore, 400);
  expect(await collect('watched')).toMatchObject({ status: 'SUCCEEDED', rowsRead: '406', rowsLoaded: '400', rowsQuarantined: '6' });
  const { data } = await here.ask<{ quarantine: { nodes: { reasons: { rule: string }[] }[] } }>(
    engineer,
    'query { quarantine(dataset: "watched", first: 10) { nodes { reasons { rule } } } }',
  );
  expect(data.quarantine.nodes).toHaveLength(6);
  for (const { reasons } of data.quarantine.nodes) expect(reasons.map(({ rule }) => rule)).toContain('drift');
  expect(await contractOf('watched')).toMatchObject({ rowCount: '400', version: 1 });
});

test('evolve: the contract takes in new members and wider numbers in the middle of a walk, and all rows land', async () => {
  await declare('open', 'evolve');
  answerWith(withMore, 250);
  expect(await collect('open')).toMatchObject({ status: 'SUCCEEDED', rowsRead: '406', rowsLoaded: '406', rowsQuarantined: '0' });
  const { rowCount, version, fields } = await contractOf('open');
  expect(rowCount).toBe('406');
  expect(version).toBeGreaterThan(1);
  expect(fields).toMatchObject([
    { name: 'id', type: 'integer' },
    { name: 'name' },
    { name: 'year' },
    { name: 'horsepower', type: 'decimal' },
    // Nobody has said what they are: nobody sees them by '*'.
    { name: 'fuel_type', type: 'text', tags: ['unclassified'], required: false },
    { name: 'zip', type: 'text', tags: ['unclassified'] },
  ]);
  expect(await here.sql('SELECT count(*)::int AS n, count(fuel_type)::int AS fuel, min(zip) AS zip FROM data."open"')).toEqual([
    { n: 406, fuel: 156, zip: '00501' },
  ]);
  const { data } = await here.ask<{ auditEntries: { totalCount: number; nodes: { actor: object; details: object }[] } }>(
    engineer,
    'query { auditEntries(where: { action: "dataset.evolve", dataset: "open" }, first: 5) { totalCount nodes { details } } }',
  );
  expect(data.auditEntries.nodes).toHaveLength(1);
});
