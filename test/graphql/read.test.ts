import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ANONYMOUS, House, principal, type Connection } from '../support/house.js';

let house: House;
const agent = principal({ subject: 'agent', roles: ['agent'], claims: { country: 'DE' } });
const analyst = principal({ subject: 'analyst', roles: ['analyst'] });
const partner = principal({ subject: 'partner', roles: ['partner'] });
const helper = principal({ subject: 'helper', roles: ['helper'], purposes: ['support'] });

beforeAll(async () => {
  house = await House.open({ maxCost: 20_000 });
  await house.apply(`
kind: Purpose
name: support
---
kind: Dataset
name: customers
typeName: Customer
fields:
  - { name: id, type: bigint, required: true }
  - { name: name, type: text }
  - { name: email, type: text, tags: [pii.email] }
  - { name: birth_date, type: date, tags: [pii.birthdate] }
  - { name: country, type: text }
  - { name: passport_no, type: text, visibility: secret }
  - { name: balance, type: decimal }
  - { name: score, type: float }
  - { name: seen_at, type: timestamp }
  - { name: labels, type: 'text[]' }
  - { name: details, type: json }
key: [id]
relations:
  - { name: orders, to: orders, on: { id: customer_id }, many: true }
---
kind: Dataset
name: orders
typeName: Order
fields:
  - { name: id, type: bigint, required: true }
  - { name: customer_id, type: bigint }
  - { name: amount, type: decimal }
key: [id]
relations:
  - { name: customer, to: customers, on: { customer_id: id } }
---
kind: Dataset
name: vault
visibility: secret
fields: [{ name: id, type: integer }]
---
kind: Grant
name: agents
to: { roles: [agent] }
on: { datasets: [customers] }
rows: "country = claim('country')"
fields: { '*': allow }
---
kind: Grant
name: agents-orders
to: { roles: [agent, analyst] }
on: { datasets: [orders] }
fields: { '*': allow }
---
kind: Grant
name: analysts
to: { roles: [analyst] }
on: { datasets: [customers] }
fields: { '*': allow, email: { mask: hash }, birth_date: { mask: year }, name: deny }
---
kind: Grant
name: helpers
to: { roles: [helper] }
on: { datasets: [customers] }
purposes: [support]
fields: { '*': allow }
`);
  await house.database.query(`INSERT INTO data.customers (id, name, email, birth_date, country, passport_no, balance, score, seen_at, labels, details)
    SELECT g, 'Name ' || g, 'user' || g || '@example.com', date '1950-01-01' + g * 100, CASE WHEN g % 3 = 0 THEN 'DE' WHEN g % 3 = 1 THEN 'FR' END,
      'P' || g, g * 1.50, CASE WHEN g = 3 THEN 'NaN' ELSE g / 7.0 END, timestamptz '2026-01-01 00:00:00.123456Z' + g * interval '1 hour', ARRAY['a', 'b' || g % 2], jsonb_build_object('n', g)
    FROM generate_series(1, 30) AS g`);
  await house.database.query('INSERT INTO data.orders (id, customer_id, amount) SELECT g, 1 + g % 30, g * 10 FROM generate_series(1, 90) AS g');
});

afterAll(() => house.close());

describe('a governed read', () => {
  test('shows an agent the rows of their country, plain', async () => {
    const { data, errors, extensions } = await house.query(
      agent,
      '{ customers(first: 2, orderBy: [{ birthDate: DESC }]) { totalCount nodes { id name email birthDate country } pageInfo { hasNextPage } } }',
    );
    expect(errors).toBeUndefined();
    expect(extensions).toBeUndefined();
    expect(data).toEqual({
      customers: {
        totalCount: 10,
        nodes: [
          { id: '30', name: 'Name 30', email: 'user30@example.com', birthDate: '1958-03-20', country: 'DE' },
          { id: '27', name: 'Name 27', email: 'user27@example.com', birthDate: '1957-05-24', country: 'DE' },
        ],
        pageInfo: { hasNextPage: true },
      },
    });
  });

  test('masks for an analyst, says so, and refuses the denied field once', async () => {
    const { data, errors, extensions } = await house.query(analyst, '{ c: customers(first: 2) { nodes { id name email birthDate } } }');
    expect(data['c']?.nodes).toEqual([
      { id: '1', name: null, email: expect.stringMatching(/^[0-9a-f]{64}$/), birthDate: '1950-01-01' },
      { id: '2', name: null, email: expect.stringMatching(/^[0-9a-f]{64}$/), birthDate: '1950-01-01' },
    ]);
    expect(errors).toEqual([{ message: expect.any(String), path: ['c', 'nodes'], extensions: { code: 'FORBIDDEN', dataset: 'customers', field: 'name' } }]);
    expect(extensions).toEqual({ governance: { masked: ['customers.birthDate', 'customers.email'] } });
  });

  test('refuses a hidden field wherever it would steer the answer', async () => {
    for (const query of [
      '{ customers(where: { name: { eq: "x" } }) { totalCount } }',
      '{ customers(where: { or: [{ not: { and: [{ name: { isNull: true } }] } }] }) { totalCount } }',
      '{ customers(orderBy: [{ name: ASC }]) { nodes { id } } }',
      '{ orders(where: { customer: { name: { eq: "x" } } }) { totalCount } }',
      '{ orders(orderBy: [{ customer: { name: ASC } }]) { totalCount } }',
    ]) {
      const { data, errors } = await house.query(analyst, query);
      expect(Object.values(data)).toEqual([null]);
      expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', dataset: 'customers', field: 'name' } }]);
    }
  });

  test('refuses who has no grant, with the code that tells why', async () => {
    const query = '{ customers(where: { country: { eq: "DE" } }) { totalCount } }';
    expect((await house.query(partner, query)).errors).toMatchObject([{ path: ['customers'], extensions: { code: 'FORBIDDEN' } }]);
    expect((await house.query(ANONYMOUS, query)).errors).toMatchObject([{ path: ['customers'], extensions: { code: 'UNAUTHENTICATED' } }]);
    expect((await house.query(helper, query)).errors).toMatchObject([{ path: ['customers'], extensions: { code: 'PURPOSE_REQUIRED' } }]);
    expect((await house.query({ ...helper, purpose: 'support' }, query)).data).toEqual({ customers: { totalCount: 10 } });
    expect((await house.query(partner, '{ customers { totalCount } }')).errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
    expect(await house.query(partner, '{ customers { nodes { id email } } }')).toMatchObject({
      data: { customers: { nodes: [] } },
      errors: [
        { path: ['customers', 'nodes'], extensions: { field: 'id' } },
        { path: ['customers', 'nodes'], extensions: { field: 'email' } },
      ],
    });
  });

  test('hides secret names from schema, validation and suggestions', async () => {
    const hidden = await house.query(analyst, '{ customers { nodes { passportNo } } }');
    const absent = await house.query(analyst, '{ customers { nodes { passportXx } } }');
    expect(hidden.text.replaceAll('passportNo', '?')).toBe(absent.text.replaceAll('passportXx', '?'));
    expect((await house.query(partner, '{ vault { totalCount } }')).errors).toMatchObject([{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }]);
    expect((await house.query(partner, '{ __type(name: "Customer") { fields { name } } }')).text).not.toContain('passportNo');
    expect((await house.query(principal({ roles: ['engineer'] }), '{ __type(name: "Customer") { fields { name } } }')).text).toContain('passportNo');
  });

  test('follows relations both ways in one statement', async () => {
    const { nodes } = await house.connection(
      agent,
      'customers',
      '{ customers(first: 2) { nodes { id orders(first: 2, orderBy: [{ amount: DESC }]) { totalCount nodes { id amount customer { id } } } } } }',
    );
    expect(nodes[0]).toEqual({
      id: '3',
      orders: {
        totalCount: 3,
        nodes: [
          { id: '62', amount: '620', customer: { id: '3' } },
          { id: '32', amount: '320', customer: { id: '3' } },
        ],
      },
    });
    // A customer of another country is no row for the agent.
    const orders = await house.query(agent, '{ orders(where: { id: { in: ["62", "63"] } }) { nodes { id customer { name } } } }');
    expect(orders.data['orders']?.nodes).toEqual([
      { id: '62', customer: { name: 'Name 3' } },
      { id: '63', customer: null },
    ]);
  });

  test('gives each type in its own form', async () => {
    const { data } = await house.query(agent, '{ customersByKey(id: 3) { id balance score seenAt birthDate labels details __typename } }');
    expect(data['customersByKey']).toEqual({
      id: '3',
      balance: '4.50',
      score: null,
      seenAt: '2026-01-01T03:00:00.123456+00:00',
      birthDate: '1950-10-28',
      labels: ['a', 'b1'],
      details: { n: 3 },
      __typename: 'Customer',
    });
    expect((await house.query(agent, '{ customersByKey(id: 1) { id } }')).data).toEqual({ customersByKey: null });
  });

  test('merges aliases and fragments, and leaves out what is skipped', async () => {
    const { data } = await house.query(
      agent,
      'query Q($no: Boolean!) { a: customers(first: 1) { ...C nodes { name @skip(if: $no) } } b: customers(last: 1) { edges { node { ... on Customer { key: id } __typename } } } me } fragment C on CustomerConnection { nodes { id again: id } again: nodes { country } __typename }',
      { no: true },
    );
    expect(data).toEqual({
      a: { nodes: [{ id: '3', again: '3' }], again: [{ country: 'DE' }], __typename: 'CustomerConnection' },
      b: { edges: [{ node: { key: '30', __typename: 'Customer' } }] },
      me: 'agent',
    });
  });

  test('answers introspection beside data, in the order asked for', async () => {
    const { text } = await house.query(agent, '{ customers(first: 1) { nodes { id } } t: __type(name: "Order") { name } me }');
    expect(text).toBe('{"data":{"customers":{"nodes":[{"id":"3"}]},"t":{"name":"Order"},"me":"agent"}}');
  });

  test('takes aliases that are longer than a column name', async () => {
    const alias = 'a'.repeat(100);
    const { data } = await house.query(agent, `{ customers(first: 1) { nodes { ${alias}: id b: name } } }`);
    expect(data['customers']?.nodes).toEqual([{ [alias]: '3', b: 'Name 3' }]);
  });
});

describe('paging', () => {
  const page = (args: string) => `{ customers(${args}) { nodes { id } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;

  test.each([
    '[{ country: ASC }]',
    '[{ country: DESC }]',
    '[{ country: ASC_NULLS_FIRST }, { email: DESC }]',
    '[{ birthDate: DESC }]',
    '[{ seenAt: ASC }, { balance: DESC }]',
    '[]',
  ])('forward and backward through %s give every row once', async (order) => {
    const ids = (nodes: Connection['nodes']) => nodes.map((node) => node['id']);
    const all = ids((await house.connection(analyst, 'customers', `{ customers(first: 100, orderBy: ${order}) { nodes { id } } }`)).nodes);
    expect(new Set(all).size).toBe(30);
    const forward: unknown[] = [];
    let after = '';
    for (let more = true; more;) {
      const { nodes, edges, pageInfo } = await house.connection(analyst, 'customers', page(`first: 7, orderBy: ${order}${after && `, after: "${after}"`}`));
      forward.push(...ids(nodes));
      expect(pageInfo.endCursor).toBe(edges.at(-1)?.cursor);
      expect(pageInfo.startCursor).toBe(edges[0]?.cursor);
      after = pageInfo.endCursor;
      more = pageInfo.hasNextPage;
    }
    expect(forward).toEqual(all);
    const backward: unknown[] = [];
    let before = '';
    for (let more = true; more;) {
      const { nodes, pageInfo } = await house.connection(analyst, 'customers', page(`last: 7, orderBy: ${order}${before && `, before: "${before}"`}`));
      backward.unshift(...ids(nodes));
      before = pageInfo.startCursor;
      more = pageInfo.hasPreviousPage;
    }
    expect(backward).toEqual(all);
  });

  test('refuses cursors that are damaged or belong to another order', async () => {
    const cursor = (await house.connection(analyst, 'customers', page('first: 1'))).pageInfo.endCursor;
    for (const [args, name] of [
      [`orderBy: [{ country: ASC }], after: "${cursor}"`, 'order'],
      ['after: "abc"', 'damaged'],
      [`after: "${cursor.slice(3)}"`, 'cut'],
    ] as const) {
      expect((await house.query(analyst, page(`first: 1, ${args}`))).errors, name).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    }
    // Another principal, with other grants.
    expect((await house.query(agent, page(`first: 1, after: "${cursor}"`))).errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
  });

  test('knows its bounds', async () => {
    expect((await house.query(analyst, page('first: 0'))).data['customers']).toEqual({
      nodes: [],
      edges: [],
      pageInfo: { hasNextPage: true, hasPreviousPage: false, startCursor: null, endCursor: null },
    });
    expect((await house.query(analyst, page('first: 5, offset: 28'))).data['customers']).toMatchObject({
      nodes: [{ id: '29' }, { id: '30' }],
      pageInfo: { hasNextPage: false, hasPreviousPage: true },
    });
    for (const args of ['first: -1', 'first: 1001', 'first: 1, last: 1', 'last: 1, offset: 1', 'offset: -1']) {
      expect((await house.query(analyst, page(args))).errors, args).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    }
  });
});

describe('filters', () => {
  const ids = async (where: string, variables = {}) => {
    const { data, errors } = await house.query(
      analyst,
      `query Q($v: [BigInt!]) { customers(first: 100, where: ${where}) { nodes { id } } ${where.includes('$v') ? '' : 'x: customers(first: 0, where: { id: { in: $v } }) { __typename }'} }`,
      variables,
    );
    return errors ? errors[0]?.extensions['code'] : data['customers']?.nodes.map((node) => Number(node['id']));
  };

  test.each([
    ['{ id: { in: [] } }', []],
    ['{ and: [], id: { lte: 2 } }', [1, 2]],
    ['{ or: [] }', []],
    ['{ id: { between: [2, 4], ne: 3 } }', [2, 4]],
    ['{ country: { isNull: true }, id: { lt: 9 } }', [2, 5, 8]],
    ['{ not: { country: { eq: "DE" } }, id: { lt: 5 } }', [1, 4]],
    ['{ id: { notIn: ["1", 2], lt: 5 } }', [3, 4]],
    ['{ balance: { eq: "4.5" } }', [3]],
    ['{ seenAt: { gt: "2026-01-02T05:30:00.5+02:00" } }', [28, 29, 30]],
    ['{ birthDate: { eq: "1958-01-01" } }', [30]],
    ['{ country: { eqInsensitive: "de", startsWith: "D", endsWith: "E", contains: "", like: "D_", matches: "^[A-E]{2}$" }, id: { lt: 7 } }', [3, 6]],
    ['{ country: { inInsensitive: ["fr"], matchesInsensitive: "^F", likeInsensitive: "%r" }, id: { lt: 7 } }', [1, 4]],
    ['{ labels: { contains: ["b1"] }, id: { lt: 4 } }', [1, 3]],
    ['{ labels: { overlaps: [], containedBy: ["a"] } }', []],
    ['{ details: { contains: { n: 5 }, hasKey: "n" } }', [5]],
    ['{ orders: { some: { amount: { eq: 20 } } } }', [3]],
    ['{ orders: { every: { amount: { lt: 700 } } }, id: { lt: 12 } }', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]].map((v, i) =>
      i === 1 ? [2, 3, 4, 5, 6, 7, 8, 9, 10] : v,
    ) as [string, number[]],
    ['{ orders: { none: { amount: { lt: 290 } } } }', [30, 1].toSorted((a, b) => a - b)],
    ['{ country: { eq: null } }', 'BAD_USER_INPUT'],
    ['{ country: null }', 'BAD_USER_INPUT'],
    ['{ id: { between: [1] } }', 'BAD_USER_INPUT'],
    ['{ country: { matches: "(" } }', 'BAD_USER_INPUT'],
    ['{ country: { like: "a\\\\" } }', 'BAD_USER_INPUT'],
    ['{ country: { eq: "a\\u0000" } }', 'BAD_USER_INPUT'],
    ['{ id: { eq: "9223372036854775808" } }', 'GRAPHQL_VALIDATION_FAILED'],
    ['{ birthDate: { eq: "2026-02-30" } }', 'GRAPHQL_VALIDATION_FAILED'],
    ['{ id: { eq: { a: 1 } } }', 'GRAPHQL_VALIDATION_FAILED'],
  ])('%s', async (where, expected) => {
    expect(await ids(where)).toEqual(expected);
  });

  test('see masked values as the principal does', async () => {
    const { nodes } = await house.connection(analyst, 'customers', '{ customers(first: 1) { nodes { email } } }');
    const email = String(nodes[0]?.['email']);
    expect(await ids(`{ email: { eq: "${email}" } }`)).toEqual([1]);
    expect(await ids('{ email: { eq: "user1@example.com" } }')).toEqual([]);
  });

  test('take variables, and refuse what is too much', async () => {
    expect(await ids('{ id: { in: $v } }', { v: ['5', 6] })).toEqual([5, 6]);
    const { errors } = await house.query(analyst, '{ customers(first: 1000) { nodes { id orders(first: 1000) { nodes { id } } } } }');
    expect(errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COMPLEX', price: 1_002_000, limit: 20_000 } }]);
  });
});

test('every read and every refusal is on the record, without values', async () => {
  house.facts.length = 0;
  await house.query(analyst, '{ customers(first: 3, where: { country: { eq: "DE" } }) { nodes { id email name orders(first: 1) { nodes { amount } } } } }');
  await house.query(partner, '{ customers(where: { email: { eq: "user1@example.com" } }) { totalCount } }');
  expect(
    house.facts.map(({ actor, action, dataset, fields, masked, decision, rowCount, details }) => ({
      who: actor.subject,
      action,
      dataset,
      fields,
      masked,
      decision,
      rowCount,
      details,
    })),
  ).toEqual([
    {
      who: 'analyst',
      action: 'read',
      dataset: 'customers',
      fields: ['country', 'id'],
      masked: ['email'],
      decision: 'ALLOWED',
      rowCount: 3,
      details: undefined,
    },
    {
      who: 'analyst',
      action: 'read',
      dataset: 'orders',
      fields: ['customer_id', 'amount'],
      masked: [],
      decision: 'ALLOWED',
      rowCount: 3,
      details: undefined,
    },
    {
      who: 'analyst',
      action: 'read',
      dataset: 'customers',
      fields: undefined,
      masked: undefined,
      decision: 'DENIED',
      rowCount: undefined,
      details: { code: 'FORBIDDEN', fields: ['name'] },
    },
    {
      who: 'partner',
      action: 'read',
      dataset: 'customers',
      fields: undefined,
      masked: undefined,
      decision: 'DENIED',
      rowCount: undefined,
      details: { code: 'FORBIDDEN', fields: ['email'] },
    },
  ]);
  expect(JSON.stringify(house.facts)).not.toContain('user1@');
});

test('a request that comes when all has stopped is refused, and waits for nothing', async () => {
  const late = await House.open();
  await late.apply('kind: Dataset\nname: things\nfields: [{ name: id, type: integer }]');
  expect((await late.query(ANONYMOUS, '{ things { totalCount } }')).errors?.[0]?.extensions['code']).toBe('UNAUTHENTICATED');
  await late.close();
  await expect(late.query(ANONYMOUS, '{ things { totalCount } }')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

test('what an operation selects is kept only where its variables are nothing but values', async () => {
  const variants: readonly [query: string, variables: Record<string, unknown>[]][] = [
    ['query ($n: Int) { customers(first: $n, orderBy: [{ id: ASC }]) { nodes { id } } }', [{ n: 1 }, { n: 2 }, {}, { n: null }]],
    ['query ($o: SortDirection!) { customers(first: 2, orderBy: [{ id: $o }]) { nodes { id } } }', [{ o: 'ASC' }, { o: 'DESC' }]],
    ['query ($o: [CustomerOrderBy!]) { customers(first: 2, orderBy: $o) { nodes { id } } }', [{ o: [{ id: 'ASC' }] }, { o: [{ id: 'DESC' }] }, {}]],
    ['query ($b: Boolean) { customers(where: { country: { isNull: $b } }) { totalCount } }', [{ b: true }, { b: false }]],
    ['query ($w: CustomerWhere) { customers(where: $w) { totalCount } }', [{ w: { id: { eq: '1' } } }, { w: {} }, {}, { w: null }]],
    ['query ($c: String) { customers(where: { country: { eq: $c } }) { totalCount } }', [{ c: 'DE' }, { c: 'FR' }, { c: null }, {}, { c: 'a\0' }]],
    ['query ($c: [String!]) { customers(where: { country: { in: $c } }) { totalCount } }', [{ c: ['DE', 'FR'] }, { c: [] }, { c: 'DE' }, { c: null }]],
    ['query ($c: String!) { customers(where: { country: { in: [$c, "FR"] } }) { totalCount } }', [{ c: 'DE' }, { c: 'IT' }]],
    ['query ($l: String!) { customers(where: { country: { like: $l } }) { totalCount } }', [{ l: 'D%' }, { l: 'D\\' }, { l: '%' }]],
    ['query ($m: String!) { customers(where: { country: { matches: $m } }) { totalCount } }', [{ m: '^D' }, { m: '(' }]],
    ['query ($s: Boolean!) { customers(first: 1, orderBy: [{ id: ASC }]) { nodes { id country @skip(if: $s) } } }', [{ s: true }, { s: false }]],
    ['query ($s: Boolean!) { customers @include(if: $s) { totalCount } }', [{ s: true }, { s: false }]],
    [
      'query ($a: BigInt!, $b: BigInt!) { customers(where: { id: { between: [$a, $b] } }) { totalCount } }',
      [
        { a: 1, b: 2 },
        { a: 2, b: 9 },
      ],
    ],
    ['query ($i: BigInt!) { customersByKey(id: $i) { id country } }', [{ i: 1 }, { i: '2' }, { i: 'x' }, {}]],
    ['query ($i: BigInt = 1) { customers(where: { id: { eq: $i } }) { nodes { id } } }', [{}, { i: 2 }, { i: null }]],
    ['query ($i: BigInt!) { ...F } fragment F on Query { a: customersByKey(id: $i) { id } b: customersByKey(id: $i) { id } }', [{ i: 1 }, { i: 2 }]],
    [
      'query ($c: String, $n: Boolean) { customers(where: { or: [{ country: { eq: $c } }, { country: { isNull: $n } }] }) { totalCount } }',
      [
        { c: 'DE', n: true },
        { c: 'DE', n: false },
      ],
    ],
  ];
  for (const [query, all] of variants) {
    // In both orders: the first one makes what the others use. The house compares each answer with one by the long way.
    for (const variables of [...all, ...all.toReversed()]) await house.query(analyst, query, variables);
  }
});
