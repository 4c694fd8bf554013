import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PRINCIPALS } from '../cases/principals.js';
import { principal, type House } from '../support/house.js';
import { CORPUS, expectNoHarm, openCanary } from './canary.js';

/** Whatever a client says stays a value or a name. */
const { agent } = PRINCIPALS;
let house: House;

beforeAll(async () => {
  house = await openCanary();
});
afterAll(() => house?.close());
beforeEach(async () => {
  house.statements.length = 0;
  await house.database.query('DELETE FROM public.ddl');
});

test('the canary sings: the reader itself could be made to write', async () => {
  await expect(house.database.reader.query({ name: 'canary', text: "INSERT INTO data.canary VALUES ('x')", values: [] })).rejects.toThrow(/read-only/);
  await house.database.query("INSERT INTO data.canary VALUES ('x')");
  await expect(expectNoHarm(house)).rejects.toThrow();
  await house.database.query('DELETE FROM data.canary');
  await house.database.query('CREATE TABLE public.sings ()');
  await expect(expectNoHarm(house)).rejects.toThrow();
  await house.database.query('DROP TABLE public.sings');
  await house.database.query('DELETE FROM public.ddl');
  await expectNoHarm(house);
});

describe('through what a client says (CVE-2022-33171 TypeORM, CVE-2026-30951 Sequelize, CVE-2026-44635, CVE-2026-39356)', () => {
  const TEXT_OPERATORS = [
    'eq',
    'ne',
    'lt',
    'gte',
    'contains',
    'startsWith',
    'endsWith',
    'like',
    'eqInsensitive',
    'containsInsensitive',
    'startsWithInsensitive',
    'endsWithInsensitive',
    'likeInsensitive',
    'matches',
    'matchesInsensitive',
  ];

  test('values of text operators, all as parameters of one statement each', async () => {
    for (const operator of TEXT_OPERATORS) {
      const texts = new Set<string>();
      for (const value of CORPUS) {
        house.statements.length = 0;
        const { text, errors } = await house.query(agent, `query ($v: String) { customers(where: { name: { ${operator}: $v } }) { nodes { id name } } }`, {
          v: value,
        });
        expect(text).not.toContain('INTERNAL_SERVER_ERROR');
        expect(text).not.toMatch(/C01X00|12AB|root:/);
        if (errors) expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
        for (const statement of house.statements.filter(({ name }) => name !== 'hg_patterns')) texts.add(statement.text);
      }
      expect(texts.size).toBeLessThanOrEqual(1);
    }
    await expectNoHarm(house);
  });

  test('lists, JSON values and keys', async () => {
    const texts = new Set<string>();
    for (const value of CORPUS) {
      house.statements.length = 0;
      const where = {
        or: [
          { status: { in: [value, 'x'] } },
          { status: { between: [value, value] } },
          { labels: { contains: [value] } },
          { labels: { overlaps: [value, '{}', 'NULL'] } },
          { details: { contains: { [value]: { [value]: [value] } } } },
          { details: { contains: value } },
          { details: { hasKey: value } },
          { customer: { orders: { some: { status: { eq: value } } } } },
        ],
      };
      const { errors, data } = await house.query(agent, 'query ($where: OrderWhere) { orders(where: $where) { totalCount } }', { where });
      expect(errors, value).toBeUndefined();
      expect(data['orders']?.totalCount).toBeLessThanOrEqual(5);
      for (const statement of house.statements) texts.add(statement.text);
    }
    expect(texts.size).toBe(1);
    await expectNoHarm(house);
  });

  test('objects and lists where scalars are expected, and scalars where objects are', async () => {
    const things: readonly unknown[] = [{ eq: 'x' }, { toString: "'; DROP TABLE data.orders; --" }, ['x'], [["'"]], true, 1.5, { $gt: '' }, { raw: '1=1' }];
    for (const thing of things) {
      for (const [type, build] of [
        ['String', '{ name: { eq: $v } }'],
        ['BigInt', '{ id: { eq: $v } }'],
        ['Int', '{ tier: { eq: $v } }'],
        ['Decimal', '{ balance: { eq: $v } }'],
        ['Date', '{ birthDate: { eq: $v } }'],
        ['CustomerWhere', '{ and: [$v] }'],
      ] as const) {
        const { errors, data } = await house.query(
          agent,
          `query ($v: ${type === 'CustomerWhere' ? 'CustomerWhere!' : type}) { customers(where: ${build}) { totalCount } }`,
          { v: thing },
        );
        if (errors) expect(['BAD_USER_INPUT', 'GRAPHQL_VALIDATION_FAILED']).toContain(errors[0]?.extensions['code']);
        else expect(data['customers']?.totalCount).toBe(0);
      }
    }
    await expectNoHarm(house);
  });

  test('numbers, dates and ids as text', async () => {
    for (const value of [...CORPUS, '1 OR 1=1', '0x1', '1e', 'NaN', 'Infinity', 'now', 'today', "2026-01-01'::date", '1_000']) {
      for (const [type, field] of [
        ['BigInt', 'id'],
        ['Decimal', 'amount'],
        ['Date', 'shipDate'],
        ['Time', 'shipTime'],
        ['DateTime', 'placedAt'],
        ['UUID', 'tracking'],
      ] as const) {
        const { errors } = await house.query(agent, `query ($v: ${type}) { orders(where: { ${field}: { eq: $v } }) { totalCount } }`, { v: value });
        expect(errors, `${type} ${value}`).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
      }
      const { errors } = await house.query(agent, 'query ($v: BigInt!) { customersByKey(id: $v) { id } }', { v: value });
      expect(errors).toHaveLength(1);
    }
    expect(house.statements).toEqual([]);
    await expectNoHarm(house);
  });

  test('cursors, with our fingerprint and without', async () => {
    const { edges } = await house.connection(agent, 'customers', '{ customers(first: 1, orderBy: [{ name: ASC }]) { edges { cursor } } }');
    const [mark] = JSON.parse(Buffer.from(edges[0]?.cursor ?? '', 'base64url').toString()) as string[];
    for (const value of CORPUS) {
      for (const cursor of [
        value,
        JSON.stringify([mark, value, '1']),
        JSON.stringify([mark, 'x', value]),
        JSON.stringify([value, value, '1']),
        JSON.stringify({ length: 3, 0: mark, 1: value }),
      ]) {
        for (const after of [cursor, Buffer.from(cursor).toString('base64url')]) {
          const { text } = await house.query(agent, 'query ($c: String) { customers(first: 5, after: $c, orderBy: [{ name: ASC }]) { nodes { id } } }', {
            c: after,
          });
          expect(text, cursor).not.toContain('INTERNAL_SERVER_ERROR');
        }
      }
    }
    await expectNoHarm(house);
  });

  test('aliases, names of variables, of fragments and of the operation', async () => {
    const names = [
      'select',
      'SELECT',
      'from',
      'data',
      'pg_catalog',
      '_rid',
      '_rn',
      '_k0',
      'g0',
      't1',
      'n0',
      'a2',
      'v',
      'DROP',
      '__proto__',
      'constructor',
      'row_to_json',
      `x${'y'.repeat(300)}`,
    ];
    for (const name of names) {
      const { errors, data } = await house.query(
        agent,
        `query ${name} ($${name}: BigInt) { ${name}: customers(first: 1, where: { id: { gte: $${name} } }) { ${name}: nodes { ${name}: id ...${name} } e: edges { ${name}: cursor } i: pageInfo { ${name}: endCursor } } } fragment ${name} on Customer { o: orders { ${name}: totalCount } }`,
        { [name]: 1 },
      );
      expect(errors, name).toBeUndefined();
      expect(Object.keys(data)).toEqual([name]);
    }
    // What is no name of GraphQL is no document.
    for (const value of CORPUS.filter((text) => !/^(-- |pg_sleep)/.test(text))) {
      const { errors } = await house.query(agent, `{ customers { nodes { ${value}: id } } }`);
      if (errors) expect(errors[0]?.extensions['code'], value).toBe('GRAPHQL_VALIDATION_FAILED');
    }
    for (const operationName of CORPUS) {
      const { errors } = await house.ask(agent, { query: 'query A { customers { totalCount } } query B { me }', operationName });
      expect(errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
    }
    await expectNoHarm(house);
  });

  test('claims, subjects, roles and purposes of a token', async () => {
    for (const value of CORPUS) {
      for (const who of [
        principal({ roles: ['agent'], claims: { country: value } }),
        principal({ roles: ['agent'], claims: { country: value, [value]: value } }),
        principal({ subject: value, roles: [value, 'agent'], purposes: [value], purpose: value }),
      ]) {
        expect(await house.connection(who, 'customers', '{ customers { totalCount nodes { id } } }')).toEqual({ totalCount: 0, nodes: [] });
      }
    }
    await expectNoHarm(house);
  });
});
