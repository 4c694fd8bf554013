import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { headgateHere } from '../cli/support.js';
import { json, type ApiServer } from '../support/api-server.js';
import { Served } from '../support/served.js';
import { serveRows, type Row } from './rows-server.js';

/** The whole program over HTTP, with a public data set at an API that wants a token. */
const TOKEN = 's3cret-token-of-the-api';
const MANIFEST = `
kind: Source
name: garage
type: http
url: \${HEADGATE_SECRET_GARAGE}
auth: { bearer: '\${HEADGATE_SECRET_GARAGE_TOKEN}' }
timeout: 3s
---
kind: Dataset
name: cars
typeName: Car
source: garage
http:
  list:
    path: /cars
    items: /data
    count: /meta/total
    filters: { origin: { eq: Origin }, cylinders: { in: Cylinders } }
    pages: { by: page, parameter: page, size: { parameter: per_page, rows: 100 } }
  get: { path: '/cars/{id}', item: /item }
  batch: { path: /cars, items: /data, parameter: id }
fields:
  - { name: id, type: integer }
  - { name: name, type: text, column: Name, tags: [pii.name] }
  - { name: miles, type: decimal, column: Miles_per_Gallon }
  - { name: cylinders, type: integer, column: Cylinders }
  - { name: year, type: date, column: /Year }
  - { name: origin, type: text, column: Origin }
key: [id]
---
kind: Grant
name: drivers
to: { roles: [driver] }
on: { datasets: [cars] }
rows: origin = claim('origin')
fields: { '*': allow, name: { mask: tokenize } }
---
kind: Grant
name: resolvers
to: { roles: [resolver] }
on: { datasets: [cars] }
rights: [detokenize]
fields: { name: allow }
`;

let api: ApiServer;
/** The number of a car that the driver sees. */
let european: number;
let served: Served;
let tokens: Record<'admin' | 'engineer' | 'driver' | 'resolver', string>;

beforeAll(async () => {
  const text = await readFile(fileURLToPath(new URL('../data/cars.json', import.meta.resolve('vega-datasets'))), 'utf8');
  const cars = (JSON.parse(text) as Row[]).map((car, i) => ({ id: i + 1, ...car }));
  european = 1 + cars.findIndex((car) => (car as Row)['Origin'] === 'Europe' && (car as Row)['Cylinders'] === 4);
  api = await serveRows({ cars });
  const { answer } = api;
  api.answer = (asked, response) => (asked.headers.authorization === `Bearer ${TOKEN}` ? answer(asked, response) : json(response, {}, {}, 401));
  served = await Served.start({ HEADGATE_SECRET_GARAGE: api.url, HEADGATE_SECRET_GARAGE_TOKEN: TOKEN });
  tokens = {
    admin: await served.token('admin', ['admin']),
    engineer: await served.token('engineer', ['engineer']),
    driver: await served.token('driver', ['driver'], { claims: { origin: 'Europe' } }),
    resolver: await served.token('resolver', ['resolver']),
  };
  const applied = await apply(MANIFEST);
  expect(applied.errors).toBeUndefined();
});

afterAll(async () => {
  await served?.close();
  await api?.close();
});

async function apply(manifest: string) {
  return served.ask(tokens.admin, 'mutation ($manifest: String!) { applyManifest(manifest: $manifest) { changes { change } warnings } }', { manifest });
}

test('rows, counts, groups, keys under aliases and entities, masked and on the record', async () => {
  const { data, errors, extensions } = await served.ask(
    tokens.driver,
    `{ cars(first: 2, orderBy: [{ miles: DESC_NULLS_LAST }], where: { cylinders: { in: [4, 5] } }) { totalCount nodes { id miles year } }
       groups: cars(first: 0) { groupBy(keys: [{ origin: true }]) { keys { origin } aggregate { count max { miles } } } }
       named: carsByKey(id: ${european}) { name origin } hidden: carsByKey(id: 1) { id }
       _entities(representations: [{ __typename: "Car", id: ${european} }, { __typename: "Car", id: 1 }]) { ... on Car { cylinders } } }`,
  );
  expect(errors).toBeUndefined();
  expect(data).toMatchObject({
    cars: { totalCount: 69, nodes: [{ miles: '44.3' }, { miles: '44' }] },
    groups: { groupBy: [{ keys: { origin: 'Europe' }, aggregate: { count: '73', max: { miles: '44.3' } } }] },
    named: { name: expect.stringMatching(/^tok_[0-9a-f]{32}$/) as string, origin: 'Europe' },
    hidden: null,
    _entities: [{ cylinders: 4 }, null],
  });
  expect(extensions).toMatchObject({ governance: { masked: ['cars.name'] } });
  // Each list was asked for the rows of the grant alone.
  expect(api.asked.filter(({ query }) => query.has('page')).every(({ query }) => query.get('Origin') === 'Europe' || query.get('per_page') === '100')).toBe(
    true,
  );
});

test('a token is resolved by a look at the rows', async () => {
  const { data } = await served.ask<{ carsByKey: { name: string } }>(tokens.driver, `{ carsByKey(id: ${european}) { name } }`);
  const resolved = await served.ask<{ detokenize: readonly unknown[] }>(
    tokens.resolver,
    'mutation ($tokens: [String!]!) { detokenize(input: { dataset: "cars", field: "name", tokens: $tokens, reason: "a recall" }) { token value } }',
    { tokens: [data.carsByKey.name] },
  );
  expect(resolved.errors).toBeUndefined();
  expect(resolved.data.detokenize).toMatchObject([{ value: expect.stringMatching(/[a-z]/) as string }]);
});

test('what a live dataset can not do is refused or not offered', async () => {
  const exported = await fetch(`${served.url}/export/cars`, { headers: { authorization: `Bearer ${tokens.driver}` } });
  expect(exported.status).toBe(400);
  expect(await exported.json()).toMatchObject({ code: 'BAD_USER_INPUT', detail: expect.stringContaining('stay at the source garage') as string });
  const { data: schema } = await served.ask<{ __schema: { subscriptionType: { fields: { name: string }[] } } }>(
    tokens.driver,
    '{ __schema { subscriptionType { fields { name } } } }',
  );
  expect(schema.__schema.subscriptionType.fields.map(({ name }) => name)).not.toContain('carsChanged');
  const ingested = await fetch(`${served.url}/ingest/cars?mode=append`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokens.engineer}`, 'content-type': 'text/csv' },
    body: 'id\n1\n',
  });
  expect(ingested.status).toBe(409);
});

test('a secret stays a reference, and what is exported is applied without a change', async () => {
  const { stdout } = await headgateHere(['export', '--url', served.url, '--token', tokens.engineer]);
  expect(stdout).toContain('bearer: ${HEADGATE_SECRET_GARAGE_TOKEN}');
  expect(stdout).not.toContain(TOKEN);
  const again = await apply(stdout);
  expect(again.errors).toBeUndefined();
  expect(JSON.stringify(again.data)).not.toMatch(/"(create|update|remove)"/);
  const { data } = await served.ask(tokens.engineer, '{ sources { name type status code datasets { name } } }');
  expect(data).toEqual({ sources: [{ name: 'garage', type: 'http', status: 'OK', code: null, datasets: [{ name: 'cars' }] }] });
});

test.each<[string, string, RegExp]>([
  ['a path that is not there', MANIFEST.replaceAll('/cars', '/bikes').replace('name: cars', 'name: bikes'), /http\.list: .*does not have/],
  ['rows that are elsewhere in the answer', MANIFEST.replace('items: /data\n', 'items: /rows\n'), /there is no list of rows at \/rows/],
  [
    'a table at an API',
    'kind: Dataset\nname: tables\nsource: garage\ntable: a.b\nfields: [{ name: id, type: integer }]\n',
    /the source garage is of type http, so say where the rows are with http/,
  ],
  [
    'a source that becomes another one under its datasets',
    'kind: Source\nname: garage\ntype: graphql\nurl: ${HEADGATE_SECRET_GARAGE}\n',
    /the source garage is of type graphql/,
  ],
])('%s is refused when it is applied', async (_, manifest, message) => {
  const { errors } = await apply(manifest);
  expect(errors?.[0]?.message).toMatch(message);
  expect(JSON.stringify(errors)).not.toMatch(/127\.0\.0\.1|s3cret/);
});

test('a field that no row has, and values that do not fit, are warned of', async () => {
  const { data } = await apply(
    MANIFEST.replace('column: Cylinders', 'column: cylinders').replace('type: decimal, column: Miles_per_Gallon', 'type: date, column: Miles_per_Gallon'),
  );
  const { warnings } = data['applyManifest'] as { warnings: readonly string[] };
  expect(warnings).toEqual([
    expect.stringMatching(/have at "Miles_per_Gallon" what date can't hold/) as string,
    expect.stringMatching(/none has "cylinders"/) as string,
  ]);
});
