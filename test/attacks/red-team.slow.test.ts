import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { text as streamText } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { fromBuffer, type Entry, type ZipFile } from 'yauzl';
import { Listener, RawSocket } from '../support/live.js';
import { Served } from '../support/served.js';

/**
 * The attacks that other products fell to, each by its advisory, over HTTP against the whole program as several principals. The
 * other files of this folder go deeper into each; this one shows that nothing of it gets through the front door.
 */
let served: Served;
const tokens: Record<string, string> = {};

const MANIFESTS = `
kind: Purpose
name: support
---
kind: Dataset
name: customers
typeName: Customer
subject: id
cache: { ttl: 60s }
fields:
  - { name: id, type: integer, required: true }
  - { name: name, type: text }
  - { name: email, type: text, tags: [pii.email], rules: [{ matches: '^[^@]+@[^@]+$' }] }
  - { name: phone, type: text, tags: [pii.phone] }
  - { name: salary, type: integer, rules: [{ between: ['0', '1000000'], severity: warn }] }
  - { name: country, type: text }
  - { name: doc, type: json }
  - { name: badge, type: text, visibility: secret }
key: [id]
relations:
  - { name: orders, to: orders, on: { id: customer_id }, many: true }
---
kind: Dataset
name: orders
typeName: Order
fields:
  - { name: id, type: integer, required: true }
  - { name: customer_id, type: integer }
  - { name: amount, type: integer }
key: [id]
relations:
  - { name: customer, to: customers, on: { customer_id: id } }
---
kind: Dataset
name: watchlist
typeName: Suspect
visibility: secret
fields:
  - { name: id, type: integer, required: true }
  - { name: codename, type: text }
key: [id]
---
kind: Grant
name: analysts
to: { roles: [analyst] }
on: { datasets: [customers] }
fields: { id: allow, name: allow, country: allow, doc: allow, email: { mask: hash }, salary: { mask: redact } }
---
kind: Grant
name: germans
to: { roles: [german] }
on: { datasets: [customers] }
rows: "country = 'DE'"
fields: { id: allow, name: allow, country: allow, email: allow, doc: allow }
---
kind: Grant
name: orders
to: { roles: [analyst, german] }
on: { datasets: [orders] }
fields: { '*': allow }
---
kind: Grant
name: detectives
to: { roles: [detective] }
on: { datasets: [watchlist] }
fields: { '*': allow }
---
kind: Grant
name: helpers
to: { roles: [helper] }
on: { datasets: [customers] }
purposes: [support]
fields: { '*': allow }
`;

/** id 1 and 3 are in Germany; ids 2 and 4 are not. Values that nobody below may see begin with these. */
const STORED = ['anna@', 'bert@', 'cleo@', 'dora@', '+49', 'B-', '70007'];
const ROWS = [
  [1, 'Anna', 'anna@example.de', '+491', 70007, 'DE', '{""age"":""41""}', 'B-1'],
  [2, 'Bert', 'bert@example.fr', '+492', 70007, 'FR', '{""age"":""not a number""}', 'B-2'],
  [3, 'Cleo', 'cleo@example.de', '+493', 70007, 'DE', '{""age"":""43""}', 'B-3'],
  [4, 'Dora', 'dora@example.fr', '+494', 70007, 'FR', '{""age"":""44""}', 'B-4'],
].map(([id, name, email, phone, salary, country, doc, badge]) => `${id},${name},${email},${phone},${salary},${country},"${doc}",${badge}`);

beforeAll(async () => {
  served = await Served.start({ HEADGATE_RATE_LIMIT: '100000' });
  for (const role of ['admin', 'steward', 'engineer', 'auditor', 'analyst', 'german', 'detective', 'nobody']) tokens[role] = await served.token(role, [role]);
  tokens['helper'] = await served.token('helper', ['helper'], { purposes: ['support'] });
  const applied = await ask('admin', 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS });
  expect(applied.errors).toBeUndefined();
  const load = async (dataset: string, text: string) => expect((await served.upload(tok('admin'), dataset, text)).status).toBe(200);
  await load('customers', `id,name,email,phone,salary,country,doc,badge\n${ROWS.join('\n')}\n5,Emil,no address +495,+495,70007,DE,{},B-5\n`);
  await load('orders', 'id,customer_id,amount\n1,1,10\n2,2,20\n3,2,30\n4,3,40\n');
  await load('watchlist', 'id,codename\n1,Falcon\n');
});

afterAll(() => served?.close());

function tok(role: string): string {
  return tokens[role] ?? '';
}

interface Connection {
  readonly totalCount: number;
  readonly nodes: readonly { readonly id: number; readonly customer: { readonly name: string } | null }[];
  readonly edges: readonly { readonly cursor: string }[];
  readonly pageInfo: { readonly endCursor: string };
}
interface Told {
  readonly customers: Connection;
  readonly orders: Connection;
  readonly _entities: readonly ({ readonly name: string } | null)[];
}

async function ask<Data = Told>(role: string | null, query: string, variables = {}, headers = {}) {
  return served.ask<Data>(role === null ? null : tok(role), query, variables, headers);
}

async function text(role: string | null, query: string, variables = {}): Promise<string> {
  const { status, ...answer } = await ask(role, query, variables);
  return `${status} ${JSON.stringify(answer)}`;
}

async function codes(role: string | null, query: string, variables = {}): Promise<unknown[]> {
  return ((await ask(role, query, variables)).errors ?? []).map(({ extensions }) => extensions['code']);
}

/** The files of an archive, by name. */
async function unzipped(bytes: Buffer): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const archive = await new Promise<ZipFile>((resolve, reject) =>
    fromBuffer(bytes, { lazyEntries: false }, (error, zip) => (error ? reject(error) : resolve(zip))),
  );
  const read: Promise<void>[] = [];
  archive.on('entry', (entry: Entry) => {
    read.push(
      new Promise((resolve, reject) => archive.openReadStream(entry, (error, stream) => (error ? reject(error) : resolve(stream)))).then(
        async (stream) => void files.set(entry.fileName, await streamText(stream as NodeJS.ReadableStream)),
      ),
    );
  });
  await once(archive, 'end');
  await Promise.all(read);
  return files;
}

function expectNothingOf(said: string): void {
  for (const value of STORED) expect(said).not.toContain(value);
}

async function exported(role: string | null, query: string): Promise<string> {
  const response = await fetch(`${served.url}/export/${query}`, { headers: role === null ? {} : { authorization: `Bearer ${tok(role)}` } });
  return `${response.status} ${await response.text()}`;
}

test('a mask holds in aggregates, min, max and groups (CVE-2026-35442 Directus)', async () => {
  const said = await text(
    'analyst',
    `{ customers { aggregate { min { email salary } max { email salary } sum { salary } avg { salary } countDistinct { salary } }
        groupBy(keys: [{ email: true }], having: { min: { email: { contains: "@" } } }) { keys { email } }
        all: groupBy(keys: [{ salary: true }]) { keys { salary } aggregate { count max { email } } } } }`,
  );
  expectNothingOf(said);
  expect(said).toContain('"sum":{"salary":"0"}');
  expect(said).toContain('"groupBy":[]');
  expect(await codes('analyst', '{ customers { aggregate { max { phone } } } }')).toEqual(['FORBIDDEN']);
});

test('a mask is not lost by an alias (CVE-2024-34708 Directus)', async () => {
  const said = await text('analyst', '{ a: customers { b: nodes { c: email d: salary name: email e: phone } } email: customers { nodes { id: email } } }');
  expectNothingOf(said);
  expect(said).toMatch(/"c":"[0-9a-f]{64}","d":0,"name":"[0-9a-f]{64}","e":null/);
});

test('a hidden column is not searched or filtered by (CVE-2025-30352 Directus)', async () => {
  for (const where of [
    '{ phone: { startsWith: "+49" } }',
    '{ phone: { isNull: false } }',
    '{ not: { phone: { eq: "x" } } }',
    '{ or: [{ phone: { ne: "x" } }] }',
  ])
    expect(await codes('analyst', `{ customers(where: ${where}) { totalCount } }`)).toEqual(['FORBIDDEN']);
  // A masked one is filtered by its mask.
  expect((await ask('analyst', '{ customers(where: { email: { contains: "@" } }) { totalCount } }')).data.customers).toEqual({ totalCount: 0 });
  expect((await ask('analyst', '{ customers(where: { salary: { gt: 0 } }) { totalCount } }')).data.customers).toEqual({ totalCount: 0 });
  expect(await codes('nobody', '{ customers(where: { name: { eq: "Anna" } }) { totalCount } }')).toEqual(['FORBIDDEN']);
});

test('order and cursors tell nothing (DAB #3553; CVE-2026-33326 Keystone)', async () => {
  expect(await codes('analyst', '{ customers(orderBy: [{ phone: ASC }]) { nodes { id } } }')).toEqual(['FORBIDDEN']);
  const { data } = await ask('analyst', '{ customers(orderBy: [{ salary: ASC }, { email: DESC }], first: 2) { edges { cursor } pageInfo { endCursor } } }');
  for (const { cursor } of data.customers.edges) expectNothingOf(Buffer.from(cursor, 'base64url').toString());
  // Rows with equal masks are ordered by the key, not by what is under the mask.
  const ordered = async (by: string) => (await ask('analyst', `{ customers(orderBy: [${by}]) { nodes { id } } }`)).data.customers.nodes.map(({ id }) => id);
  expect(await ordered('{ salary: ASC }')).toEqual(await ordered('{ salary: DESC }'));
  // One that another principal got is refused, and a forged one too.
  const end = data.customers.pageInfo.endCursor;
  for (const after of [end, Buffer.from('["1"]').toString('base64url'), `${end}x`])
    expect(await codes('german', 'query ($after: String) { customers(orderBy: [{ country: ASC }], after: $after) { nodes { id } } }', { after })).toEqual([
      'BAD_USER_INPUT',
    ]);
});

test('hidden keys inside and, or, not, dotted paths and what looks like a list (CVE-2026-30962, CVE-2026-31872, CVE-2026-34595 Parse)', async () => {
  for (const where of [
    '{ and: [{ and: [{ or: [{ not: { phone: { eq: "+491" } } }] }] }] }',
    '{ orders: { some: { customer: { phone: { eq: "+491" } } } } }',
    '{ not: { not: { phone: { in: ["+491"] } } } }',
  ])
    expect(await codes('analyst', `{ customers(where: ${where}) { totalCount } }`)).toEqual(['FORBIDDEN']);
  for (const w of [
    { 'phone.x': { eq: 1 } },
    { 'orders.customer.phone': { eq: '+491' } },
    { and: { 0: { phone: { eq: '+491' } }, length: 1 } },
    { phone: { 0: 'eq', eq: ['+491'] } },
    { __proto__: { phone: { eq: '+491' } }, constructor: 1 },
    [{ name: { eq: 'Anna' } }, { phone: { eq: '+491' } }],
  ])
    for (const code of ['none', ...(await codes('analyst', 'query ($w: CustomerWhere) { customers(where: $w) { totalCount } }', { w }))].slice(-1))
      expect(code).toMatch(/^(BAD_USER_INPUT|FORBIDDEN|GRAPHQL_VALIDATION_FAILED)$/);
});

test('no relation is traversed to what is hidden (CVE-2026-27886 Strapi)', async () => {
  for (const query of [
    '{ orders(where: { customer: { phone: { startsWith: "+49" } } }) { nodes { id } } }',
    '{ orders(orderBy: [{ customer: { phone: ASC } }]) { nodes { id } } }',
    '{ orders { groupBy(keys: [{ customer: { phone: true } }]) { keys { customer { phone } } } } }',
    '{ customers(where: { orders: { some: { customer: { phone: { eq: "+491" } } } } }) { totalCount } }',
  ])
    expect(await codes('analyst', query), query).toEqual(['FORBIDDEN']);
  // Over a relation the row filter holds as well: the orders of customers outside of Germany lead to nobody.
  const { data } = await ask('german', '{ orders(orderBy: [{ id: ASC }]) { nodes { id customer { name } } } }');
  expect(data.orders.nodes.map(({ customer }) => customer?.name ?? null)).toEqual(['Anna', null, null, 'Cleo']);
  expect((await ask('german', '{ orders(where: { customer: { id: { gt: 0 } } }) { totalCount } }')).data.orders).toEqual({ totalCount: 2 });
  expect((await ask('german', '{ orders(where: { customer: { email: { contains: ".fr" } } }) { totalCount } }')).data.orders).toEqual({ totalCount: 0 });
});

test('an empty list means none, not all (CVE-2024-39701 Directus)', async () => {
  const count = async (where: string) => (await ask('german', `{ customers(where: ${where}) { totalCount } }`)).data.customers?.totalCount;
  expect(await count('{ id: { in: [] } }')).toBe(0);
  expect(await count('{ or: [] }')).toBe(0);
  expect(await count('{ id: { notIn: [] } }')).toBe(2);
  expect(await codes('german', 'query ($v: [Int!]) { customers(where: { id: { in: $v } }) { totalCount } }', { v: null })).toEqual(['BAD_USER_INPUT']);
});

test('no error text tells what is there (CVE-2025-64749 Directus)', async () => {
  const bare = (said: string, name: string) => said.replaceAll(name, '?').replaceAll(name[0]?.toUpperCase() + name.slice(1), '?');
  expect(bare(await text('analyst', '{ watchlist { nodes { id } } }'), 'watchlist')).toBe(
    bare(await text('analyst', '{ mistylake { nodes { id } } }'), 'mistylake'),
  );
  expect(bare(await text('analyst', '{ dataset(name: "watchlist") { name } access(dataset: "watchlist") { rows } }'), 'watchlist')).toBe(
    bare(await text('analyst', '{ dataset(name: "mistylake") { name } access(dataset: "mistylake") { rows } }'), 'mistylake'),
  );
  expect(bare(await exported('analyst', 'watchlist'), 'watchlist')).toBe(bare(await exported('analyst', 'mistylake'), 'mistylake'));
  const upload = async (name: string) => bare(await (await served.upload(tok('analyst'), name, 'id\n1\n')).text(), name);
  expect(await upload('watchlist')).toBe(await upload('mistylake'));
  const hidden = await text('german', '{ customersByKey(id: 2) { id name } }');
  expect(hidden).toBe(await text('german', '{ customersByKey(id: 99) { id name } }'));
});

test('no error of the database tells a value of a hidden row (CVE-2025-8713, and casts)', async () => {
  // The age of customer 2 is no number, and a German does not see that row: nothing that they ask may fail by it.
  for (const where of [
    '{ doc: { path: { path: ["age"], gt: 5 } } }',
    '{ doc: { path: { path: ["age"], eq: "not a number" } } }',
    '{ doc: { path: { path: ["age", "0"], lt: 1 } } }',
    '{ name: { matches: "^B" } }',
    '{ id: { between: [2, 2] } }',
  ])
    expect(await text('german', `{ customers(where: ${where}) { totalCount } }`)).toMatch(/^200 \{"data":\{"customers":\{"totalCount":[012]\}\}\}$/);
  for (const pattern of ['(', '[', '*', '(?i', '\\'])
    expect(await codes('german', 'query ($p: String) { customers(where: { name: { matches: $p } }) { totalCount } }', { p: pattern })).toEqual([
      'BAD_USER_INPUT',
    ]);
});

test('introspection by fragments, suggestions and variables (CVE-2026-30854 Parse)', async () => {
  const said = await Promise.all([
    text('analyst', '{ __schema { types { name fields { name args { name } } inputFields { name } enumValues { name } } queryType { fields { name } } } }'),
    text(
      'analyst',
      'query { ...on Query { __schema { ...F } } } fragment F on __Schema { types { ... on __Type { name fields(includeDeprecated: true) { name } } } }',
    ),
    text('analyst', '{ __type(name: "Suspect") { name } b: __type(name: "SuspectWhere") { name } c: __type(name: "CustomerWhere") { inputFields { name } } }'),
    text('analyst', '{ customers { nodes { badg } } watchlis { nodes { id } } }'),
    text('analyst', 'query ($w: CustomerWhere) { customers(where: $w) { totalCount } }', { w: { badg: { eq: 'x' } } }),
    text('analyst', 'query ($w: SuspectWher) { customers { totalCount } }', {}),
    text(null, '{ __schema { types { name fields { name } } } }'),
  ]);
  for (const answer of said) expect(answer).not.toMatch(/badge|watchlist|Suspect(?!Wher\b)|codename/);
  expect(await text('detective', '{ __type(name: "Suspect") { fields { name } } }')).toContain('codename');
});

test('a document or a persisted query of one principal is decided anew for the next, and told to nobody', async () => {
  const query = '{ customers(orderBy: [{ id: ASC }], first: 1) { nodes { id email } } }';
  const persisted = { persistedQuery: { version: 1, sha256Hash: createHash('sha256').update(query).digest('hex') } };
  const send = async (role: string | null, body: object) =>
    (
      await fetch(`${served.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(role && { authorization: `Bearer ${tok(role)}` }) },
        body: JSON.stringify(body),
      })
    ).text();
  expect(await send('german', { query, extensions: persisted })).toContain('anna@example.de');
  expectNothingOf(await send('analyst', { extensions: persisted }));
  expectNothingOf(await send(null, { extensions: persisted }));
  expect(await send('german', { extensions: persisted })).toContain('anna@example.de');
  // A document that names a secret: who may not know of it can't even learn that somebody asked it.
  const secret = '{ watchlist { nodes { codename } } }';
  const ofSecret = { persistedQuery: { version: 1, sha256Hash: createHash('sha256').update(secret).digest('hex') } };
  expect(await send('detective', { query: secret, extensions: ofSecret })).toContain('Falcon');
  expect(await send('analyst', { extensions: ofSecret })).toContain('PERSISTED_QUERY_NOT_FOUND');
});

test("the shield's decision for one root is not taken for another (shield's own cache)", async () => {
  const query =
    '{ a: orders { totalCount } b: customers { nodes { phone } } c: customers { nodes { id } } d: customers(where: { phone: { eq: "x" } }) { totalCount } }';
  const { data, errors } = await ask('analyst', query);
  expect(data).toEqual({
    a: { totalCount: 4 },
    b: { nodes: [1, 2, 3, 4].map(() => ({ phone: null })) },
    c: { nodes: [1, 2, 3, 4].map((id) => ({ id })) },
    d: null,
  });
  expect(errors?.map(({ path, extensions }) => [path?.[0], extensions['code']]).toSorted()).toEqual([
    ['b', 'FORBIDDEN'],
    ['d', 'FORBIDDEN'],
  ]);
  // A root of the control plane that is refused takes the whole answer with it, and opens nothing.
  expect(await codes('analyst', '{ d: datasets { totalCount } g: grants { name } }')).toEqual(['FORBIDDEN']);
});

test('_entities goes by the same guards (nestjs/graphql #1188, #2028)', async () => {
  const query = 'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Customer { id name email phone salary } } }';
  const r = [1, 2, 99].map((id) => ({ __typename: 'Customer', id }));
  expectNothingOf(await text('analyst', query, { r }));
  expect((await ask('german', query, { r })).data._entities.map((one) => one?.name ?? null)).toEqual(['Anna', null, null]);
  expect(await codes(null, query, { r })).toEqual(['UNAUTHENTICATED']);
  expect(await codes('nobody', query, { r })).toEqual(['FORBIDDEN']);
  const secret = await text('analyst', 'query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }', { r: [{ __typename: 'Suspect', id: 1 }] });
  const none = await text('analyst', 'query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }', { r: [{ __typename: 'Nothing', id: 1 }] });
  expect(secret.replaceAll('Suspect', '?')).toBe(none.replaceAll('Nothing', '?'));
});

test('fragments and interfaces go by the same guards (GHSA-mx7m-j9xf-62hw)', async () => {
  const said = await text(
    'analyst',
    `query { ...Q } fragment Q on Query { customers { nodes { ...C ... on Customer { ... @include(if: true) { phone } } } } }
     fragment C on Customer { email ...D } fragment D on Customer { salary badge: phone orders { nodes { customer { ...E } } } } fragment E on Customer { phone email }`,
  );
  expectNothingOf(said);
  expect(said).toContain('FORBIDDEN');
});

test('neither decisions nor answers are kept across principals (CVE-2025-31485 API Platform, CVE-2025-27097 GraphQL Mesh)', async () => {
  const query = '{ customers(orderBy: [{ id: ASC }]) { nodes { id email } } }';
  const both = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 'german' : 'analyst'));
  const said = await Promise.all(both.map((role) => text(role, query)));
  said.forEach((answer, i) => (both[i] === 'german' ? expect(answer).toContain('anna@example.de') : expectNothingOf(answer)));
  expect(new Set(said).size).toBe(2);
  // The same principal with another purpose is decided anew too.
  const withPurpose = await ask('helper', query, {}, { 'x-purpose': 'support' });
  expect(withPurpose.data.customers.nodes).toHaveLength(4);
  expect(await codes('helper', query)).toEqual(['PURPOSE_REQUIRED']);
});

describe('subscriptions', () => {
  test('none without init (CVE-2026-35523 Strawberry)', async () => {
    const socket = new RawSocket(served.url);
    await socket.send({ id: '1', type: 'subscribe', payload: { query: 'subscription { customersChanged { nodes { id } } }' } });
    expect(await socket.closed()).toMatchObject({ code: 4401 });
  });

  test('none past limits (CVE-2026-30241 Mercurius), and none past the rules of fields and rows (CVE-2026-32098 Parse)', async () => {
    const deep = `subscription { customersChanged { nodes { ${'orders { nodes { customer { '.repeat(20)} id ${'} } } '.repeat(20)} } } }`;
    expect((await new Listener(served.url, { authorization: `Bearer ${tok('analyst')}` }, { query: deep }).end()).errors[0]?.extensions.code).toMatch(
      /QUERY_TOO_COMPLEX|GRAPHQL_VALIDATION_FAILED/,
    );
    const [analyst, german] = ['analyst', 'german'].map(
      (role) =>
        new Listener(served.url, { authorization: `Bearer ${tok(role)}` }, { query: 'subscription { customersChanged { nodes { id email phone salary } } }' }),
    );
    const refused = new Listener(
      served.url,
      { authorization: `Bearer ${tok('german')}` },
      { query: 'subscription { customersChanged(where: { phone: { startsWith: "+" } }) { nodes { id } } }' },
    );
    expect((await refused.end()).errors[0]?.extensions.code).toBe('FORBIDDEN');
    // A load before the subscriptions have begun is told to nobody: the next one is.
    let loaded = 100;
    await vi.waitFor(
      async () => {
        const rows = [0, 1].map((n) => `${loaded + n},Neu,bert@neu${loaded + n},+49,70007,${n === 1 ? 'DE' : 'FR'},{},B-9\n`).join('');
        loaded += 2;
        await served.upload(tok('admin'), 'customers', `id,name,email,phone,salary,country,doc,badge\n${rows}`);
        expect(german?.results.length).toBeGreaterThan(0);
      },
      { interval: 150, timeout: 15_000 },
    );
    await analyst?.events(1);
    expectNothingOf(JSON.stringify(analyst?.results));
    for (const { data } of german?.results ?? [])
      for (const { id } of (data as { customersChanged: { nodes: { id: number }[] } }).customersChanged.nodes) expect(id % 2).toBe(1);
    await served.sql('DELETE FROM data.customers WHERE id >= 100');
    for (const listener of [analyst, german, refused]) await listener?.close();
  });
});

test('aliases and fragments do not amplify (CVE-2026-35441 Directus, CVE-2025-32030, CVE-2025-32031, CVE-2025-32032, CVE-2025-32033, CVE-2025-32034 Apollo)', async () => {
  const aliases = `{ ${Array.from({ length: 2_000 }, (_, i) => `a${i}: customers { totalCount }`).join(' ')} }`;
  const fragments = `{ customers { nodes { ...F0 } } } ${Array.from({ length: 25 }, (_, i) => `fragment F${i} on Customer { a: id ...F${i + 1} b: id ...F${i + 1} }`).join(' ')} fragment F25 on Customer { id }`;
  const circle = '{ customers { nodes { ...A } } } fragment A on Customer { ...B } fragment B on Customer { ...A }';
  const directives = `{ customers { nodes { id ${'@include(if: true) '.repeat(500)} } } }`;
  const wide = `{ customers(first: 1000) { nodes { orders(first: 1000) { nodes { customer { orders(first: 1000) { nodes { customer { orders(first: 1000) { nodes { id } } } } } } } } } } }`;
  for (const query of [aliases, fragments, circle, directives, wide]) {
    const began = performance.now();
    expect((await codes('analyst', query)).length).toBeGreaterThan(0);
    expect(performance.now() - began).toBeLessThan(5_000);
  }
  expect((await ask('analyst', '{ customers { totalCount } }')).errors).toBeUndefined();
});

describe('no SQL is injected', () => {
  const EVIL = [
    "'; DROP TABLE data.customers; --",
    '"; DROP TABLE data.customers; --',
    "' OR '1'='1",
    "$1'); DELETE FROM data.customers; --",
    "\\'; DROP TABLE data.customers; --",
    "x' UNION SELECT phone FROM data.customers --",
  ];

  test('through JSON paths, casts, names, objects and lists in place of scalars (CVE-2026-30951 Sequelize, CVE-2026-44635, CVE-2026-39356, CVE-2022-33171 TypeORM)', async () => {
    for (const evil of EVIL) {
      for (const w of [
        { name: { eq: evil } },
        { name: { contains: evil } },
        { name: { in: [evil] } },
        { doc: { path: { path: ['age', evil], eq: evil } } },
        { doc: { path: { path: [evil], gt: evil } } },
        { doc: { hasKey: evil } },
        { doc: { contains: { [evil]: evil } } },
        { name: { eq: { toString: evil } } },
        { id: { eq: { id: evil } } },
        { [evil]: { eq: 1 } },
      ]) {
        const said = await text('analyst', 'query ($w: CustomerWhere) { customers(where: $w) { totalCount nodes { id } } }', { w });
        expectNothingOf(said);
        expect(said).not.toContain('INTERNAL_SERVER_ERROR');
      }
      const said = [
        await text('analyst', 'query ($a: String) { customers(after: $a) { nodes { id } } }', {
          a: Buffer.from(JSON.stringify([evil, evil])).toString('base64url'),
        }),
        await exported('analyst', `customers?fields=${encodeURIComponent(evil)}`),
        await exported('analyst', `customers?orderBy=${encodeURIComponent(evil)}`),
        await exported('analyst', `${encodeURIComponent(evil)}`),
        await text('auditor', 'query ($e: String) { auditEntries(where: { principal: $e, dataset: $e, field: $e, action: $e, purpose: $e }) { totalCount } }', {
          e: evil,
        }),
        await text('analyst', 'query ($e: String!) { dataset(name: $e) { name } access(dataset: $e) { rows } }', { e: evil }),
        await text('analyst', '{ me { purpose } }', {}),
      ];
      for (const answer of said) {
        expectNothingOf(answer);
        expect(answer).not.toContain('INTERNAL_SERVER_ERROR');
      }
    }
    expect((await ask('analyst', '{ customers { totalCount } orders { totalCount } }')).data).toEqual({
      customers: { totalCount: 4 },
      orders: { totalCount: 4 },
    });
  });

  test('through a claim or a subject of a token', async () => {
    const manifest = `kind: Grant\nname: claimed\nto: { roles: [claimed] }\non: { datasets: [customers] }\nrows: "country = claim('country')"\nfields: { id: allow, country: allow }\n`;
    expect((await ask('admin', 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: manifest })).errors).toBeUndefined();
    for (const country of [...EVIL, ["DE' OR true --"], { $ne: 'x' }, true, null, 5]) {
      const token = await served.token("eve' OR true --", ['claimed'], { claims: { country } });
      const { data, errors } = await served.ask<Record<string, { totalCount: number }>>(token, '{ customers { totalCount } }');
      expect(errors).toBeUndefined();
      expect(data.customers).toEqual({ totalCount: 0 });
    }
    const german = await served.token('g', ['claimed'], { claims: { country: 'DE' } });
    expect((await served.ask<Record<string, unknown>>(german, '{ customers { totalCount } }')).data.customers).toEqual({ totalCount: 2 });
  });
});

test('expressions of manifests are no code (CVE-2024-2338 postgresql_anonymizer)', async () => {
  const apply = (rows: string) =>
    codes('admin', 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', {
      m: `kind: Grant\nname: evil\nto: { roles: [evil] }\non: { datasets: [customers] }\nrows: ${JSON.stringify(rows)}\ndiscloses: [salary]\nfields: { id: allow, country: allow }\n`,
    });
  for (const rows of [
    "pg_read_file('/etc/passwd') = ''",
    '(SELECT count(*) FROM data.watchlist) > 0',
    'EXISTS (SELECT 1 FROM headgate.api_key)',
    "country = 'DE'); DROP TABLE data.customers; --",
    "set_config('role', 'postgres', false) = ''",
    'country::regclass IS NOT NULL',
    'pg_sleep(1) IS NULL',
    "query_to_xml('SELECT 1', true, true, '') IS NOT NULL",
    "lo_import('/etc/passwd') > 0",
    "dblink('x', 'y') IS NULL",
    "nextval('x') > 0",
    'badge IS NOT NULL OR true',
    'current_user = current_user',
  ])
    expect(await apply(rows), rows).toEqual(['BAD_USER_INPUT']);
  const mask = (expression: string) =>
    codes('admin', 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', {
      m: `kind: Grant\nname: evil\nto: { roles: [evil] }\non: { datasets: [customers] }\nfields: { id: allow, name: { mask: sql, sql: ${JSON.stringify(expression)} } }\n`,
    });
  for (const expression of [
    "pg_read_file('/etc/passwd')",
    '(SELECT codename FROM data.watchlist LIMIT 1)',
    'name || phone',
    'badge',
    'name',
    "name'); DROP TABLE data.customers; --",
    "set_config('role', 'postgres', false)",
    "query_to_xml('SELECT 1', true, true, '')::text",
    'now()::text',
    'random()::text',
    'salary',
  ])
    expect(await mask(expression), expression).toEqual(['BAD_USER_INPUT']);
});

test('planner statistics lead to nothing: readers have no other tables, and no statement of their own (CVE-2025-8713 PostgreSQL)', async () => {
  expect(
    await served.sql(
      "SELECT has_schema_privilege('headgate_reader', 'headgate', 'USAGE') AS ours, has_table_privilege('headgate_reader', 'pg_catalog.pg_statistic', 'SELECT') AS statistics",
    ),
  ).toEqual([{ ours: false, statistics: false }]);
  // An operator that leaks would be run on hidden rows for an estimate: what a reader sends are operators of the system alone.
  expect((await ask('german', '{ customers(where: { name: { matches: "^(Anna|Bert)$" } }) { totalCount nodes { name } } }')).data.customers).toEqual({
    totalCount: 1,
    nodes: [{ name: 'Anna' }],
  });
});

test('rows and fields hold in the bulk paths: files, entities, events (CVE-2022-46792 Hasura)', async () => {
  for (const format of ['csv', 'ndjson', 'json']) {
    const german = await exported('german', `customers?format=${format}`);
    expect(german).toContain('anna@example.de');
    expect(german).not.toMatch(/bert@|dora@|\+49|B-|70007/);
    expectNothingOf(await exported('analyst', `customers?format=${format}`));
  }
  expect(await exported('analyst', 'customers?fields=phone')).toMatch(/^403 /);
  expect(await exported('german', `customers?where=${encodeURIComponent('{"phone":{"startsWith":"+"}}')}`)).toMatch(/^403 /);
  expect(await exported(null, 'customers')).toMatch(/^401 /);
  expect(await exported('nobody', 'customers')).toMatch(/^403 /);
  // The file about one person is read as any other: a steward without a grant gets none of it, and nobody else asks.
  const asked = await ask<{ exportSubject: { url: string; withheld: string[]; complete: boolean } }>(
    'steward',
    'mutation { exportSubject(subject: "1") { url withheld complete } }',
  );
  expect(asked.data.exportSubject).toMatchObject({ complete: false, withheld: ['customers', 'quarantine/customers'] });
  const file = await fetch(`${served.url}${asked.data.exportSubject.url}`, { headers: { authorization: `Bearer ${tok('steward')}` } });
  expect(file.status).toBe(200);
  const bytes = Buffer.from(await file.arrayBuffer());
  const inflated = await unzipped(bytes);
  expect([...inflated.keys()]).toContain('manifest.json');
  for (const text of inflated.values()) expectNothingOf(text);
  expect((await fetch(`${served.url}${asked.data.exportSubject.url}`, { headers: { authorization: `Bearer ${tok('admin')}` } })).status).toBe(404);
  for (const role of ['analyst', 'german', 'engineer', 'auditor'])
    expect(await codes(role, 'mutation { exportSubject(subject: "1") { url } }')).toEqual(['FORBIDDEN']);
});

test('reports and quarantine show no value that the reader does not see (OpenMetadata #10542)', async () => {
  const query = `{ qualityReports(dataset: "customers") { nodes { checks { name observed expected failingRows } } } quarantine(dataset: "customers") { totalCount nodes { raw reasons { field message } } }
    dataset(name: "customers") { qualityReport { checks { name observed } } quarantineCount } }`;
  for (const role of ['analyst', 'german', 'steward', 'auditor', 'engineer', 'admin', 'nobody', null]) expectNothingOf(await text(role, query));
});

test('limits count who asks, not what they send (CVE-2025-64526 Strapi)', async () => {
  const beside = await Served.start({ HEADGATE_RATE_LIMIT_ANONYMOUS: '5', HEADGATE_RATE_LIMIT: '5' });
  try {
    const statuses: number[] = [];
    for (let i = 0; i < 40; i++) {
      const response = await fetch(`${beside.url}/graphql`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-forwarded-for': `10.0.0.${i}`,
          'x-real-ip': `10.0.1.${i}`,
          forwarded: `for=10.0.2.${i}`,
          'user-agent': `agent ${i}`,
        },
        body: JSON.stringify({ query: `{ a${i}: __typename }`, operationName: undefined }),
      });
      statuses.push(response.status);
    }
    expect(statuses).toContain(429);
  } finally {
    await beside.close();
  }
});

test("a manifest can't name a secret of the server's environment", async () => {
  process.env['HEADGATE_PLANTED'] = 'plantedsecret';
  process.env['HEADGATE_SECRET_PLANTED'] = 'postgres://plantedsecret:plantedsecret@127.0.0.1:1/x';
  const source = (url: string) => `kind: Source\nname: evil\ntype: postgres\nurl: ${url}\n`;
  const apply = 'mutation ($m: String!) { applyManifest(manifest: $m) { version warnings } }';
  for (const name of ['HEADGATE_MASTER_KEY', 'HEADGATE_PLANTED', 'PATH', 'DATABASE_URL', 'HEADGATE_SECRET_PLANTED}${PATH']) {
    const said = await text('admin', apply, { m: source('${' + name + '}') });
    expect(said).toMatch(/BAD_USER_INPUT/);
    expect(said).not.toMatch(/plantedsecret|\/bin/);
  }
  for (const manifest of [
    'kind: Dataset\nname: env\ndescription: ${HEADGATE_PLANTED}\nfields: [{ name: id, type: integer }]\n',
    source('postgres://u:p@h/${HEADGATE_PLANTED}'),
  ])
    expect(await text('admin', apply, { m: manifest })).not.toContain('plantedsecret');
  await text('admin', apply, { m: source('${HEADGATE_SECRET_PLANTED}') });
  for (const query of ['{ sources { name status } }', '{ auditEntries(first: 20) { nodes { action details } } }'])
    expect(await text('admin', query)).not.toContain('plantedsecret');
  const manifests = await (await fetch(`${served.url}/manifests`, { headers: { authorization: `Bearer ${tok('admin')}` } })).text();
  expect(manifests).not.toContain('plantedsecret');
});
