import { GraphQLInputObjectType, GraphQLList, GraphQLNonNull, type GraphQLInputType } from 'graphql';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openFixture } from '../cases/open-fixture.js';
import { PRINCIPALS } from '../cases/principals.js';
import type { Answer, House } from '../support/house.js';

/** What a principal can not see must not steer what they get: where they try, nothing is read at all. */
let house: House;
const { analyst, researcher, anonymous, partner } = PRINCIPALS;

beforeAll(async () => {
  house = await openFixture();
});
afterAll(() => house?.close());
beforeEach(() => {
  house.statements.length = 0;
  house.facts.length = 0;
});

/** Each root field is null, with one error of the code; nothing went to the database, and each refusal is recorded. */
function expectRefusal({ data, errors }: Answer, code = 'FORBIDDEN', field?: string): void {
  expect(Object.values(data).every((value) => value === null)).toBe(true);
  expect(errors).toHaveLength(Object.keys(data).length);
  for (const { extensions } of errors ?? []) expect(extensions).toMatchObject({ code, ...(field && { field }) });
  expect(house.statements).toEqual([]);
  expect(house.facts.map((fact) => fact.decision)).toEqual(errors?.map(() => 'DENIED'));
}

/** Some value that a filter's operator takes. */
function anyValue(type: GraphQLInputType): unknown {
  if (type instanceof GraphQLNonNull) return anyValue(type.ofType as GraphQLInputType);
  if (type instanceof GraphQLList) return [anyValue(type.ofType as GraphQLInputType)];
  const values: Record<string, unknown> = { Boolean: true, Int: 1, Float: 1, Date: '2026-01-01', DateTime: '2026-01-01T00:00:00Z', Time: '10:00:00' };
  const uuid = '11111111-2222-4333-8444-555555555555';
  if ('name' in type && type.name === 'JSONPathFilter') return { path: ['a'], eq: 1 };
  return 'name' in type ? (values[type.name] ?? (type.name === 'UUID' ? uuid : '1')) : '1';
}

async function inputFields(type: string): Promise<ReturnType<GraphQLInputObjectType['getFields']>> {
  const found = (await house.schema(partner)).getType(type);
  if (!(found instanceof GraphQLInputObjectType)) throw new Error(`${type} is no input type`);
  return found.getFields();
}

describe('search and filter on a hidden column (CVE-2025-30352 Directus)', () => {
  test('no operator of any field', async () => {
    let tried = 0;
    for (const [name, { type }] of Object.entries(await inputFields('OrderWhere'))) {
      if (!(type instanceof GraphQLInputObjectType) || !type.name.endsWith('Filter') || name === 'customer') continue;
      for (const [operator, { type: takes }] of Object.entries(type.getFields())) {
        house.facts.length = 0;
        const where = { [name]: { [operator]: operator === 'between' ? [anyValue(takes), anyValue(takes)].flat() : anyValue(takes) } };
        const answer = await house.query(partner, 'query ($where: OrderWhere) { orders(where: $where) { totalCount } }', { where });
        expectRefusal(answer, 'FORBIDDEN', name);
        tried += 1;
      }
    }
    expect(tried).toBeGreaterThan(100);
  });

  test('nor for who has no credential', async () => {
    expectRefusal(await house.query(anonymous, '{ countries(where: { population: { gt: 1 } }) { totalCount } }'), 'UNAUTHENTICATED', 'population');
  });

  test('nor by a key that is not seen', async () => {
    expectRefusal(await house.query(researcher, '{ customersByKey(id: 1) { tier } }'), 'FORBIDDEN', 'id');
  });
});

describe('hidden keys inside and, or, not (CVE-2026-30962, CVE-2026-31872, CVE-2026-34595 Parse)', () => {
  const hidden = { name: { eq: 'x' } };
  test.each([
    ['and', { and: [{ tier: { eq: 1 } }, hidden] }],
    ['or', { or: [hidden, { tier: { eq: 1 } }] }],
    ['an or that is true anyway', { or: [{ and: [] }, hidden] }],
    ['an and that is false anyway', { or: [], and: [hidden] }],
    ['not', { not: hidden }],
    ['not of not', { not: { not: hidden } }],
    ['deep', { and: [{ or: [{ not: { and: [{ or: [hidden] }] } }] }] }],
    ['an object where a list is expected', { and: { or: hidden } }],
    ['beside a plain one', { tier: { eq: 1 }, ...hidden }],
    ['isNull false', { name: { isNull: false } }],
    ['an empty filter', { name: {} }],
    ['an empty list', { name: { in: [] } }],
  ])('%s', async (_, where) => {
    const answer = await house.query(analyst, 'query ($where: CustomerWhere) { customers(where: $where) { totalCount } }', { where });
    if (JSON.stringify(where) === '{"name":{}}') {
      // It asks nothing of the field, so it tells nothing of it.
      expect(answer.data).toEqual({ customers: { totalCount: 6 } });
    } else {
      expectRefusal(answer, 'FORBIDDEN', 'name');
    }
  });

  test('as a literal, as parts of variables, and as a default value', async () => {
    for (const [query, variables] of [
      ['{ customers(where: { or: [{ name: { eq: "x" } }] }) { totalCount } }', {}],
      ['query ($v: String) { customers(where: { or: [{ name: { eq: $v } }] }) { totalCount } }', { v: 'x' }],
      ['query ($v: CustomerWhere = { name: { eq: "x" } }) { customers(where: { and: [$v] }) { totalCount } }', {}],
    ] as const) {
      house.facts.length = 0;
      expectRefusal(await house.query(analyst, query, variables), 'FORBIDDEN', 'name');
    }
  });
});

describe('traversal of a relation (CVE-2026-27886 Strapi)', () => {
  test.each([
    ['in where, to one', '{ orders(where: { customer: { name: { eq: "x" } } }) { totalCount } }'],
    ['in where, to many and back', '{ customers(where: { orders: { some: { customer: { name: { startsWith: "A" } } } } }) { totalCount } }'],
    ['every', '{ countries(where: { customers: { every: { name: { isNull: false } } } }) { totalCount } }'],
    ['none', '{ countries(where: { customers: { none: { name: { isNull: false } } } }) { totalCount } }'],
    ['behind not and or', '{ orders(where: { not: { or: [{ customer: { not: { name: { lt: "M" } } } }] } }) { totalCount } }'],
    ['in orderBy', '{ orders(orderBy: [{ customer: { name: ASC } }]) { nodes { id } } }'],
    ['in orderBy, two steps', '{ orders(orderBy: [{ id: ASC }, { customer: { home: { code: ASC } } }, { customer: { name: ASC } }]) { nodes { id } } }'],
    ['in the arguments of an inner list', '{ countries { nodes { customers(where: { name: { eq: "x" } }) { totalCount } } } }'],
    ['in the order of an inner list', '{ countries { nodes { customers(orderBy: [{ name: ASC }]) { nodes { id } } } } }'],
  ])('%s', async (_, query) => {
    expectRefusal(await house.query(analyst, query), 'FORBIDDEN', 'name');
  });

  test('over a key that is masked: equal hidden values would show', async () => {
    expectRefusal(await house.query(researcher, '{ orders(where: { customer: { tier: { eq: 1 } } }) { totalCount } }'), 'FORBIDDEN', 'customer');
    house.facts.length = 0;
    expectRefusal(await house.query(researcher, '{ customers(where: { orders: { none: {} } }) { totalCount } }'), 'FORBIDDEN', 'orders');
  });

  test('to a dataset of which nothing is granted, even with an empty condition', async () => {
    expectRefusal(await house.query(partner, '{ countries(where: { customers: { some: {} } }) { totalCount } }'), 'FORBIDDEN', 'customers');
  });
});

describe('order or cursor that leaks (Data API builder #3553, CVE-2026-33326)', () => {
  test('an order by what is hidden is refused, whatever stands before it', async () => {
    expectRefusal(
      await house.query(
        analyst,
        '{ a: customers(orderBy: [{ name: ASC }]) { totalCount } b: customers(orderBy: [{ id: ASC }, { name: ASC }]) { totalCount } }',
      ),
    );
  });

  test('a cursor holds what its owner sees of the row, and the default order tells nothing of a hidden key', async () => {
    const query = '{ customers(orderBy: [{ birthDate: ASC }]) { edges { cursor node { birthDate } } } }';
    const { edges } = await house.connection(researcher, 'customers', query);
    const rows = await house.database.query<{ id: string; _rid: string }>("SELECT id, encode(_rid, 'hex') AS _rid FROM data.customers");
    for (const { cursor, node } of edges) {
      const [, ...values] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
      expect(values).toEqual([node['birthDate'], expect.stringMatching(/^\\x[0-9a-f]{32}$/)]);
      expect(String(values[0])).toMatch(/-01-01$|^null$/);
    }
    const byRow = await house.connection(researcher, 'customers', '{ customers { edges { cursor } } }');
    const ids = byRow.edges.map(({ cursor }) => rows.find(({ _rid }) => cursor && Buffer.from(cursor, 'base64url').toString().includes(_rid))?.id);
    expect(ids).toEqual(['4', '6', '2', '5', '1', '3']);
  });

  test.each(['\\xzz', '\\x0', 'a\\b', '\\'])("a forged row id that is none, %j, is the reader's mistake", async (rowId) => {
    const { edges } = await house.connection(researcher, 'customers', '{ customers(first: 1) { edges { cursor } } }');
    const [mark] = JSON.parse(Buffer.from(edges[0]?.cursor ?? '', 'base64url').toString()) as string[];
    const after = Buffer.from(JSON.stringify([mark, rowId])).toString('base64url');
    const { errors } = await house.query(researcher, `{ customers(after: "${after}") { nodes { name } } }`);
    expect(errors?.map(({ extensions }) => extensions?.['code'])).toEqual(['BAD_USER_INPUT']);
  });

  test('a forged cursor compares with the masked value, not with the stored one', async () => {
    // By halving, a cursor on a masked column must end at the mask and never at the value.
    const query = '{ customers(first: 1, orderBy: [{ email: ASC }]) { edges { cursor node { id email } } } }';
    const { edges } = await house.connection(analyst, 'customers', query);
    const [mark] = JSON.parse(Buffer.from(edges[0]?.cursor ?? '', 'base64url').toString()) as string[];
    const behind = async (value: string) => {
      const after = Buffer.from(JSON.stringify([mark, value, '0'])).toString('base64url');
      const page = await house.connection(analyst, 'customers', `{ customers(after: "${after}", orderBy: [{ email: ASC }]) { nodes { id email } } }`);
      return page.nodes.flatMap((node) => (typeof node['email'] === 'string' ? [node['email']] : []));
    };
    // All hashes are of 0-9a-f: behind '0' are all, behind 'g' none, whatever the addresses are.
    expect(await behind('0')).toHaveLength(5);
    expect(await behind('g')).toHaveLength(0);
    expect(await behind('anna@example.de')).toEqual((await behind('0')).filter((email) => email >= 'anna@example.de'));
  });

  test('a cursor does not serve under other grants, nor with another order', async () => {
    const { edges } = await house.connection(analyst, 'customers', '{ customers(first: 1) { edges { cursor } } }');
    const cursor = edges[0]?.cursor ?? '';
    for (const [who, args] of [
      [PRINCIPALS.desk, ''],
      [PRINCIPALS.agent, ''],
      [analyst, ', orderBy: [{ tier: ASC }]'],
    ] as const) {
      house.statements.length = 0;
      const { errors } = await house.query(who, `{ customers(after: "${cursor}"${args}) { nodes { id } } }`);
      expect(errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
      expect(house.statements).toEqual([]);
    }
  });
});

describe('empty `in` that means all (CVE-2024-39701 Directus)', () => {
  test.each([
    ['{ id: { in: [] } }', 0],
    ['{ email: { in: [] } }', 0],
    ['{ email: { inInsensitive: [] } }', 0],
    ['{ or: [{ id: { in: [] } }] }', 0],
    ['{ orders: { some: { id: { in: [] } } } }', 0],
    ['{ or: [] }', 0],
    ['{ not: { or: [] } }', 6],
    ['{ id: { notIn: [] } }', 6],
  ])('%s matches %i rows', async (where, count) => {
    expect(await house.connection(analyst, 'customers', `{ customers(where: ${where}) { totalCount } }`)).toEqual({ totalCount: count });
  });
});
