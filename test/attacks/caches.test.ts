import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../../src/kernel/index.js';
import { openFixture } from '../cases/open-fixture.js';
import { PRINCIPALS } from '../cases/principals.js';
import { principal, type House } from '../support/house.js';

let house: House;
const { agent, analyst, anonymous, desk, investigator, partner } = PRINCIPALS;

beforeAll(async () => {
  house = await openFixture();
});
afterAll(() => house?.close());
beforeEach(() => {
  house.facts.length = 0;
});

describe('a document that was cached for one principal and is run for another', () => {
  const persisted = (query: string) => ({ persistedQuery: { version: 1, sha256Hash: sha256(query) } });

  test('with the same schema, each run is decided anew', async () => {
    const query = '{ customers(first: 1, orderBy: [{ id: ASC }]) { nodes { id email } } }';
    for (const _ of [1, 2, 3]) {
      expect((await house.query(analyst, query)).text).toContain('ede00e5c');
      expect((await house.query(desk, query)).text).toContain('anna@example.de');
      expect((await house.query(partner, query)).data).toEqual({ customers: null });
      expect((await house.query(anonymous, query)).errors?.[0]?.extensions['code']).toBe('UNAUTHENTICATED');
    }
    // Each of them is on the record, the refused ones too.
    expect(house.facts.filter((fact) => fact.decision === 'DENIED')).toHaveLength(6);
  });

  test('as an automatic persisted query: who sends the hash alone gets what they would get for the text', async () => {
    const query = '{ customers(orderBy: [{ id: ASC }]) { nodes { id email } } }';
    const extensions = persisted(query);
    const full = await house.ask(desk, { query, extensions });
    expect(full.text).toContain('anna@example.de');
    for (const who of [analyst, partner, anonymous]) {
      const byHash = await house.ask(who, { extensions });
      expect(byHash.text).toBe((await house.query(who, query)).text);
      expect(byHash.text).not.toContain('anna@example.de');
    }
  });

  test('with another schema, neither document nor hash is known', async () => {
    const query = '{ watchlist { nodes { reason } } }';
    const extensions = persisted(query);
    expect((await house.ask(investigator, { query, extensions })).text).toContain('chargebacks');
    // As if nobody had ever asked.
    const unknown = await house.ask(partner, { extensions });
    expect(unknown.errors?.[0]?.extensions['code']).toBe('PERSISTED_QUERY_NOT_FOUND');
    expect(unknown.text).toBe((await house.ask(partner, { extensions: persisted('{ never }') })).text);
    expect((await house.ask(partner, { query, extensions })).errors?.[0]?.extensions['code']).toBe('GRAPHQL_VALIDATION_FAILED');
    // A document that was refused once is refused again: no cache skips its validation.
    expect((await house.ask(partner, { query })).errors?.[0]?.extensions['code']).toBe('GRAPHQL_VALIDATION_FAILED');
    expect((await house.ask(partner, { extensions })).text).not.toContain('chargebacks');
  });

  test('a hash that was registered runs for nobody whose view lacks its names, and gives no sign of it', async () => {
    const query = '{ customers(first: 1) { nodes { id passportNo } } }';
    const extensions = persisted(query);
    expect((await house.ask(investigator, { query, extensions })).errors).toBeUndefined();
    expect((await house.ask(investigator, { extensions })).text).toContain('passportNo');
    for (const who of [partner, anonymous, analyst]) {
      const byHash = await house.ask(who, { extensions });
      expect(byHash.errors?.[0]?.extensions['code']).toBe('PERSISTED_QUERY_NOT_FOUND');
      expect(byHash.text).toBe((await house.ask(who, { extensions: persisted('{ never }') })).text);
    }
  });

  test('a hash that is not that of the text is refused', async () => {
    const answer = await house.ask(partner, { query: '{ me }', extensions: persisted('{ customers { totalCount } }') });
    expect(answer.data).toBeUndefined();
    expect(answer.errors).toMatchObject([{ message: 'provided sha does not match query', extensions: { code: 'BAD_USER_INPUT' } }]);
  });
});

describe("shield's own cache: several roots in one request", () => {
  test('one allowed, one not, in either order', async () => {
    for (const query of [
      '{ countries(first: 1) { nodes { code } } customers { totalCount } }',
      '{ customers { totalCount } countries(first: 1) { nodes { code } } }',
    ]) {
      const { data, errors } = await house.query(partner, query);
      expect(data['countries']?.nodes).toEqual([{ code: 'DE' }]);
      expect(data['customers']).toBeNull();
      expect(errors).toMatchObject([{ path: ['customers'], extensions: { code: 'FORBIDDEN' } }]);
    }
  });

  test('the same field under several aliases, with other arguments and selections', async () => {
    const { data, errors } = await house.query(
      analyst,
      '{ a: customers { totalCount } b: customers(where: { name: { eq: "x" } }) { totalCount } c: customers(first: 1) { nodes { name } } d: customers(orderBy: [{ name: ASC }]) { totalCount } e: customers { totalCount } }',
    );
    expect(data).toMatchObject({ a: { totalCount: 6 }, b: null, c: { nodes: [{ name: null }] }, d: null, e: { totalCount: 6 } });
    expect(errors?.map((error) => error.path)).toEqual([['b'], ['c', 'nodes'], ['d']]);
  });

  test('inside of fragments, and the same fragment twice', async () => {
    const { data, errors } = await house.query(
      partner,
      '{ ...Allowed ...Both ...Both } fragment Allowed on Query { countries(first: 1) { nodes { code } } } fragment Both on Query { countries(first: 1) { nodes { name } } customers { totalCount } }',
    );
    expect(data['countries']?.nodes).toEqual([{ code: 'DE', name: 'Germany' }]);
    expect(data['customers']).toBeNull();
    expect(errors).toHaveLength(1);
  });

  test('by key and as a list', async () => {
    const { data, errors } = await house.query(partner, '{ countriesByKey(code: "DE") { name } customersByKey(id: 1) { id } orders { totalCount } }');
    expect(data).toMatchObject({ countriesByKey: { name: 'Germany' }, customersByKey: null, orders: null });
    expect(errors?.map((error) => error.path?.[0])).toEqual(['customersByKey', 'orders']);
  });
});

describe('decisions cached across principals (CVE-2025-31485 API Platform, CVE-2025-27097 GraphQL Mesh)', () => {
  const count = async (who: Parameters<House['query']>[0]) =>
    (await house.query(who, '{ customers { totalCount nodes { id } } }')).data['customers']?.totalCount;

  test('the same roles with other claims, in turns and at once', async () => {
    const of = (country: string) => ({ ...agent, claims: { country } });
    for (const [country, rows] of [
      ['DE', 2],
      ['FR', 2],
      ['IS', 1],
      ['XX', 0],
      ['DE', 2],
    ] as const)
      expect(await count(of(country))).toBe(rows);
    const countries = Array.from({ length: 30 }, (_, i) => ['DE', 'FR', 'IS', 'XX'][i % 4] ?? '');
    const answers = await Promise.all(
      countries.map(async (country) => (await house.query(of(country), '{ customers { nodes { country } } }')).data['customers']?.nodes),
    );
    answers.forEach((nodes, i) => expect(nodes?.every((node) => node['country'] === countries[i])).toBe(true));
  });

  test('hundreds at once, one behind the other in the same sessions', async () => {
    const of = (country: string) => ({ ...agent, subject: `agent-${country}`, claims: { country } });
    const countries = ['DE', 'FR', 'IS', 'XX'];
    const all = (await house.query(desk, '{ customers { nodes { id country } } }')).data['customers']?.nodes ?? [];
    const list = async (country: string) => (await house.query(of(country), '{ customers { nodes { country } } }')).data['customers']?.nodes ?? [];
    const byKey = async (country: string, id: unknown) =>
      (await house.query(of(country), 'query One($id: BigInt!) { customersByKey(id: $id) { country } }', { id })).data['customersByKey'];
    // Often enough to be known as quick, so that others wait behind them.
    for (let i = 0; i < 20; i++) await Promise.all([list('DE'), byKey('DE', '1')]);
    await Promise.all(
      Array.from({ length: 400 }, async (_, i) => {
        const country = countries[i % countries.length] ?? '';
        const row = all[i % all.length];
        if (i % 3 === 0) expect((await list(country)).every((node) => node['country'] === country)).toBe(true);
        else expect(await byKey(country, row?.['id'])).toEqual(row?.['country'] === country ? { country } : null);
      }),
    );
  });

  test('the same roles for another purpose, or without one', async () => {
    const researcher = principal({ roles: ['researcher'], purposes: ['research', 'billing'] });
    for (const _ of [1, 2]) {
      expect(await count({ ...researcher, purpose: 'research' })).toBe(6);
      expect(await count({ ...researcher, purpose: 'billing' })).toBe(0);
      expect(await count(researcher)).toBe(0);
    }
  });

  test('roles that look alike when they are joined', async () => {
    for (const roles of [
      ['analyst', 'x'],
      ['x', 'analyst'],
    ])
      expect(await count(principal({ roles }))).toBe(6);
    for (const roles of [['analyst,x'], ['analyst x'], ['analyst","x'], ['["analyst"]'], ['ana', 'lyst']])
      expect(await count(principal({ roles })), roles.join()).toBe(0);
    // A purpose or a subject does not count as a role either.
    expect(await count(principal({ roles: ['x'], purposes: ['analyst'], purpose: 'analyst' }))).toBe(0);
  });

  test('a subject that a grant names, and others with its roles', async () => {
    await house.apply(`
kind: Grant
name: for-one
to: { subjects: [ada] }
on: { datasets: [orders] }
fields: { id: allow }
`);
    const orders = async (subject: string) => (await house.query(principal({ subject, roles: ['x'] }), '{ orders { totalCount } }')).data['orders'];
    expect(await orders('ada')).toEqual({ totalCount: 5 });
    expect(await orders('bob')).toBeNull();
    expect(await orders('ada')).toEqual({ totalCount: 5 });
    expect(await orders('Ada')).toBeNull();
  });

  test('a grant that is gone does not live on in plans or decisions', async () => {
    const who = principal({ subject: 'ada', roles: ['x'] });
    const query = '{ orders { totalCount nodes { id } } }';
    expect((await house.query(who, query)).data['orders']?.totalCount).toBe(5);
    await house.apply('kind: Grant\nname: for-one\nstate: absent\n');
    expect((await house.query(who, query)).data['orders']?.totalCount).toBe(0);
    expect((await house.query(who, query)).errors).toHaveLength(1);
  });
});
