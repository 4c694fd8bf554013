import { GraphQLInt, GraphQLList, GraphQLNonNull, GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql';
import { createHandler } from 'graphql-http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { graphqlCollector } from '../../../src/ingestion/index.js';
import { silentLog } from '../../../src/kernel/index.js';
import { Outbound } from '../../../src/outbound/index.js';
import { HttpClients } from '../../../src/sources/index.js';
import { ApiServer, json } from '../../support/api-server.js';
import { Served } from '../../support/served.js';
import { Collecting } from './collecting.js';

const PEER = `
kind: Dataset
name: customers
fields: [{ name: id, type: bigint }, { name: name, type: text }, { name: changed, type: timestamp }]
key: [id]
---
kind: Grant
name: all-customers
to: { roles: [partner] }
on: { datasets: [customers] }
fields: { '*': allow }
`;

let peer: Served;
let api: ApiServer;
let outbound: Outbound;
let collecting: Collecting;
const secrets = new Map<string, string>();

beforeAll(async () => {
  peer = await Served.start();
  const admin = await peer.token('admin', ['admin', 'engineer']);
  const applied = await peer.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: PEER });
  expect(applied.errors).toBeUndefined();
  const rows = Array.from({ length: 250 }, (_, i) => `${i + 1},customer ${i + 1},${new Date(1_700_000_000_000 + i * 1_000).toISOString()}`);
  await peer.upload(admin, 'customers', `id,name,changed\n${rows.join('\n')}\n`);
  api = await ApiServer.start(() => undefined);
  secrets.set('HEADGATE_SECRET_PEER', `${peer.url}/graphql`);
  secrets.set('HEADGATE_SECRET_PEER_TOKEN', await peer.token('partner', ['partner'], { purposes: ['reporting'] }));
  secrets.set('HEADGATE_SECRET_API', `${api.url}/graphql`);
  outbound = new Outbound({ allow: [], log: silentLog });
  const clients = new HttpClients({ secrets, outbound, log: silentLog, restMs: 20, random: () => 0 });
  collecting = await Collecting.open(new Map([['graphql', graphqlCollector(clients)]]), secrets);
  await collecting.apply(`
kind: Source
name: peer
type: graphql
url: \${HEADGATE_SECRET_PEER}
auth: { bearer: '\${HEADGATE_SECRET_PEER_TOKEN}' }
---
kind: Source
name: other
type: graphql
url: \${HEADGATE_SECRET_API}
`);
}, 120_000);

afterAll(async () => {
  await collecting.close();
  await outbound.close();
  await api.close();
  await peer.close();
});

const FIELDS = 'fields: [{ name: id, type: bigint }, { name: name, type: text }, { name: changed, type: timestamp }]\nkey: [id]';

function documents(name: string, source: string, part: string, mode = 'merge'): string {
  return `kind: Dataset\nname: ${name}\n${FIELDS}\n---\nkind: Collector\nname: ${name}\nsource: ${source}\ndataset: ${name}\nmode: ${mode}\ngraphql:\n${part.replaceAll(/^/gm, '  ')}\n`;
}

test('rows of another Headgate are taken as its grants show them, connection by connection, and then what is new', async () => {
  await collecting.apply(
    documents(
      'customers',
      'peer',
      `query: |
  query ($after: String, $first: Int, $since: DateTime) {
    customers(first: $first, after: $after, where: { changed: { gte: $since } }, orderBy: [{ changed: ASC }]) {
      pageInfo { hasNextPage endCursor }
      edges { node { id name changed } }
    }
  }
items: /customers/edges
fields: { id: /node/id, name: /node/name, changed: /node/changed }
pages: { by: cursor, variable: after, size: { variable: first, rows: 100 } }
since: { pointer: /node/changed, variable: since, start: 1970-01-01T00:00:00Z, lag: 5s }`,
    ),
  );
  const run = await collecting.collect('customers');
  expect(run.errorMessage).toBeNull();
  expect(run).toMatchObject({ rowsRead: '250', rowsLoaded: '250' });
  const admin = await peer.token('admin', ['engineer']);
  await peer.upload(admin, 'customers', 'id,name,changed\n300,new one,2026-01-01T00:00:00Z\n');
  expect(await collecting.collect('customers')).toMatchObject({ errorMessage: null, rowsRead: '7', rowsLoaded: '1', rowsDeduplicated: '6' });
  expect(await collecting.rows('customers', 'count(*)::int, max(id)::int')).toEqual([{ count: 251, max: 300 }]);
}, 60_000);

test('rows of a small server are taken by offset', async () => {
  const people = Array.from({ length: 5 }, (_, i) => ({ id: i + 1, name: `person ${i + 1}` }));
  const Person = new GraphQLObjectType({ name: 'Person', fields: { id: { type: new GraphQLNonNull(GraphQLInt) }, name: { type: GraphQLString } } });
  const people_ = {
    type: new GraphQLList(Person),
    args: { skip: { type: GraphQLInt } },
    resolve: (_: unknown, { skip = 0 }: { skip?: number }) => people.slice(skip, skip + 2),
  };
  const handler = createHandler({ schema: new GraphQLSchema({ query: new GraphQLObjectType({ name: 'Query', fields: { people: people_ } }) }) });
  api.answer = async ({ method, headers, body }, response) => {
    const [text, init] = await handler({ method, url: '/graphql', headers, body, raw: undefined, context: undefined } as never);
    response.writeHead(init.status, init.headers).end(text);
  };
  await collecting.apply(
    documents(
      'people',
      'other',
      'query: "query ($skip: Int) { people(skip: $skip) { id name } }"\nitems: /people\npages: { by: offset, variable: skip }',
      'replace',
    ),
  );
  expect(await collecting.collect('people')).toMatchObject({ errorMessage: null, rowsLoaded: '5' });
  expect(await collecting.rows('people', 'id::int, name')).toEqual(people);
});

test('an answer with errors is none, though it has some of the data, and its texts are not told', async () => {
  await collecting.apply(documents('partial', 'other', 'query: "{ people { id name } }"\nitems: /people', 'replace'));
  api.answer = (_, response) => json(response, { data: { people: [{ id: 1, name: 'a' }] } });
  await collecting.collect('partial');
  for (const [code, expected] of [
    ['FORBIDDEN', 'CONTRACT_VIOLATION'],
    ['RATE_LIMITED', 'RATE_LIMITED'],
    ['a secret: 42', 'CONTRACT_VIOLATION'],
  ] as const) {
    api.answer = (_, response) => json(response, { data: { people: [] }, errors: [{ message: 'person 42 is ill', extensions: { code } }] });
    const run = await collecting.collect('partial');
    expect(run.status).not.toBe('SUCCEEDED');
    expect(run.errorCode ?? run.lastError?.code).toBe(expected);
    expect(JSON.stringify(run)).not.toMatch(/ill|secret: 42/);
    expect(await collecting.rows('partial', 'name')).toEqual([{ name: 'a' }]);
  }
});

test('a query is one query, and declares the variables that are given', async () => {
  for (const [part, problem] of [
    ['query: "mutation { a }"\nitems: /a', 'one operation in it, a query'],
    ['query: "query a { a } query b { b }"\nitems: /a', 'one operation'],
    ['query: "{ a "\nitems: /a', 'one operation'],
    ['query: "{ a }"\nitems: /a\npages: { by: offset, variable: skip }', 'declares no variable $skip'],
    [
      'query: "query ($a: String) { a }"\nitems: /a\npages: { by: cursor, variable: a, size: { variable: n, rows: 10 } }',
      'pages.size.variable: the query declares no variable $n',
    ],
    ['query: "{ a }"\nitems: /a\npages: { by: relay, variable: after }', 'expected by: page, offset or cursor'],
    ['query: "{ a }"\nitems: /a\nsince: { pointer: /b, parameter: since }', 'unknown key "parameter"'],
    ['query: "{ a }"\nitems: /a\nsince: { pointer: /b, variable: since }', 'declares no variable $since'],
  ] as const) {
    expect(await collecting.refusal(documents('wrong', 'other', part))).toContain(problem);
  }
});
