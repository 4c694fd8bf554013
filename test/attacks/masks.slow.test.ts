import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFixture } from '../cases/open-fixture.js';
import { PRINCIPALS } from '../cases/principals.js';
import { principal, type House } from '../support/house.js';

let house: House;
const { analyst, partner } = PRINCIPALS;

beforeAll(async () => {
  house = await openFixture();
});
afterAll(() => house?.close());

/** Everything that the fixture stores in fields which an analyst never sees plain. */
const STORED = ['Anna', 'Ahorn', 'anna@', '+49 30', '1980-02-29', '99999.00', 'C01X00T47', 'example.de'];

describe('mask lost by alias (CVE-2024-34708 Directus)', () => {
  test.each([
    ['one alias', '{ customers { nodes { id: email } } }'],
    ['the name of a field that is seen plain', '{ customers { nodes { tier: email country: birthDate id: balance } } }'],
    ['many aliases', '{ customers { nodes { a: email b: email c: email email } edges { node { email: phone phone: email } } } }'],
    ['an alias of the root and of the list', '{ x: customers { y: nodes { z: email } } }'],
    ['the same field twice', '{ customers { nodes { email } nodes { email } } }'],
    ['a longer alias than a column has', `{ customers { nodes { ${'e'.repeat(200)}: email } } }`],
  ])('%s', async (_, query) => {
    const { text, extensions } = await house.query(analyst, query);
    for (const value of STORED) expect(text).not.toContain(value);
    expect(extensions?.['governance']).toBeDefined();
  });
});

describe('fragments past guards (GHSA-mx7m-j9xf-62hw)', () => {
  test.each([
    ['a fragment on the root', '{ ...R } fragment R on Query { customers { nodes { name email } } }'],
    ['an inline fragment on the root', '{ ... on Query { ... { customers { nodes { name email } } } } }'],
    [
      'fragments on each level',
      '{ customers { ...C } } fragment C on CustomerConnection { nodes { ...N } edges { ...E } } fragment E on CustomerEdge { node { ...N } } fragment N on Customer { name email }',
    ],
    ['a fragment used twice', '{ customers { nodes { ...N } edges { node { ...N } } } } fragment N on Customer { ... on Customer { name email } }'],
    ['through a relation', '{ orders { nodes { customer { ...N } } } } fragment N on Customer { name email orders { nodes { customer { name email } } } }'],
    ['included by a variable', 'query ($yes: Boolean = true) { customers { nodes { ... @include(if: $yes) { name email } } } }'],
    [
      'a name that JavaScript has',
      '{ ...constructor ...toString } fragment constructor on Query { customers { nodes { name } } } fragment toString on Query { b: customers { nodes { email } } }',
    ],
  ])('%s', async (_, query) => {
    const { text, errors } = await house.query(analyst, query);
    for (const value of STORED) expect(text).not.toContain(value);
    expect(errors?.some(({ extensions }) => extensions['field'] === 'name')).toBe(true);
    const refused = await house.query(partner, query);
    expect(refused.errors?.length).toBeGreaterThan(0);
    expect(refused.text).not.toMatch(/[0-9a-f]{64}/);
  });
});

describe('masks and the rows that they are on', () => {
  test('a filter on a masked field finds by the mask only', async () => {
    for (const where of [
      '{ eq: "anna@example.de" }',
      '{ startsWith: "anna" }',
      '{ containsInsensitive: "EXAMPLE" }',
      '{ matches: "@" }',
      '{ like: "%@%" }',
      '{ gt: "g" }',
    ]) {
      expect(await house.connection(analyst, 'customers', `{ customers(where: { email: ${where} }) { totalCount } }`)).toEqual({ totalCount: 0 });
    }
    const { totalCount } = await house.connection(analyst, 'customers', '{ customers(where: { balance: { gt: "0", lt: "100" } }) { totalCount } }');
    expect(totalCount).toBe(0);
  });

  test('redact hides which values are null, in filters too', async () => {
    const { totalCount } = await house.connection(analyst, 'customers', '{ customers(where: { phone: { isNull: true } }) { totalCount } }');
    expect(totalCount).toBe(0);
  });

  test('a role of another name, a role that is part of one, and a subject that is named like a role give nothing', async () => {
    for (const who of [
      principal({ roles: ['Analyst'] }),
      principal({ roles: ['analyst '] }),
      principal({ roles: ['analyst,agent'] }),
      principal({ roles: ['*'] }),
      principal({ subject: 'analyst' }),
      principal({ roles: [], claims: { roles: ['analyst'], role: 'analyst' } }),
      { ...analyst, anonymous: true },
    ]) {
      const { data, errors } = await house.query(who, '{ customers { totalCount nodes { id } } }');
      expect(data).toEqual({ customers: { totalCount: 0, nodes: [] } });
      expect(errors).toHaveLength(1);
    }
  });

  test('a claim of another kind than text, and one that is inherited, is no claim', async () => {
    for (const claims of [
      { country: ['DE'] },
      { country: { eq: 'DE' } },
      { country: null },
      Object.create({ country: 'DE' }) as object,
      { country: "DE' OR '1'='1" },
      { country: '%' },
    ]) {
      const who = principal({ roles: ['agent'], claims: claims as Record<string, unknown> });
      expect(await house.connection(who, 'customers', '{ customers { totalCount } }')).toEqual({ totalCount: 0 });
    }
  });
});
