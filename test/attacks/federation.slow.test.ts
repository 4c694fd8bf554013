import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Principal } from '../../src/identity/index.js';
import { openFixture } from '../cases/open-fixture.js';
import { PRINCIPALS } from '../cases/principals.js';
import { ANONYMOUS, principal, type House } from '../support/house.js';

/** The way by which routers come in has the same locks as every other. */
let house: House;
const { agent, analyst, investigator, partner, researcher } = PRINCIPALS;

beforeAll(async () => {
  house = await openFixture();
});
afterAll(() => house?.close());
beforeEach(() => {
  house.statements.length = 0;
  house.facts.length = 0;
});

const ask = (who: Principal, selection: string, representations: unknown) =>
  house.query(who, `query ($r: [_Any!]!) { _entities(representations: $r) { ${selection} } }`, { r: representations });
const customer = (id: unknown) => ({ __typename: 'Customer', id });
const codesOf = ({ errors }: { errors?: readonly { extensions: Record<string, unknown> }[] }) => errors?.map(({ extensions }) => extensions['code']);

describe('_entities past the guards (nestjs/graphql #1188, #2028)', () => {
  test.each([
    ['anonymous', ANONYMOUS, 'UNAUTHENTICATED'],
    ['without a grant', partner, 'FORBIDDEN'],
    ['without the key', researcher, 'FORBIDDEN'],
    ['without the purpose', PRINCIPALS['researcher-without-purpose'], 'FORBIDDEN'],
    ['who runs the control plane', PRINCIPALS.engineer, 'FORBIDDEN'],
  ] as const)('%s: refused before anything is read, and on record', async (_, who, code) => {
    for (const selection of ['__typename', '... on Customer { id }', '... on Customer { __typename }', '... on Customer { tier email }']) {
      house.facts.length = 0;
      const answer = await ask(who, selection, [customer(1)]);
      expect(answer.data).toBeNull();
      expect(codesOf(answer)).toEqual([code]);
      expect(house.statements).toEqual([]);
      expect(house.facts).toMatchObject([{ decision: 'DENIED', dataset: 'customers', actor: { subject: who.subject }, details: { code } }]);
    }
  });

  test('PURPOSE_REQUIRED where a purpose that the token holds would open it', async () => {
    await house.apply(`
kind: Grant
name: billing-by-key
to: { roles: [biller] }
on: { datasets: [customers] }
purposes: [billing]
fields: { id: allow, tier: allow }
`);
    const biller = principal({ roles: ['biller'], purposes: ['billing'] });
    expect(codesOf(await ask(biller, '... on Customer { tier }', [customer(1)]))).toEqual(['PURPOSE_REQUIRED']);
    expect((await ask({ ...biller, purpose: 'billing' }, '... on Customer { tier }', [customer(1)])).data).toEqual({ _entities: [{ tier: 1 }] });
  });

  test('one type that is refused refuses all, and nothing was read of the others', async () => {
    const answer = await ask(ANONYMOUS, '... on Country { code } ... on Customer { id }', [{ __typename: 'Country', code: 'DE' }, customer(1)]);
    expect(answer.data).toBeNull();
    expect(codesOf(answer)).toEqual(['UNAUTHENTICATED']);
    expect(house.statements).toEqual([]);
    expect((await ask(ANONYMOUS, '... on Country { code }', [{ __typename: 'Country', code: 'DE' }])).data).toEqual({ _entities: [{ code: 'DE' }] });
  });

  test('rows that a filter hides are as those that do not exist', async () => {
    const [hidden, absent] = [
      await ask(agent, '__typename ... on Customer { id name }', [customer(2)]),
      await ask(agent, '__typename ... on Customer { id name }', [customer(999)]),
    ];
    expect(hidden.text).toBe(absent.text);
    expect(hidden.data).toEqual({ _entities: [null] });
  });

  test('what a representation says beside its key is not believed', async () => {
    const { text } = await ask(agent, '... on Customer { id country passportNo }', [{ ...customer(1), country: 'FR', passportNo: 'mine', tier: 9 }]);
    expect(JSON.parse(text)).toMatchObject({ data: { _entities: [{ id: '1', country: 'DE', passportNo: expect.not.stringContaining('mine') as string }] } });
    // Nor does it open a row that is not theirs.
    expect((await ask(agent, '... on Customer { id }', [{ ...customer(2), country: 'DE' }])).data).toEqual({ _entities: [null] });
  });

  test('a masked key is compared as it is seen: the value behind it finds nothing', async () => {
    await house.apply(`
kind: Grant
name: hashed-keys
to: { roles: [hasher] }
on: { datasets: [countries] }
fields: { code: { mask: hash }, population: allow }
---
kind: Grant
name: open-countries
state: absent
`);
    const hasher = principal({ roles: ['hasher'] });
    const seen = (await house.connection(hasher, 'countries', '{ countries { nodes { code population } } }')).nodes;
    const found = await ask(
      hasher,
      '... on Country { population }',
      ['DE', ...seen.map(({ code }) => code)].map((code) => ({ __typename: 'Country', code })),
    );
    expect(found.data).toEqual({ _entities: [null, ...seen.map(({ population }) => ({ population }))] });
  });
});

describe('what is secret', () => {
  test('a secret type is as one that does not exist, byte for byte', async () => {
    for (const who of [agent, analyst, partner, ANONYMOUS]) {
      const [secret, absent] = [
        await ask(who, '__typename', [{ __typename: 'Alert', id: 1 }]),
        await ask(who, '__typename', [{ __typename: 'Nothing', id: 1 }]),
      ];
      expect(secret.text).toBe(absent.text);
      expect(codesOf(secret)).toEqual(['BAD_USER_INPUT']);
      const [typed, other] = [await ask(who, '... on Alert { id }', []), await ask(who, '... on Alerx { id }', [])];
      expect(typed.text).toBe(other.text.replaceAll('Alerx', 'Alert'));
    }
    expect(house.statements).toEqual([]);
    expect((await ask(investigator, '... on Alert { reason }', [{ __typename: 'Alert', id: 1 }])).data).toEqual({ _entities: [{ reason: 'chargebacks' }] });
  });

  test('is not in the schema for routers, nor is the control plane', async () => {
    const sdl = async (who: Principal) => ((await house.query(who, '{ _service { sdl } }')).data as unknown as { _service: { sdl: string } })._service.sdl;
    for (const who of [analyst, partner, ANONYMOUS]) expect(await sdl(who)).not.toMatch(/alert|watchlist|passport|\bme\b|RawJson/i);
    expect(await sdl(investigator)).toMatch(/passportNo: String @tag[\s\S]*type Alert @key\(fields: "id"\)/);
  });

  test('neither are types without a key, or with a key of which a part is secret, entities', async () => {
    await house.apply(`
kind: Dataset
name: notes
typeName: Note
fields: [{ name: line, type: text }]
---
kind: Dataset
name: badges
typeName: Badge
fields: [{ name: id, type: integer }, { name: pin, type: integer, visibility: secret }]
key: [id, pin]
---
kind: Grant
name: notes
to: { roles: [analyst] }
on: { datasets: [notes, badges] }
fields: { '*': allow }
`);
    for (const typeName of ['Note', 'Badge', 'CustomerConnection', 'Query', '_Entity', '_Service', 'String', '__Type', 'constructor', '__proto__', '']) {
      const [one, absent] = [
        await ask(analyst, '__typename', [{ __typename: typeName, id: 1, pin: 1 }]),
        await ask(analyst, '__typename', [{ __typename: 'Nothing' }]),
      ];
      expect(one.text, typeName).toBe(absent.text);
    }
    const { data } = await house.query(analyst, '{ __type(name: "_Entity") { possibleTypes { name } } }');
    expect(data).toEqual({ __type: { possibleTypes: [{ name: 'Country' }, { name: 'Customer' }, { name: 'Order' }, { name: 'Subscriber' }] } });
  });
});

describe('fragments and interfaces past the guards (GHSA-mx7m-j9xf-62hw)', () => {
  const FRAGMENTS = [
    '... on Customer { name }',
    '... on _Entity { ... on Customer { name } }',
    '... { ... on _Entity { ... { ... on Customer { ... on _Entity { ... on Customer { name } } } } } }',
    '... on Customer { home { ... on _Entity { ... on Country { customers { nodes { ... on _Entity { ... on Customer { name } } } } } } } }',
    '... on Order { customer { ... on _Entity { ... on Customer { name } } } }',
  ];

  test('a field that is denied stays so, by whatever fragment it is reached', async () => {
    for (const selection of FRAGMENTS) {
      const answer = await ask(analyst, selection, [customer(1), { __typename: 'Order', id: 101 }]);
      expect(answer.text, selection).not.toMatch(/Anna|Clara/);
      expect(codesOf(answer), selection).toEqual(['FORBIDDEN']);
      const named = await house.query(
        analyst,
        `query ($r: [_Any!]!) { _entities(representations: $r) { ...A } } fragment A on _Entity { ...B } fragment B on _Entity { ${selection} }`,
        { r: [customer(1), { __typename: 'Order', id: 101 }] },
      );
      expect(named.text).toBe(answer.text);
    }
  });

  test('the union opens no other way either', async () => {
    const { text, errors } = await house.query(analyst, '{ customers(first: 2) { nodes { ... on _Entity { ... on Customer { id secret: name email } } } } }');
    expect(errors).toMatchObject([{ path: ['customers', 'nodes'], extensions: { code: 'FORBIDDEN', field: 'name' } }]);
    expect(text).not.toMatch(/Anna|anna@/);
  });

  test('where it does not apply it is no valid document', async () => {
    for (const query of [
      '{ ... on _Entity { __typename } }',
      '{ customers { ... on _Entity { ... on Customer { name } } } }',
      '{ _entities(representations: []) { id } }',
      '{ _entities(representations: []) { ... on Node { id } } }',
    ]) {
      expect(codesOf(await house.query(analyst, query))).toEqual(expect.arrayContaining(['GRAPHQL_VALIDATION_FAILED']));
    }
  });
});

describe('representations that are no such thing', () => {
  const BAD: readonly (readonly [name: string, representation: unknown])[] = [
    ['null', null],
    ['a text', 'Customer'],
    ['a number', 1],
    ['a list', [customer(1)]],
    ['without a type', { id: 1 }],
    ['with a type that is no name', { __typename: { name: 'Customer' }, id: 1 }],
    ['with a type by prototype', JSON.parse('{"__proto__": {"__typename": "Customer"}, "id": 1}')],
    ['without the key', { __typename: 'Customer' }],
    ['with a null key', customer(null)],
    ['with a key by prototype', JSON.parse('{"__typename": "Customer", "__proto__": {"id": 1}}')],
    ['with an object for a key', customer({ eq: 1 })],
    ['with an operator for a key', customer({ $ne: null })],
    ['with a list for a key', customer([1, 2])],
    ['with SQL for a key', customer("1' OR '1'='1")],
    ['with SQL for a number', customer('1::bigint OR TRUE')],
    ['with an array of PostgreSQL', customer('{1,2}')],
    ['with a number too large', customer('9223372036854775808')],
    ['with a fraction', customer(1.5)],
    ['with a boolean', customer(true)],
    ['with NUL', { __typename: 'Country', code: 'D\0E' }],
    ['with a number for a text', { __typename: 'Country', code: 1 }],
  ];

  test.each(BAD)('%s: BAD_USER_INPUT that names its place, and nothing is read', async (_, representation) => {
    const given = [customer(1), representation];
    const { data, errors, text } = await ask(analyst, '__typename ... on Customer { id }', given);
    expect(data ?? null).toBeNull();
    expect(errors?.map(({ extensions }) => extensions['code'])).toEqual(['BAD_USER_INPUT']);
    // A null in the list is refused by GraphQL itself.
    if (representation !== null) expect(errors?.[0]?.message).toMatch(/^representations\[1\]/);
    expect(text).not.toMatch(/OR '1'|TRUE|9223372036854775808|INTERNAL/);
    expect(house.statements).toEqual([]);
  });

  test('texts are values: SQL, quotes and backslashes find what they spell', async () => {
    const texts = ["DE' OR '1'='1", 'DE"', '\\', '{DE}', '$1', "'; DROP TABLE data.countries; --", 'NULL', '', 'D,E', ' DE', '\u{10ffff}'];
    const { data } = await ask(
      analyst,
      '... on Country { code }',
      [...texts, 'DE'].map((code) => ({ __typename: 'Country', code })),
    );
    expect(data).toEqual({ _entities: [...texts.map(() => null), { code: 'DE' }] });
    expect(house.statements.map(({ text }) => text).join()).not.toContain('DROP');
  });

  test('the text null is no null', async () => {
    await house.database.query(`INSERT INTO data.countries (code) VALUES ('NULL'), ('null'), ('"'), ('a\\b,{}')`);
    const codes = ['NULL', 'null', '"', 'a\\b,{}'];
    const { data } = await ask(
      analyst,
      '... on Country { code }',
      codes.map((code) => ({ __typename: 'Country', code })),
    );
    expect(data).toEqual({ _entities: codes.map((code) => ({ code })) });
  });
});

describe('amplification', () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => customer(i));

  test('more entities than a page has rows are refused', async () => {
    expect(codesOf(await ask(analyst, '... on Customer { id }', many(1001)))).toEqual(['BAD_USER_INPUT']);
    expect(house.statements).toEqual([]);
    expect((await ask(analyst, '... on Customer { id }', many(1000))).errors).toBeUndefined();
    expect(house.statements.length).toBe(1);
  });

  test('entities with pages in them have the price of all of them', async () => {
    const answer = await ask(analyst, '... on Customer { orders(first: 1000) { nodes { id } } }', many(1000));
    expect(codesOf(answer)).toEqual(['QUERY_TOO_COMPLEX']);
    expect(house.statements).toEqual([]);
    expect(house.facts).toMatchObject([{ decision: 'DENIED', dataset: 'customers', details: { code: 'QUERY_TOO_COMPLEX' } }]);
  });

  test('many small ones under many aliases are one price together', async () => {
    const fields = 'id tier email phone birthDate country balance';
    const query = `query ($r: [_Any!]!) { ${Array.from({ length: 29 }, (_, i) => `a${i}: _entities(representations: $r) { ... on Customer { ${fields} } }`).join(' ')} }`;
    expect(codesOf(await house.query(analyst, query, { r: many(1000) }))).toContain('QUERY_TOO_COMPLEX');
  });

  test('entities of which nothing is asked have a price too', async () => {
    const query = `query ($r: [_Any!]!) { ${Array.from({ length: 29 }, (_, i) => `a${i}: _entities(representations: $r) { ... on Order { id } }`).join(' ')} }`;
    const small = await openFixture({ maxCost: 20_000 });
    try {
      expect(codesOf(await small.query(analyst, query, { r: many(1000) }))).toContain('QUERY_TOO_COMPLEX');
    } finally {
      await small.close();
    }
  });
});

describe('what is hidden has no influence', () => {
  let other: House;
  beforeAll(async () => {
    other = await openFixture();
    // All that the analyst sees masked to a constant or not at all; and, for the agent, the rows of other countries.
    await other.database.query(
      "UPDATE data.customers SET name = 'Somebody ' || id, passport_no = NULL, birth_date = date_trunc('year', birth_date) + interval '100 days' WHERE birth_date IS NOT NULL",
    );
  });
  afterAll(() => other?.close());

  test('on what _entities answers', { timeout: 60_000 }, async () => {
    const FIELDS = ['__typename', 'id', 'name', 'tier', 'country', 'birthDate', 'home { name }', 'orders { totalCount nodes { id customer { name } } }'];
    const plain = await openFixture();
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 5 }),
          fc.uniqueArray(fc.constantFrom(...FIELDS), { minLength: 1, maxLength: 5 }),
          async (ids, fields) => {
            const query = `query ($r: [_Any!]!) { _entities(representations: $r) { ... on Customer { ${fields.join(' ')} } } }`;
            const variables = { r: ids.map(customer) };
            expect((await other.query(analyst, query, variables)).text).toBe((await plain.query(analyst, query, variables)).text);
          },
        ),
        { numRuns: 100 },
      );
    } finally {
      await plain.close();
    }
  });
});
