import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openFixture } from '../cases/open-fixture.js';
import { PRINCIPALS } from '../cases/principals.js';
import type { House } from '../support/house.js';

/** Rows by their keys: `_entities`, and one `...ByKey` under several aliases. */
let house: House;
const { agent, analyst, desk, researcher } = PRINCIPALS;

beforeAll(async () => {
  house = await openFixture();
  await house.apply(`
kind: Dataset
name: readings
typeName: Reading
fields:
  - { name: station, type: text }
  - { name: day, type: date }
  - { name: at, type: timestamp }
  - { name: hour, type: time }
  - { name: sensor, type: uuid }
  - { name: channel, type: integer }
  - { name: value, type: decimal }
  - { name: raw, type: boolean }
  - { name: total, type: bigint }
key: [station, day, at, hour, sensor, channel, value, raw]
---
kind: Grant
name: readings
to: { roles: [analyst] }
on: { datasets: [readings] }
fields: { '*': allow }
`);
  await house.database.query(`INSERT INTO data.readings (station, day, at, hour, sensor, channel, value, raw, total)
    VALUES ('a "b"', '2026-01-02', '2026-01-02 10:00:00.5+00', '10:00:00', '11111111-2222-4333-8444-555555555555', 7, 1.50, true, 9007199254740993)`);
});
afterAll(() => house?.close());
beforeEach(() => {
  house.statements.length = 0;
  house.facts.length = 0;
});

type Entity = Readonly<Record<string, unknown>> | null;

async function entities(who: typeof analyst | typeof agent | typeof desk, selection: string, representations: readonly unknown[]) {
  const answer = await house.query(who, `query ($r: [_Any!]!) { _entities(representations: $r) { ${selection} } }`, { r: representations });
  return { ...answer, entities: answer.data?.['_entities'] as unknown as readonly Entity[] };
}

const customer = (id: unknown) => ({ __typename: 'Customer', id });

describe('_entities', () => {
  test('come in the order asked for, with null for those that are not there, by one statement a type', async () => {
    const given = [customer('3'), { __typename: 'Country', code: 'FR' }, customer(999), customer('1'), { __typename: 'Country', code: 'DE' }, customer(3)];
    const { entities: found, errors } = await entities(analyst, '__typename ... on Customer { id tier } ... on Country { code population }', given);
    expect(errors).toBeUndefined();
    expect(found).toEqual([
      { __typename: 'Customer', id: '3', tier: 3 },
      { __typename: 'Country', code: 'FR', population: '68000000' },
      null,
      { __typename: 'Customer', id: '1', tier: 1 },
      { __typename: 'Country', code: 'DE', population: '83000000' },
      { __typename: 'Customer', id: '3', tier: 3 },
    ]);
    expect(house.statements.length).toBe(2);
    expect(house.statements.map(({ values }) => values)).toEqual(expect.arrayContaining([[['3', '999', '1', '3']], [['FR', 'DE']]]));
    expect(house.facts.map(({ dataset, decision, rowCount }) => `${dataset} ${decision} ${rowCount}`).toSorted()).toEqual([
      'countries ALLOWED 2',
      'customers ALLOWED 3',
    ]);
  });

  test('keep every digit, and the statements do not grow with the entities', async () => {
    const given = [102, 101, 103].map((id) => ({ __typename: 'Order', id }));
    const { text, entities: found } = await entities(analyst, '... on Order { amount itemIds weight customer { id orders { nodes { id } } } }', given);
    expect(found.length).toBe(3);
    expect(text).toContain('"amount":"100000000000000000000","itemIds":[],"weight":null,"customer":{"id":"1","orders":{"nodes":[{"id":"101"},{"id":"102"}]}}');
    expect(text).toContain('"itemIds":["9007199254740993","1"]');
    expect(house.statements.length).toBe(1);
    expect(house.facts.map(({ dataset, rowCount }) => `${dataset} ${rowCount}`).toSorted()).toEqual(['customers 3', 'orders 8']);
  });

  test('are selected through fragments of all kinds, aliases and directives, as graphql-js would', async () => {
    const query = `query ($r: [_Any!]!, $no: Boolean!) {
      mine: _entities(representations: $r) {
        kind: __typename
        ...Any
        ... on Customer @skip(if: $no) { never: id }
        ... on Customer @include(if: $no) { ...Who }
        ... { ... on _Entity { ... on Country { home: code } ... on Customer { ... on _Entity { ... on Country { code } ... on Customer { rank: tier } } } } }
      }
    }
    fragment Any on _Entity { ... on Customer { id } }
    fragment Who on Customer { tier }`;
    const answer = await house.query(analyst, query, { r: [customer(1), { __typename: 'Country', code: 'DE' }, { __typename: 'Order', id: 101 }], no: true });
    expect(JSON.parse(answer.text)).toEqual({
      data: { mine: [{ kind: 'Customer', id: '1', tier: 1, rank: 1 }, { kind: 'Country', home: 'DE' }, { kind: 'Order' }] },
    });
  });

  test('say what is masked and refused once, at the list', async () => {
    const { entities: found, errors, extensions } = await entities(analyst, '... on Customer { id email name }', [customer(1), customer(2), customer(999)]);
    expect(found).toEqual([
      { id: '1', email: expect.stringMatching(/^[0-9a-f]{64}$/) as string, name: null },
      { id: '2', email: expect.stringMatching(/^[0-9a-f]{64}$/) as string, name: null },
      null,
    ]);
    expect(errors).toMatchObject([{ path: ['_entities'], extensions: { code: 'FORBIDDEN', dataset: 'customers', field: 'name' } }]);
    expect(extensions).toEqual({ governance: { masked: ['customers.email'] } });
    expect(house.facts.map(({ decision, fields, masked, details }) => ({ decision, fields, masked, details }))).toEqual([
      { decision: 'ALLOWED', fields: ['id'], masked: ['email'], details: undefined },
      { decision: 'DENIED', fields: undefined, masked: undefined, details: { code: 'FORBIDDEN', fields: ['name'] } },
    ]);
  });

  test('are found by keys of every type, several fields together', async () => {
    const key = {
      station: 'a "b"',
      day: '2026-01-02',
      at: '2026-01-02T11:00:00.5+01:00',
      hour: '10:00:00',
      sensor: '11111111-2222-4333-8444-555555555555',
      channel: 7,
      value: '1.5',
      raw: true,
    };
    const given = [key, { ...key, channel: 8 }, { ...key, station: 'a' }, { ...key, raw: false }, { ...key, more: { of: ['anything'] } }];
    const { entities: found, errors } = await entities(
      analyst,
      '... on Reading { total }',
      given.map((one) => ({ __typename: 'Reading', ...one })),
    );
    expect(errors).toBeUndefined();
    expect(found).toEqual([{ total: '9007199254740993' }, null, null, null, { total: '9007199254740993' }]);
  });

  test('none are asked for, none come, and none are on record', async () => {
    expect((await entities(analyst, '__typename', [])).text).toBe('{"data":{"_entities":[]}}');
    expect([house.statements, house.facts]).toEqual([[], []]);
  });

  test('stand beside other roots, and twice in one operation', async () => {
    const query = `query ($r: [_Any!]!) { me a: _entities(representations: $r) { ... on Customer { id } } customers(first: 1) { nodes { id } }
      b: _entities(representations: [{ __typename: "Customer", id: 2 }, { __typename: "Order", id: "101" }]) { ... on Customer { id } ... on Order { status } } _service { __typename } }`;
    const { text } = await house.query(analyst, query, { r: [customer(1)] });
    expect(JSON.parse(text)).toEqual({
      data: {
        me: 'analyst',
        a: [{ id: '1' }],
        customers: { nodes: [{ id: '1' }] },
        b: [{ id: '2' }, { status: 'shipped' }],
        _service: { __typename: '_Service' },
      },
    });
  });
});

describe('one dataset by key under several aliases', () => {
  test('is read by one statement for all of which the same is asked', async () => {
    const query = 'query ($c: BigInt!) { a: customersByKey(id: 1) { id tier } b: customersByKey(id: 999) { id tier } c: customersByKey(id: $c) { id tier } }';
    const { text } = await house.query(analyst, query, { c: '3' });
    expect(JSON.parse(text)).toEqual({ data: { a: { id: '1', tier: 1 }, b: null, c: { id: '3', tier: 3 } } });
    expect(house.statements.map(({ values }) => values)).toEqual([[['1', '999', '3']]]);
    expect(house.facts.map(({ dataset, rowCount }) => `${dataset} ${rowCount}`).toSorted()).toEqual(['customers 0', 'customers 1', 'customers 1']);
  });

  test('and by its own where something else is asked', async () => {
    const orders = (status: string) => `{ orders(where: { status: { eq: "${status}" } }) { nodes { id } } }`;
    const query = `{ a: customersByKey(id: 1) ${orders('open')} b: customersByKey(id: 2) ${orders('open')} c: customersByKey(id: 1) ${orders('shipped')}
      d: customersByKey(id: 1) { tier } e: countriesByKey(code: "DE") { code } }`;
    const { text } = await house.query(analyst, query);
    expect(JSON.parse(text)).toEqual({
      data: {
        a: { orders: { nodes: [{ id: '102' }] } },
        b: { orders: { nodes: [{ id: '103' }] } },
        c: { orders: { nodes: [{ id: '101' }] } },
        d: { tier: 1 },
        e: { code: 'DE' },
      },
    });
    expect(house.statements.length).toBe(4);
  });

  test('keeps the refusals and the entries of each', async () => {
    const { errors, extensions } = await house.query(analyst, '{ a: customersByKey(id: 1) { email name } b: customersByKey(id: 2) { email name } }');
    expect(house.statements.length).toBe(1);
    expect(errors?.map(({ path }) => path)).toEqual([
      ['a', 'name'],
      ['b', 'name'],
    ]);
    expect(extensions).toEqual({ governance: { masked: ['customers.email'] } });
    expect(house.facts.length).toBe(4);
    const refused = await house.query(researcher, '{ a: customersByKey(id: 1) { tier } b: customersByKey(id: 2) { tier } }');
    expect(refused.data).toEqual({ a: null, b: null });
    expect(refused.errors?.map(({ extensions: { code } }) => code)).toEqual(['FORBIDDEN', 'FORBIDDEN']);
  });

  test('one alone is the statement that it was', async () => {
    await house.query(analyst, '{ customersByKey(id: 1) { tier } }');
    expect(house.statements.map(({ text }) => text)).toEqual([expect.not.stringContaining('unnest')]);
  });

  test('where a condition of a grant fails on a row, all of them fail alike', async () => {
    await house.apply(`
kind: Grant
name: failing
to: { roles: [failing] }
on: { datasets: [customers] }
rows: '1 / (tier - 1) > 5'
fields: { id: allow, tier: allow }
`);
    const who = { ...analyst, roles: ['failing'] } as const;
    const { data, errors } = await house.query(who, '{ a: customersByKey(id: 2) { id } b: customersByKey(id: 3) { id } }');
    expect(data).toEqual({ a: null, b: null });
    expect(errors?.map(({ path, extensions: { code } }) => [path, code])).toEqual([
      [['a'], 'BAD_USER_INPUT'],
      [['b'], 'BAD_USER_INPUT'],
    ]);
    expect(house.facts.map(({ decision }) => decision)).toEqual(['FAILED', 'FAILED']);
  });
});

test('an entity is what its ByKey field gives, alone or beside others, for any of them', { timeout: 60_000 }, async () => {
  const FIELDS = [
    'id',
    'name',
    'email',
    'phone',
    'birthDate',
    'country',
    'balance',
    '__typename',
    'home { name }',
    'orders(first: 1) { totalCount nodes { id amount } }',
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(analyst, agent, desk),
      fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 6 }),
      fc.uniqueArray(fc.constantFrom(...FIELDS), { minLength: 1, maxLength: 5 }),
      async (who, ids, fields) => {
        const selection = fields.join(' ');
        const { entities: found } = await entities(who, `... on Customer { ${selection} }`, ids.map(customer));
        const single = await Promise.all(
          ids.map(async (id) => (await house.query(who, `{ customersByKey(id: ${id}) { ${selection} } }`)).data?.['customersByKey']),
        );
        const aliased = await house.query(who, `{ ${ids.map((id, i) => `a${i}: customersByKey(id: ${id}) { ${selection} }`).join(' ')} }`);
        expect(found).toEqual(single);
        expect(Object.values(aliased.data)).toEqual(single);
      },
    ),
    { numRuns: 60 },
  );
});
