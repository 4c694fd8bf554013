import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSchema, graphql } from 'graphql';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { SourceInference } from '../../src/ingestion/index.js';
import { silentLog } from '../../src/kernel/index.js';
import { Outbound } from '../../src/outbound/index.js';
import { HttpClients, Sources } from '../../src/sources/index.js';
import { ApiServer, json, type Answering } from '../support/api-server.js';
import { createTestDatabase } from '../support/database.js';
import { Served, type Response } from '../support/served.js';
import { headgateHere } from '../cli/support.js';

const VEGA = join(import.meta.dirname, '../../node_modules/vega-datasets/data');
const TOKEN = 'sesame-for-the-shop';

let api: ApiServer;
let peer: Served;
let remote: Awaited<ReturnType<typeof createTestDatabase>>;
let database: pg.Client;
let here: Served;
let engineer: string;

function rowsOf(file: string): Record<string, unknown>[] {
  return JSON.parse(readFileSync(join(VEGA, file), 'utf8')) as Record<string, unknown>[];
}

function urlOf({ user, password, host, port, database: name }: (typeof remote)['connection']): string {
  return `postgres://${user}:${encodeURIComponent(password)}@/${name}?host=${encodeURIComponent(host)}&port=${port}`;
}

beforeAll(async () => {
  [api, peer, remote] = await Promise.all([ApiServer.start(() => undefined), Served.start(), createTestDatabase()]);
  database = new pg.Client(remote.connection);
  await database.connect();
  const admin = await peer.token('admin', ['admin', 'engineer']);
  const dataset = `kind: Dataset
name: airports
fields:
  - { name: iata, type: text, required: true }
  - { name: name, type: text }
  - { name: city, type: text }
  - { name: state, type: text }
  - { name: country, type: text }
  - { name: latitude, type: float }
  - { name: longitude, type: float }
key: [iata]
---
kind: Grant
name: all
to: { roles: [partner] }
on: { datasets: [airports] }
fields: { '*': allow }
`;
  const applied = await peer.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: dataset });
  expect(applied.errors).toBeUndefined();
  await peer.upload(admin, 'airports', readFileSync(join(VEGA, 'airports.csv'), 'utf8'));
  here = await Served.start({
    HEADGATE_SECRET_SHOP: `${api.url}/v1`,
    HEADGATE_SECRET_SHOP_TOKEN: TOKEN,
    HEADGATE_SECRET_PEER: `${peer.url}/graphql`,
    HEADGATE_SECRET_PEER_TOKEN: await peer.token('partner', ['partner'], { purposes: ['reporting'] }),
    HEADGATE_SECRET_CARS: `${api.url}/graphql`,
    HEADGATE_SECRET_ERP: urlOf(remote.connection),
  });
  engineer = await here.token('engineer', ['engineer']);
  await apply(`
kind: Source
name: shop
type: http
url: \${HEADGATE_SECRET_SHOP}
auth: { bearer: '\${HEADGATE_SECRET_SHOP_TOKEN}' }
---
kind: Source
name: peer
type: graphql
url: \${HEADGATE_SECRET_PEER}
auth: { bearer: '\${HEADGATE_SECRET_PEER_TOKEN}' }
---
kind: Source
name: cars
type: graphql
url: \${HEADGATE_SECRET_CARS}
---
kind: Source
name: erp
type: postgres
url: \${HEADGATE_SECRET_ERP}
`);
}, 120_000);

beforeEach(() => {
  api.asked.length = 0;
});

afterAll(async () => {
  await here?.close();
  await peer?.close();
  await database?.end();
  await remote?.drop();
  await api?.close();
});

async function apply(manifest: string): Promise<void> {
  const applied = await here.ask(engineer, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: manifest });
  expect(applied.errors).toBeUndefined();
}

interface Inferred {
  readonly manifest: string;
  readonly dataset: string;
  readonly collector: string;
  readonly rows: number;
  readonly isWhole: boolean;
}

const INFER = 'mutation ($input: InferInput!) { inferDataset(input: $input) { manifest dataset collector rows isWhole } }';

async function ask(input: object, who: string | null = engineer): Promise<Response<{ inferDataset: Inferred } | null>> {
  return here.ask<{ inferDataset: Inferred } | null>(who, INFER, { input });
}

async function infer(input: object): Promise<Inferred> {
  const { data, errors } = await ask(input);
  expect(errors).toBeUndefined();
  if (!data) throw new Error('nothing was inferred');
  return data.inferDataset;
}

async function refusal(input: object, who?: string | null): Promise<string> {
  const { errors } = await ask(input, who);
  return `${String(errors?.[0]?.extensions['code'])}: ${errors?.[0]?.message}`;
}

/** Applies what was inferred as it is, runs its collector, and counts. */
async function collected({ manifest, dataset, collector }: Inferred): Promise<object> {
  await apply(manifest);
  const started = await here.ask<{ runCollector: { id: string } }>(engineer, 'mutation ($n: String!) { runCollector(name: $n) { id } }', { n: collector });
  expect(started.errors).toBeUndefined();
  const query = 'query ($id: ID!) { run(id: $id) { status rowsRead rowsLoaded rowsQuarantined rowsDeduplicated error { message } dataset { rowCount } } }';
  const run = async () => (await here.ask<{ run: { status: string } }>(engineer, query, { id: started.data.runCollector.id })).data.run;
  await expect.poll(async () => (await run()).status, { timeout: 20_000 }).toMatch(/SUCCEEDED|FAILED/);
  expect((await here.sql(`SELECT count(*)::int AS n FROM data."${dataset}"`))[0]).toEqual({
    n: Number(((await run()) as unknown as { rowsLoaded: string }).rowsLoaded),
  });
  return run();
}

/** Pages of a size, and what an answer looks like with the place of the next one. */
function paged(
  rows: readonly unknown[],
  size: number,
  answer: (page: readonly unknown[], next: number | undefined, response: Parameters<Answering>[1]) => void,
): Answering {
  return ({ query, headers, path }, response) => {
    if (headers.authorization !== `Bearer ${TOKEN}`) return json(response, { error: 'who are you?' }, {}, 401);
    if (!path.startsWith('/v1/')) return json(response, { error: 'no such thing' }, {}, 404);
    const from = Number(query.get('from') ?? 0);
    const next = from + size < rows.length ? from + size : undefined;
    return answer(rows.slice(from, from + size), next, response);
  };
}

test('an API whose answers have the URL of the next page: contract and collector, applied as they came, bring all rows', async () => {
  const rows = rowsOf('penguins.json');
  api.answer = paged(rows, 100, (page, next, response) =>
    json(response, { meta: { total: rows.length }, data: page, links: { next: next === undefined ? null : `${api.url}/v1/penguins?from=${next}` } }),
  );
  const inferred = await infer({ source: 'shop', from: '/penguins?sort=island' });
  expect(inferred).toMatchObject({ dataset: 'penguins', collector: 'shop_penguins', rows: 344, isWhole: true });
  expect(inferred.manifest).toMatchSnapshot();
  // Sets of values would be values: the engineer sees none of them.
  expect(inferred.manifest).not.toMatch(/Adelie|Torgersen|MALE/i);
  expect(api.asked).toHaveLength(4);
  expect(await collected(inferred)).toMatchObject({
    status: 'SUCCEEDED',
    rowsRead: '344',
    rowsLoaded: '344',
    rowsQuarantined: '0',
    dataset: { rowCount: '344' },
  });
});

test('an API with links in a header is looked at so far as it may be, and what was not seen is not promised', async () => {
  const rows = rowsOf('cars.json').map((row, i) => ({ id: i + 1, ...row }));
  api.answer = paged(rows, 50, (page, next, response) => json(response, page, next === undefined ? {} : { link: `</v1/cars?from=${next}>; rel="next"` }));
  const some = await infer({ source: 'shop', from: 'cars', pages: 2, name: 'some_cars' });
  expect(some).toMatchObject({ dataset: 'some_cars', rows: 100, isWhole: false });
  expect(api.asked).toHaveLength(2);
  expect(some.manifest).not.toMatch(/required: true|^key:/m);
  expect(some.manifest).toContain('differs in all rows that were seen: perhaps the key');
  expect(some.manifest).toContain('pages: { by: link }');
  expect(some.manifest).toContain('With drift: evolve');
  // Among the rows that were not seen are numbers with decimals where there were none.
  const open = { ...some, manifest: some.manifest.replace('---\n', 'drift: evolve\n---\n') };
  expect(await collected(open)).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '406', rowsQuarantined: '0' });
  const few = await infer({ source: 'shop', from: '/cars', rows: 120 });
  expect(few).toMatchObject({ rows: 120, isWhole: false });
  const all = await infer({ source: 'shop', from: '/cars' });
  expect(all).toMatchObject({ rows: 406, isWhole: true });
  expect(all.manifest).toMatchSnapshot();
  expect(await collected(all)).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '406', rowsQuarantined: '0' });
});

test('a feed of GeoJSON, in one answer, with its rows where they are', async () => {
  const feed = readFileSync(join(VEGA, 'earthquakes.json'), 'utf8');
  const { features } = JSON.parse(feed) as { features: unknown[] };
  api.answer = (_, response) => json(response, feed);
  const inferred = await infer({ source: 'shop', from: '/earthquakes' });
  expect(inferred).toMatchObject({ rows: features.length, isWhole: true });
  expect(inferred.manifest).toContain('items: /features');
  expect(inferred.manifest).toContain('it counts as all there is');
  expect(await collected(inferred)).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: String(features.length), rowsQuarantined: '0' });
});

test('what is no way to a next page for sure is a remark, and the user says it', async () => {
  const rows = rowsOf('cars.json');
  api.answer = (_, response) => json(response, { total_count: 406, has_more: true, next_cursor: 'abc', cars: rows.slice(0, 50) });
  const { manifest, isWhole } = await infer({ source: 'shop', from: '/cars?page=1&per_page=50', name: 'by_hand' });
  expect(isWhole).toBe(false);
  expect(manifest).not.toMatch(/^ +pages:/m);
  expect(manifest.split('---\n')[1]).toMatchSnapshot();
  api.answer = (_, response) => json(response, { next: 'https://elsewhere.example.com/cars?page=2', cars: rows.slice(0, 50) });
  expect((await infer({ source: 'shop', from: '/cars', name: 'elsewhere' })).manifest).toContain('leads to another host, which gets no credentials');
});

test('rows that are asked for by POST', async () => {
  const rows = rowsOf('cars.json');
  api.answer = ({ method, body }, response) => json(response, method === 'POST' && body === '{"q":{"a":1}}' ? { hits: rows } : { hits: [] });
  const inferred = await infer({ source: 'shop', from: '/search', body: '{"q":{"a":1}}' });
  expect(await collected(inferred)).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '406' });
});

test('another GraphQL API: types, key and pages by its introspection', async () => {
  const inferred = await infer({ source: 'peer', from: 'airports', pages: 100 });
  expect(inferred).toMatchObject({ dataset: 'airports', collector: 'peer_airports', rows: 3376, isWhole: true });
  expect(inferred.manifest).toMatchSnapshot();
  expect(await collected(inferred)).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '3376', rowsQuarantined: '0' });
});

test('GraphQL APIs whose rows are in edges, or that count them', async () => {
  const schema = buildSchema(`
    scalar Pounds
    enum Origin { USA Europe Japan }
    type Maker { name: String }
    "A car that was sold."
    type Car { id: ID! "As it is called." modelName: String! weight: Pounds horsepower: Int origin: Origin! words: [String!]! maker: Maker price(in: String!): Float }
    type Edge { node: Car! cursor: String! }
    type Info { hasNextPage: Boolean! endCursor: String }
    type Cars { edges: [Edge!]! pageInfo: Info! }
    type Query { cars(first: Int!, after: String): Cars! allCars(limit: Int, offset: Int): [Car!]! carsOf(maker: String!): [Car!]! everything: [Car!]! }`);
  const cars = rowsOf('cars.json').map((car, i) => ({
    id: `c${i + 1}`,
    modelName: car['Name'],
    weight: car['Weight_in_lbs'],
    horsepower: car['Horsepower'],
    origin: car['Origin'],
    words: String(car['Name']).split(' '),
  }));
  const rootValue = {
    cars: ({ first, after }: { first: number; after?: string }) => {
      const from = after ? Number(after) : 0;
      const edges = cars.slice(from, from + first).map((node, i) => ({ node, cursor: String(from + i + 1) }));
      return { edges, pageInfo: { hasNextPage: from + first < cars.length, endCursor: edges.at(-1)?.cursor ?? null } };
    },
    allCars: ({ limit = 10, offset = 0 }: { limit?: number; offset?: number }) => cars.slice(offset, offset + limit),
    everything: cars,
  };
  api.answer = async ({ body }, response) => {
    const { query, variables } = JSON.parse(body) as { query: string; variables: Record<string, unknown> };
    json(response, JSON.stringify(await graphql({ schema, source: query, rootValue, variableValues: variables })));
  };
  for (const from of ['cars', 'allCars', 'everything']) {
    const inferred = await infer({ source: 'cars', from, name: `graphql_${from.toLowerCase()}` });
    expect(inferred).toMatchObject({ rows: 406, isWhole: true });
    expect(inferred.manifest).toMatchSnapshot();
    expect(await collected(inferred)).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '406', rowsQuarantined: '0' });
  }
  expect(await refusal({ source: 'cars', from: 'carsOf' })).toMatch(/^BAD_USER_INPUT: carsOf at cars needs the argument maker/);
});

test('another PostgreSQL: types, key and what is required by its catalog', async () => {
  await database.query(
    `CREATE SCHEMA "Billing"; CREATE TABLE "Billing"."Movies" ("MovieID" int PRIMARY KEY, "Title" text NOT NULL, gross numeric, rating varchar(20), released date, last_modified timestamptz DEFAULT now(), poster bytea)`,
  );
  await database.query(`COMMENT ON COLUMN "Billing"."Movies".gross IS 'In US dollars.'`);
  await database.query(
    `INSERT INTO "Billing"."Movies" SELECT n, coalesce(m ->> 'Title', ''), (m ->> 'US Gross')::numeric, m ->> 'MPAA Rating', NULL FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS a (m, n)`,
    [readFileSync(join(VEGA, 'movies.json'), 'utf8')],
  );
  const inferred = await infer({ source: 'erp', from: 'Billing.Movies' });
  expect(inferred).toMatchObject({ dataset: 'movies', collector: 'erp_movies', rows: 3201, isWhole: true });
  expect(inferred.manifest).toMatchSnapshot();
  expect(inferred.manifest).not.toContain('PG-13');
  expect(await collected(inferred)).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '3201', rowsQuarantined: '0' });
  const some = await infer({ source: 'erp', from: 'Movies', name: 'some_movies', rows: 700 });
  expect(some).toMatchObject({ rows: 700, isWhole: false });
  // What the catalog says holds for rows that were not seen too.
  expect(some.manifest).toMatch(/name: title, type: text, required: true/);
  expect(some.manifest).toMatch(/^key: \[ movie_id \]$/m);
});

test('who may not declare datasets is refused, nothing is asked of the source, and both are on the record', async () => {
  api.answer = (_, response) => json(response, rowsOf('cars.json'));
  const input = { source: 'shop', from: '/cars', name: 'refused' };
  for (const roles of [['steward'], ['auditor'], ['reader']]) {
    expect(await refusal(input, await here.token('somebody', roles))).toMatch(/^FORBIDDEN: inferDataset is for admin, engineer/);
  }
  expect(await refusal(input, null)).toMatch(/^UNAUTHENTICATED/);
  expect(api.asked).toHaveLength(0);
  await infer(input);
  const auditor = await here.token('auditor', ['auditor']);
  const entries = await here.ask<{ auditEntries: { nodes: { action: string; decision: string; details: unknown }[] } }>(
    auditor,
    'query { auditEntries(first: 1, where: { action: "source.infer" }) { nodes { action decision details } } }',
  );
  expect(entries.errors).toBeUndefined();
  expect(entries.data.auditEntries.nodes[0]).toEqual({ action: 'source.infer', decision: 'ALLOWED', details: { source: 'shop', rows: 406 } });
});

test('what can not be looked at is told, without a word of an answer', async () => {
  const secret = 'the-value-of-a-row';
  api.answer = (_, response) => json(response, { a: [{ x: secret }], b: [{ x: secret }] });
  expect(await refusal({ source: 'shop', from: '/x' })).toBe(
    'BAD_USER_INPUT: What the source shop answers has several lists: /a, /b. Say where the rows are with --items, a JSON pointer.',
  );
  expect((await infer({ source: 'shop', from: '/x', items: '/b', name: 'b_of_x' })).rows).toBe(1);
  const answers: readonly (readonly [string, object, RegExp])[] = [
    ['<html>', {}, /^DATA_REJECTED: .*not JSON/],
    [JSON.stringify({ x: secret }), {}, /^BAD_USER_INPUT: .*no list of objects/],
    [JSON.stringify([secret]), {}, /^DATA_REJECTED: The row at line 1 is not a JSON object/],
    ['[]', {}, /^DATA_REJECTED: There is no row/],
    [JSON.stringify({ a: [{ x: secret }] }), { items: '/c' }, /^DATA_REJECTED: There is no row|no array/],
  ];
  for (const [answer, more, told] of answers) {
    api.answer = (_, response) => json(response, answer);
    const message = await refusal({ source: 'shop', from: '/x', name: 'nothing', ...more });
    expect(message).toMatch(told);
    expect(message).not.toContain(secret);
  }
  const refused: readonly (readonly [object, RegExp])[] = [
    [{ source: 'shopp', from: '/x' }, /^NOT_FOUND: There is no source "shopp". Did you mean "shop"/],
    [{ source: 'shop', from: '/../x' }, /^BAD_USER_INPUT: path: .*leave ".." out/],
    [{ source: 'shop', from: '/x', body: '[' }, /^BAD_USER_INPUT: body/],
    [{ source: 'shop', from: '/x', pages: 0 }, /^BAD_USER_INPUT: pages: expected a whole number from 1 to 100/],
    [{ source: 'shop', from: '/x', name: 'airports' }, /^BAD_USER_INPUT: There is a dataset "airports" already/],
    [{ source: 'peer', from: 'airport' }, /^BAD_USER_INPUT: There is no field "airport" at peer.*Did you mean "airports"/],
    [{ source: 'peer', from: 'airports', items: '/x' }, /^BAD_USER_INPUT: items: it is for a source of type http/],
    [{ source: 'erp', from: 'movie' }, /^BAD_USER_INPUT: There is no table or view "movie" at erp/],
  ];
  for (const [input, told] of refused) expect(await refusal(input)).toMatch(told);
});

test('the command writes what the mutation gives', async () => {
  api.answer = (_, response) => json(response, { data: rowsOf('cars.json') });
  const served = ['--url', here.url, '--token', engineer];
  const told = await headgateHere(['dataset', 'infer', '--source', 'shop', '/cars', '--name', 'cars_by_hand', ...served]);
  expect(told).toMatchObject({ code: 0, stderr: '' });
  expect(told.stdout.trim()).toBe((await infer({ source: 'shop', from: '/cars', name: 'cars_by_hand' })).manifest.trim());
  const asJson = await headgateHere(['dataset', 'infer', '--source', 'shop', '/cars', '--name', 'cars_by_hand', '--sample', '10', '--json', ...served]);
  expect(JSON.parse(asJson.stdout)).toMatchObject({ dataset: 'cars_by_hand', collector: 'shop_cars_by_hand', rows: 10, isWhole: false });
  const wrong = [
    [['--source', 'shop', '/a', '/b'], 'Give one path, field or table'],
    [['--source', 'shop', '/a', '--no-header'], '--no-header: it says how files are written'],
    [['cars.csv', '--items', '/data'], '--items: it is for a source'],
    [['--source', 'shop', '/a', '--pages', 'x'], '--pages: expected a number'],
  ] as const;
  for (const [args, message] of wrong) {
    const { code, stderr } = await headgateHere(['dataset', 'infer', ...args, ...served]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
  }
});

test('a source that does not answer is not waited for for long', async () => {
  api.answer = () => undefined;
  const outbound = new Outbound({ allow: [], log: silentLog });
  const secrets = new Map([['HEADGATE_SECRET_SHOP', `${api.url}/v1`]]);
  const sources = new Sources({ secrets, log: silentLog });
  const inference = new SourceInference({
    clients: new HttpClients({ secrets, outbound, log: silentLog }),
    sources,
    maxValueBytes: 1_000_000,
    collectors: async () => [],
    timeoutMs: 300,
  });
  const catalog = { sources: new Map([['shop', { name: 'shop', type: 'http', url: '${HEADGATE_SECRET_SHOP}' }]]), datasets: new Map() };
  await expect(inference.infer({ source: 'shop', from: '/x' }, catalog as never)).rejects.toMatchObject({ code: 'TIMEOUT' });
  await sources.close();
  await outbound.close();
});
