import { getIntrospectionQuery, printSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFixture } from '../cases/open-fixture.js';
import { PRINCIPALS } from '../cases/principals.js';
import { principal, type House } from '../support/house.js';

/**
 * For who has no grant on it, a secret name is one that does not exist: two houses, one of which has no secrets at all,
 * give the same bytes.
 */
let house: House;
let without: House;

const STRANGERS = [
  PRINCIPALS.anonymous,
  PRINCIPALS.partner,
  PRINCIPALS.analyst,
  PRINCIPALS.desk,
  PRINCIPALS.researcher,
  principal({ roles: ['steward', 'auditor'] }),
];

/** The fixture without the secret dataset and the secret field, and without the grants that name them; and no rows. */
function withoutSecrets(text: string): string {
  if (text.includes('INSERT INTO')) return 'SELECT 1';
  return text
    .split(/^---\n/m)
    .filter((document) => !/name: (watchlist|investigators)\b/.test(document.split('fields:')[0] ?? ''))
    .join('---\n')
    .replace(/^ *- \{ name: (passport_no|alerts),.*\n/gm, '')
    .replace(', passport_no: { mask: partial, last: 2 }', '');
}

beforeAll(async () => {
  house = await openFixture({}, (text) => (text.includes('INSERT INTO') ? 'SELECT 1' : text));
  without = await openFixture({}, withoutSecrets);
});
afterAll(async () => {
  await house?.close();
  await without?.close();
});

test('the house without secrets has none', async () => {
  expect(printSchema(await without.schema(principal({ roles: ['engineer'] })))).not.toMatch(/passport|Alert|watchlist/i);
  expect(printSchema(await house.schema(principal({ roles: ['engineer'] })))).toMatch(/passportNo[\s\S]*Alert/);
});

describe('introspection by inline fragments, suggestions and variables (CVE-2026-30854 Parse)', () => {
  const where = 'query ($where: CustomerWhere) { customers(where: $where) { totalCount } }';
  const order = 'query ($order: [CustomerOrderBy!]) { customers(orderBy: $order) { totalCount } }';
  const QUESTIONS: readonly (readonly [string, Record<string, unknown>?])[] = [
    [getIntrospectionQuery({ inputValueDeprecation: true, oneOf: true, schemaDescription: true })],
    ['{ ... { __schema { types { name fields { name args { name } } inputFields { name } enumValues { name } } } } }'],
    [
      '{ ...A } fragment A on Query { ... on Query { a: __type(name: "Alert") { name } b: __type(name: "AlertWhere") { name } c: __type(name: "RawJson") { name } } }',
    ],
    ['{ ...__proto__ } fragment __proto__ on Query { __schema { types { name } } __type(name: "RawJson") { name } }'],
    ['{ watchlist { totalCount } }'],
    ['{ watchlistByKey(id: 1) { id } }'],
    ['{ watchlists { totalCount } Watchlist watchList }'],
    ['{ customers { nodes { passportNo } } }'],
    ['{ customers { nodes { passportNos alert alerts { totalCount } } } }'],
    ['{ customers { nodes { ... on Alert { reason } } } }'],
    ['{ customers(where: { passportNo: { eq: "x" } }) { totalCount } }'],
    ['{ customers(where: { alerts: { some: { reason: { eq: "x" } } } }) { totalCount } }'],
    ['{ customers(orderBy: [{ passportNo: ASC }]) { totalCount } }'],
    ['{ customers(orderBy: [{ passportNo: PASSPORT }]) { totalCount } }'],
    ['query ($v: AlertWhere) { customers { totalCount } }'],
    [where, { where: { passportNo: { eq: 'x' } } }],
    [where, { where: { passport: { eq: 'x' } } }],
    [where, { where: { alerts: { some: {} } } }],
    [where, { where: { and: [{ or: [{ not: { passportNo: {} } }] }] } }],
    [where, { where: { orders: { some: { customer: { alert: {} } } } } }],
    [order, { order: [{ passportNo: 'ASC' }] }],
    [order, { order: [{ passportNo: 'ASC', tier: 'ASC' }] }],
    [order, { order: [{ tier: 'ASCC' }] }],
    ['query ($d: SortDirection) { customers(orderBy: [{ passportNo: $d }]) { totalCount } }', { d: 'ASC' }],
    ['{ _service { sdl } }'],
    ['{ __type(name: "_Entity") { possibleTypes { name fields { name } } } }'],
    ['query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }', { r: [{ __typename: 'Alert', id: 1 }] }],
    ['query ($r: [_Any!]!) { _entities(representations: $r) { ... on Alert { reason } } }', { r: [] }],
    ['{ _entities(representations: [{ __typename: "Customer", id: 1, passportNo: "x" }]) { ... on Customer { passportNo } } }'],
    ['{ customers { nodes { ... on _Entity { ... on Alert { reason } } } } }'],
    ['{ customers { nodes { id name email birthDate orders { nodes { id customer { id } } } } pageInfo { endCursor } } }'],
  ];

  test.each(STRANGERS.map((who) => [who.subject, who] as const))('%s learns nothing', async (_, who) => {
    for (const [query, variables] of QUESTIONS) {
      const [one, other] = [await house.query(who, query, variables), await without.query(who, query, variables)];
      expect(one.text, query).toBe(other.text);
      expect(one.text).not.toContain('INTERNAL_SERVER_ERROR');
      expect(one.text).not.toContain('RawJson"');
    }
    expect(printSchema(await house.schema(who))).toBe(printSchema(await without.schema(who)));
  });

  test('a grant for a purpose, or of another right, tells the name to its principals and to nobody else', async () => {
    await house.apply(`
kind: Grant
name: watchers
to: { roles: [watcher] }
on: { datasets: [watchlist] }
purposes: [research]
fields: { id: allow }
`);
    expect(printSchema(await house.schema(principal({ roles: ['watcher'] })))).toContain('type Alert ');
    expect(printSchema(await house.schema(principal({ roles: ['watcher2'] })))).not.toContain('Alert');
    const { errors, data } = await house.query(principal({ roles: ['watcher'] }), '{ watchlist { totalCount } }');
    expect(data).toEqual({ watchlist: null });
    expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
  });

  test("neither '*' nor a tag opens a secret field, and a denial alone does not tell its name", async () => {
    await house.apply(`
kind: Grant
name: wide
to: { roles: [wide] }
on: { datasets: ['*'] }
fields: { '*': allow, 'tag:pii': allow }
---
kind: Grant
name: by-tag
to: { roles: [wide] }
on: { tags: [pii] }
fields: { '*': allow, 'tag:pii.passport': allow }
---
kind: Grant
name: denied
to: { roles: [wide] }
on: { datasets: [customers, watchlist] }
fields: { passport_no: deny, id: deny }
`);
    const schema = printSchema(await house.schema(principal({ roles: ['wide'] })));
    expect(schema).not.toMatch(/passport|Alert|watchlist/i);
  });
});
