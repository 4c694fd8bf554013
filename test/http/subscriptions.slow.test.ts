import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Listener, RawSocket, type Asked, type Params } from '../support/live.js';
import { Served } from '../support/served.js';

const MANIFESTS = `
kind: Purpose
name: support
---
kind: Dataset
name: people
typeName: Person
fields:
  - { name: id, type: bigint }
  - { name: email, type: text, tags: [pii.email] }
  - { name: country, type: text }
  - { name: amount, type: decimal }
key: [id]
relations:
  - { name: orders, to: orders, on: { id: person_id }, many: true }
---
kind: Dataset
name: orders
fields:
  - { name: id, type: bigint }
  - { name: person_id, type: bigint }
key: [id]
relations:
  - { name: person, to: people, on: { person_id: id } }
---
kind: Dataset
name: hidden
visibility: secret
fields: [{ name: id, type: bigint }]
key: [id]
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [people, orders] }
fields: { '*': allow, email: { mask: hash } }
---
kind: Grant
name: germans
to: { roles: [german] }
on: { datasets: [people] }
rows: "country = claim('country')"
fields: { '*': allow }
---
kind: Grant
name: supporters
to: { roles: [supporter] }
on: { datasets: [people] }
purposes: [support]
fields: { id: allow, email: allow }
---
kind: Grant
name: only-read
to: { roles: [only-reader] }
on: { datasets: [people] }
rights: [read]
fields: { '*': allow }
---
kind: Grant
name: no-email
to: { roles: [no-email] }
on: { datasets: [people] }
fields: { id: allow, country: allow, email: deny }
`;

const PEOPLE: Asked = { query: 'subscription { peopleChanged { dataVersion totalCount hasMore nodes { id email country } } }' };

let served: Served;
let admin: string;
const listeners: Listener[] = [];

beforeAll(async () => {
  served = await Served.start({ HEADGATE_MAX_PAGE: '10', HEADGATE_DEFAULT_PAGE: '5', HEADGATE_MAX_SUBSCRIPTIONS: '20' });
  admin = await served.token('ada', ['admin']);
  const { errors } = await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS });
  expect(errors).toBeUndefined();
});

afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
  await vi.waitFor(async () => expect(await gauge('headgate_subscriptions')).toBe(0), { interval: 10, timeout: 15_000 });
});
afterAll(() => served?.close());

/** Listens, and resolves when the subscription is on the record as started. */
async function listen(who: string | Params | undefined, asked: Asked): Promise<Listener> {
  const before = await gauge('headgate_subscriptions');
  const listener = new Listener(served.url, typeof who === 'string' ? { authorization: `Bearer ${who}` } : who, asked);
  listeners.push(listener);
  await vi.waitFor(
    async () => {
      if (listener.ends.length === 0) expect(await gauge('headgate_subscriptions')).toBeGreaterThan(before);
    },
    { interval: 5, timeout: 15_000 },
  );
  return listener;
}

async function gauge(name: string): Promise<number> {
  const text = await (await fetch(`${served.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

let people = 0;
/** Rows with ids that were not there before. */
async function load(dataset: string, header: string, rows: readonly string[], query = ''): Promise<void> {
  const response = await served.upload(admin, dataset, `${header}\n${rows.join('\n')}\n`, {}, query);
  expect(response.status, await response.clone().text()).toBe(200);
}

async function loadPeople(...countries: readonly string[]): Promise<number[]> {
  const ids = countries.map(() => ++people);
  await load(
    'people',
    'id,email,country,amount',
    ids.map((id, i) => `${id},p${id}@example.com,${countries[i]},1.10`),
  );
  return ids;
}

const changed = ({ data }: { data?: unknown }) => (data as { peopleChanged: Record<string, unknown> }).peopleChanged;

test('a load is told as its rows, governed as a query of the same principal is', async () => {
  const reader = await served.token('ron', ['reader']);
  const listener = await listen(reader, PEOPLE);
  const [id] = await loadPeople('DE');
  const [event] = await listener.events(1);
  const query = await served.ask<{ people: { nodes: unknown[] } }>(reader, `{ people(where: { id: { eq: ${id} } }) { nodes { id email country } } }`);
  expect(event).toEqual({
    data: { peopleChanged: { dataVersion: expect.stringMatching(/^\d+$/) as string, totalCount: 1, hasMore: false, nodes: query.data.people.nodes } },
    extensions: query.extensions,
  });
  expect(event?.extensions).toEqual({ governance: { masked: ['people.email'] } });
});

test('two subscribers with different grants get different bytes of one load', async () => {
  const [reader, german] = [await served.token('ron', ['reader']), await served.token('gerd', ['german'], { claims: { country: 'DE' } })];
  const [masked, plain] = [await listen(reader, PEOPLE), await listen(german, PEOPLE)];
  const [de, fr] = await loadPeople('DE', 'FR');
  const [[ofMasked], [ofPlain]] = [await masked.events(1), await plain.events(1)];
  expect(changed(ofMasked ?? {})['nodes']).toMatchObject([
    { id: String(de), email: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    { id: String(fr), email: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
  ]);
  expect(changed(ofPlain ?? {})).toMatchObject({ totalCount: 1, nodes: [{ id: String(de), email: `p${de}@example.com` }] });
  expect(plain.texts[0]).not.toContain(`p${fr}@`);
});

test('where nothing that one may see has changed, nothing is said', async () => {
  const german = await served.token('gerd', ['german'], { claims: { country: 'DE' } });
  const [listener, filtered] = [
    await listen(german, PEOPLE),
    await listen(german, { query: 'subscription { peopleChanged(where: { id: { lt: 0 } }) { totalCount } }' }),
  ];
  await loadPeople('FR', 'IT');
  const [id] = await loadPeople('DE');
  const events = await listener.events(1);
  expect(events.map((event) => changed(event)['nodes'])).toMatchObject([[{ id: String(id) }]]);
  expect(filtered.results).toEqual([]);
});

test('conditions, variables, aliases, fragments and relations are those of queries; rows come in the order of the key', async () => {
  const reader = await served.token('ron', ['reader']);
  const listener = await listen(reader, {
    query: `subscription Changes($countries: [String!], $no: Boolean!) {
      more: peopleChanged(where: { country: { in: $countries } }, first: 2) {
        __typename hasMore all: totalCount again: dataVersion nodes { ...P email @include(if: $no) orders(first: 1) { totalCount nodes { id person { country } } } }
      }
    }
    fragment P on Person { __typename key: id }`,
    variables: { countries: ['ES', 'PT'], no: false },
  });
  people += 10;
  const [a, b] = [people--, people--];
  await load('orders', 'id,person_id', [`1,${b}`, `2,${b}`]);
  await load('people', 'id,email,country,amount', [`${a},,PT,1`, `${b},,ES,1`, `${people--},,FR,1`, `${people--},,ES,1`]);
  people += 10;
  const [event] = await listener.events(1);
  const { more = {} } = (event?.data ?? {}) as { more?: Record<string, unknown> };
  expect(Object.keys(more)).toEqual(['__typename', 'hasMore', 'all', 'again', 'nodes']);
  expect(more).toMatchObject({
    __typename: 'PersonChange',
    hasMore: true,
    all: 3,
    nodes: [
      { __typename: 'Person', key: String(a - 3), orders: { totalCount: 0, nodes: [] } },
      { __typename: 'Person', key: String(b), orders: { totalCount: 2, nodes: [{ id: '1', person: { country: 'ES' } }] } },
    ],
  });
});

test('a merge tells of the rows that it wrote, and of no other', async () => {
  const [a, b, c] = await loadPeople('NL', 'NL', 'NL');
  const reader = await served.token('ron', ['reader']);
  const listener = await listen(reader, { query: 'subscription { peopleChanged { nodes { id country } } }' });
  await load('people', 'id,email,country,amount', [`${a},p${a}@example.com,NL,1.10`, `${b},p${b}@example.com,BE,1.10`], '?mode=merge');
  const [event] = await listener.events(1);
  expect(changed(event ?? {})['nodes']).toEqual([{ id: String(b), country: 'BE' }]);
  expect(c).toBeGreaterThan(Number(b));
});

test('numbers keep all their digits', async () => {
  const reader = await served.token('ron', ['reader']);
  const listener = await listen(reader, { query: 'subscription { peopleChanged { nodes { id amount } } }' });
  await load('people', 'id,email,country,amount', ['9007199254740993,,,12345678901234567890.123456789012345678901']);
  const [event] = await listener.events(1);
  expect(changed(event ?? {})['nodes']).toEqual([{ id: '9007199254740993', amount: '12345678901234567890.123456789012345678901' }]);
});

test('an event with fields that may not be seen has them as null, with an error beside, as a query has', async () => {
  const who = await served.token('nora', ['no-email']);
  const listener = await listen(who, { query: 'subscription { peopleChanged { nodes { id email } } }' });
  const [id] = await loadPeople('DE');
  const [event] = await listener.events(1);
  expect(event).toMatchObject({
    data: { peopleChanged: { nodes: [{ id: String(id), email: null }] } },
    errors: [{ path: ['peopleChanged', 'nodes'], extensions: { code: 'FORBIDDEN', dataset: 'people', field: 'email' } }],
  });
});

test('datasetChanged tells of a load to who may know of it, without rows', async () => {
  const asked = { query: 'subscription { datasetChanged(dataset: "people") { dataVersion rowCount loadedAt dataset { name rowCount } } }' };
  const [overseer, german] = [await listen(admin, asked), await listen(await served.token('gerd', ['german'], { claims: { country: 'DE' } }), asked)];
  await loadPeople('FR');
  const { data } = await served.ask<{ dataset: { dataVersion: string; rowCount: string; freshness: { loadedAt: string } } }>(
    admin,
    '{ dataset(name: "people") { dataVersion rowCount freshness { loadedAt } } }',
  );
  const { dataVersion, rowCount, freshness } = data.dataset;
  expect((await overseer.events(1))[0]?.data).toEqual({
    datasetChanged: { dataVersion, rowCount, loadedAt: freshness.loadedAt, dataset: { name: 'people', rowCount } },
  });
  expect((await german.events(1))[0]?.data).toMatchObject({ datasetChanged: { dataVersion, rowCount: null } });
});

test('several loads that a subscriber has not heard of yet lose no row', async () => {
  const reader = await served.token('ron', ['reader']);
  const listener = await listen(reader, { query: 'subscription { peopleChanged { nodes { id } } }' });
  const ids: number[] = [];
  for (let i = 0; i < 8; i++) ids.push(...(await loadPeople('AT')));
  await vi.waitFor(
    () => {
      const told = listener.results.flatMap((event) => (changed(event)['nodes'] as { id: string }[]).map(({ id }) => Number(id)));
      expect(told).toEqual(ids);
    },
    { interval: 5, timeout: 15_000 },
  );
});

test('a new contract: who asks for what is still there goes on, who asks for what is gone is told so', async () => {
  const apply = async (fields: string) => {
    const { errors } = await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', {
      m: `kind: Dataset\nname: parcels\nkey: [id]\nfields: [{ name: id, type: bigint }${fields}]\n---\nkind: Grant\nname: parcels\nto: { roles: [reader] }\non: { datasets: [parcels] }\nfields: { '*': allow }\n`,
    });
    expect(errors).toBeUndefined();
  };
  await apply(', { name: size, type: text }');
  const reader = await served.token('ron', ['reader']);
  const [stays, goes] = [
    await listen(reader, { query: 'subscription { parcelsChanged { nodes { id } } }' }),
    await listen(reader, { query: 'subscription { parcelsChanged { nodes { size } } }' }),
  ];
  await served.ask(admin, 'mutation { deleteDataset(name: "parcels") }');
  await apply(', { name: weight, type: integer }');
  expect(await goes.end()).toMatchObject({ errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }] });
  const ended = stays.ends.length > 0;
  // Between the two it may have seen a catalog without the dataset, and is told so then.
  if (ended) return;
  await load('parcels', 'id,weight', ['7,3']);
  expect((await stays.events(1))[0]?.data).toEqual({ parcelsChanged: { nodes: [{ id: '7' }] } });
});

test('start, events and end are on the record', async () => {
  const subject = 'rita';
  const listener = await listen(await served.token(subject, ['reader']), PEOPLE);
  await loadPeople('SE', 'SE');
  await listener.events(1);
  await listener.close();
  await vi.waitFor(
    async () => {
      const { data } = await served.ask<{ auditEntries: { nodes: Record<string, unknown>[] } }>(
        admin,
        `{ auditEntries(first: 10, where: { principal: "${subject}" }) { nodes { action decision dataset fields masked rowCount operationHash details } } }`,
      );
      const hash = expect.stringMatching(/^[0-9a-f]{64}$/) as string;
      const common = { decision: 'ALLOWED', dataset: 'people', operationHash: hash };
      const { subscription } = (data.auditEntries.nodes[0]?.['details'] ?? {}) as { subscription?: string };
      expect(subscription).toMatch(/^[0-9a-f-]{36}$/);
      expect(data.auditEntries.nodes).toMatchObject([
        { ...common, action: 'subscribe.end', details: { subscription, events: 1 } },
        { ...common, action: 'read', rowCount: '2', fields: ['id', 'country'], masked: ['email'], details: { subscription } },
        { ...common, action: 'subscribe', details: { subscription } },
      ]);
    },
    { interval: 10, timeout: 15_000 },
  );
});

test.each([
  ['a query', '{ me { sub } }'],
  ['a mutation', 'mutation { deleteGrant(name: "readers") }'],
])('%s over a WebSocket is refused, and said where to send it', async (_what, query) => {
  const listener = await listen(admin, { query });
  expect((await listener.end()).errors).toMatchObject([{ message: expect.stringContaining('POST') as string, extensions: { code: 'BAD_USER_INPUT' } }]);
});

test('a subscription over HTTP is refused, and said where to send it', async () => {
  for (const query of [PEOPLE.query, 'subscription { datasetChanged(dataset: "people") { dataVersion } }']) {
    const { status, data, errors } = await served.ask(admin, query);
    expect([status, data]).toEqual([400, undefined]);
    expect(errors).toMatchObject([{ message: expect.stringContaining('WebSocket') as string, extensions: { code: 'BAD_USER_INPUT' } }]);
  }
});

test.each([
  ['bad syntax', 'subscription { peopleChanged ', 'GRAPHQL_VALIDATION_FAILED'],
  ['an unknown field', 'subscription { peopleChanged { nope } }', 'GRAPHQL_VALIDATION_FAILED'],
  ['two root fields', 'subscription { peopleChanged { totalCount } ordersChanged { totalCount } }', 'GRAPHQL_VALIDATION_FAILED'],
  ['a root field that may be left out', 'subscription ($no: Boolean!) { peopleChanged @include(if: $no) { totalCount } }', 'GRAPHQL_VALIDATION_FAILED'],
  ['introspection', 'subscription { __typename }', 'GRAPHQL_VALIDATION_FAILED'],
  ['a missing variable', 'subscription ($c: String!) { peopleChanged(where: { country: { eq: $c } }) { totalCount } }', 'BAD_USER_INPUT'],
  ['too small an event', 'subscription { peopleChanged(first: 0) { totalCount } }', 'BAD_USER_INPUT'],
  ['too large an event', 'subscription { peopleChanged(first: 11) { totalCount } }', 'BAD_USER_INPUT'],
])('%s ends a subscription before it starts', async (_what, query, code) => {
  const listener = await listen(admin, { query });
  expect((await listener.end()).errors.map(({ extensions }) => extensions.code)).toEqual([code]);
});

test('while a client reads slowly nothing piles up for it: what changed meanwhile comes as one event', async () => {
  const reader = await served.token('ron', ['reader']);
  const query = 'subscription { peopleChanged { totalCount nodes { id country } } }';
  const slow = new RawSocket(served.url);
  await slow.send({ type: 'connection_init', payload: { authorization: `Bearer ${reader}` } });
  await slow.message('connection_ack');
  await slow.send({ id: 'slow', type: 'subscribe', payload: { query } });
  await vi.waitFor(async () => expect(await gauge('headgate_subscriptions')).toBe(1), { interval: 5, timeout: 15_000 });
  const quick = await listen(reader, { query });
  slow.pause();
  // More than the network takes on its way to a client that does not read.
  const large = 'x'.repeat(1_000_000);
  const rows = () => Array.from({ length: 10 }, () => `${++people},,${large},1`);
  await load('people', 'id,email,country,amount', rows());
  await quick.events(1);
  for (let i = 0; i < 3; i++) {
    await load('people', 'id,email,country,amount', [`${++people},,DE,1`]);
    await quick.events(2 + i);
  }
  expect(slow.messages.filter(({ type }) => type === 'next')).toEqual([]);
  slow.resume();
  await vi.waitFor(() => expect(slow.messages.filter(({ type }) => type === 'next')).toHaveLength(2), { interval: 10, timeout: 15_000 });
  const [, last] = slow.messages.filter(({ type }) => type === 'next');
  expect(last).toMatchObject({
    id: 'slow',
    payload: { data: { peopleChanged: { totalCount: 3, nodes: [{ id: String(people - 2) }, { id: String(people - 1) }, { id: String(people) }] } } },
  });
  slow.terminate();
});

test('a server that stops says so, and ends what is open in order', async () => {
  const own = await Served.start();
  try {
    const token = await own.token('ada', ['admin']);
    await own.ask(token, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS });
    const listener = new Listener(
      own.url,
      { authorization: `Bearer ${token}` },
      { query: 'subscription { datasetChanged(dataset: "people") { dataVersion } }' },
    );
    const silent = new RawSocket(own.url);
    await vi.waitFor(async () => expect(await (await fetch(`${own.url}/metrics`)).text()).toContain('headgate_subscriptions 1'), {
      interval: 5,
      timeout: 15_000,
    });
    await silent.send('{"type":"ping"}');
    const began = performance.now();
    await own.app.close();
    expect(performance.now() - began).toBeLessThan(8_000);
    expect(await listener.end()).toMatchObject({ code: 1001 });
    expect(await silent.closed()).toMatchObject({ code: 1001 });
    await listener.close();
    expect(await own.sql("SELECT action FROM headgate.audit_record WHERE action LIKE 'subscribe%' ORDER BY at")).toEqual([
      { action: 'subscribe' },
      { action: 'subscribe.end' },
    ]);
  } finally {
    await own.close();
  }
});
