import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { json, type ApiServer, type Answering } from '../support/api-server.js';
import { House, principal } from '../support/house.js';
import { pageOf, serveRows, type Row, type Tables } from './rows-server.js';
import { serveGraphql, type GraphqlAsked } from './graphql-server.js';

/** Customers and their orders stay at an API, the countries of customers at a GraphQL API, and the shops of orders are stored here. */
const MANIFESTS = `
kind: Source
name: crm
type: http
url: \${HEADGATE_SECRET_CRM}
timeout: 1s
---
kind: Source
name: geo
type: graphql
url: \${HEADGATE_SECRET_GEO}
timeout: 3s
---
kind: Dataset
name: customers
source: crm
http:
  list:
    path: /customers
    items: /data
    filters:
      id: { in: id, gt: id_above, lt: id_below }
      country: { eq: country }
      tier: { eq: tier, gte: tier_from, lte: tier_to }
      name: { in: name }
    pages: { by: page, parameter: page, size: { parameter: per_page, rows: 10 } }
    order: { parameter: sort, by: { id: { asc: id, desc: -id } } }
  get: { path: '/customers/{id}', item: /item }
  batch: { path: /customers, items: /data, parameter: id, max: 20 }
  limits: { rows: 40, requests: 6, bytes: 200000 }
fields:
  - { name: id, type: bigint }
  - { name: name, type: text }
  - { name: country, type: text }
  - { name: tier, type: integer }
  - { name: email, type: text, tags: [pii.email] }
key: [id]
relations:
  - { name: orders, to: orders, on: { id: customer_id }, many: true }
  - { name: home, to: countries, on: { country: code } }
---
kind: Dataset
name: orders
source: crm
http:
  list: { path: /orders, items: /data, filters: { customer_id: { in: customer_id } }, pages: { by: page, parameter: page, size: { parameter: per_page, rows: 50 } } }
  limits: { rows: 100 }
fields:
  - { name: id, type: bigint }
  - { name: customer_id, type: bigint }
  - { name: amount, type: decimal }
  - { name: shop_id, type: integer }
key: [id]
relations:
  - { name: customer, to: customers, on: { customer_id: id } }
  - { name: shop, to: shops, on: { shop_id: id } }
---
kind: Dataset
name: countries
source: geo
graphql:
  list: { field: countries, items: /nodes, arguments: { where: countriesWhere, first: 'Int!', after: String }, pages: { by: cursor, argument: after, size: { argument: first, rows: 2 } } }
  get: { field: countriesBy, arguments: { key: ID! }, keys: { code: key } }
  batch: { field: countriesOf, argument: keys, arguments: { keys: '[ID!]!' } }
fields:
  - { name: code, type: text }
  - { name: full_name, type: text }
  - { name: population, type: bigint }
key: [code]
relations:
  - { name: customers, to: customers, on: { code: country }, many: true }
---
kind: Dataset
name: shops
fields: [{ name: id, type: integer }, { name: city, type: text }]
key: [id]
relations:
  - { name: orders, to: orders, on: { id: shop_id }, many: true }
---
kind: Grant
name: all
to: { roles: [all] }
on: { datasets: [customers, orders, countries, shops] }
fields: { '*': allow }
---
kind: Grant
name: of-their-country
to: { roles: [local] }
on: { datasets: [customers] }
rows: country = claim('country')
fields: { '*': allow, email: { mask: email } }
---
kind: Grant
name: with-short-names
to: { roles: [odd] }
on: { datasets: [customers] }
rows: length(name) < 11
discloses: [name]
fields: { id: allow, tier: allow, country: allow }
---
kind: Grant
name: numbers
to: { roles: [planner] }
on: { datasets: [customers] }
aggregateOnly: { dimensions: [country], measures: [tier], minGroup: 2 }
`;

const COUNTRIES = ['DE', 'FR', 'IS'];
const customers: readonly Row[] = Array.from({ length: 60 }, (_, i) => ({
  id: i + 1,
  name: `customer ${i + 1}`,
  country: COUNTRIES[i % 3],
  tier: i % 20,
  email: `canary${i + 1}@example.com`,
  secret: 'not in the contract',
}));
const orders: readonly Row[] = customers
  .slice(0, 30)
  .map((customer, i) => ({ id: 1000 + i, customer_id: customer['id'], amount: i + 0.5, shop_id: 1 + (i % 2) }));
const tables: Tables = {
  customers,
  orders,
  countries: COUNTRIES.map((code, i) => ({ code, full_name: `country ${code}`, population: 1000 * (i + 1) })),
};

const everyone = principal({ roles: ['all'] });
let crm: ApiServer;
let geo: { readonly api: ApiServer; readonly asked: GraphqlAsked[] };
let house: House;
let honest: Answering;

beforeAll(async () => {
  crm = await serveRows(tables);
  honest = crm.answer;
  geo = await serveGraphql({ countries: tables['countries'] ?? [] });
  house = await House.open({ maxCost: 1_000_000, maxPage: 1_000, maxDepth: 20 });
  house.asksTwice = false;
  house.secrets.set('HEADGATE_SECRET_CRM', crm.url).set('HEADGATE_SECRET_GEO', geo.api.url);
  await house.apply(MANIFESTS);
  await house.database.query("INSERT INTO data.shops (id, city) VALUES (1, 'Bonn'), (2, 'Lyon')");
});

afterAll(async () => {
  await house?.close();
  await crm?.close();
  await geo?.api.close();
});

beforeEach(() => {
  crm.answer = honest;
  crm.asked.length = 0;
  geo.asked.length = 0;
  house.facts.length = 0;
});

const asked = () => crm.asked.map(({ path, query }) => `${path}?${query.toString()}`).toSorted();

/** The pages of a list, whatever the order in which they came. */
function answering(rows: readonly Row[], more: (page: readonly Row[]) => unknown = (data) => ({ data })): void {
  crm.answer = (request, response) => json(response, more(pageOf(rows, request).data));
}

describe('what is asked of the API', () => {
  test('are the filters that it has, of reader and grant together, and nothing else', async () => {
    const { data, errors } = await house.query(
      principal({ roles: ['local'], claims: { country: 'DE' } }),
      '{ customers(where: { tier: { gte: 3, lte: 5 }, email: { startsWith: "c" }, not: { name: { eq: "customer 4" } } }) { totalCount nodes { id tier email } } }',
    );
    expect(errors).toBeUndefined();
    expect(data['customers']?.nodes.length).toBe(data['customers']?.totalCount);
    expect(data['customers']?.nodes[0]).toEqual({ id: '25', tier: 4, email: 'c***@example.com' });
    expect(Object.fromEntries(crm.asked[0]?.query ?? [])).toEqual({ country: 'DE', tier_from: '3', tier_to: '5', per_page: '10', page: '1' });
    expect(crm.asked.every(({ query }) => query.get('country') === 'DE')).toBe(true);
  });

  test('never of rows that the grant does not show, whatever else is asked for', async () => {
    const { data } = await house.query(
      principal({ roles: ['local'], claims: { country: 'DE' } }),
      '{ customers(where: { country: { in: ["FR", "IS"] } }) { totalCount } }',
    );
    expect(data['customers']?.totalCount).toBe(0);
    expect(crm.asked).toEqual([]);
    await house.query(
      principal({ roles: ['local'], claims: { country: 'DE' } }),
      '{ customers(where: { or: [{ country: { eq: "DE" } }, { tier: { eq: 1 } }] }) { totalCount } }',
    );
    expect(crm.asked.every(({ query }) => query.getAll('country').join() === 'DE')).toBe(true);
  });

  test('a filter by what is masked, or by a field without a parameter, is done here', async () => {
    const { data } = await house.query(
      principal({ roles: ['local'], claims: { country: 'DE' } }),
      '{ customers(where: { email: { eq: "c***@example.com" } }) { totalCount } other: customers(where: { email: { eq: "canary1@example.com" } }) { totalCount } }',
    );
    expect([data['customers']?.totalCount, data['other']?.totalCount]).toEqual([20, 0]);
    // Both roots need the same rows, which are fetched once: two pages, and one that has none.
    expect(asked()).toEqual([1, 2, 3].map((page) => `/customers?country=DE&per_page=10&page=${page}`));
  });

  test('a row is got by its key, several in batches, under aliases and as entities', async () => {
    const { data } = await house.query(everyone, '{ customersByKey(id: "7") { name } }');
    expect(data['customersByKey']).toEqual({ name: 'customer 7' });
    expect(asked()).toEqual(['/customers/7?']);
    crm.asked.length = 0;
    const several = await house.query(
      everyone,
      '{ a: customersByKey(id: "1") { name } b: customersByKey(id: "999") { name } c: customersByKey(id: "3") { id } }',
    );
    expect(several.data).toEqual({ a: { name: 'customer 1' }, b: null, c: { id: '3' } });
    expect(asked()).toHaveLength(2);
    crm.asked.length = 0;
    const ids = Array.from({ length: 30 }, (_, i) => `"${i + 1}"`).join(', ');
    const listed = await house.query(everyone, `{ customers(where: { id: { in: [${ids}] } }) { totalCount } }`);
    expect(listed.data['customers']?.totalCount).toBe(30);
    expect(crm.asked.map(({ query }) => query.getAll('id').length)).toEqual([20, 10]);
  });

  test('no value leaves its segment of a path or its parameter', async () => {
    const nasty = ['../orders', '..', 'a/b?c=d&e#f', 'x&country=FR', '%2e%2e', 'Ünï'];
    for (const name of nasty) {
      crm.asked.length = 0;
      const { errors, data } = await house.query(everyone, 'query ($name: String!) { customers(where: { name: { in: [$name] } }) { totalCount } }', { name });
      expect(errors).toBeUndefined();
      expect(data['customers']?.totalCount).toBe(0);
      expect(crm.asked.map(({ path }) => path)).toEqual(['/customers']);
      expect(crm.asked[0]?.query.getAll('name')).toEqual([name]);
      expect(crm.asked[0]?.query.get('country')).toBeNull();
    }
  });

  test('nothing is asked where nothing can come: an empty list, a claim that is missing', async () => {
    const { data } = await house.query(everyone, '{ customers(where: { id: { in: [] } }) { totalCount } }');
    expect(data['customers']?.totalCount).toBe(0);
    const other = await house.query(principal({ roles: ['local'] }), '{ customers { totalCount nodes { id } } }');
    expect(other.data['customers']).toEqual({ totalCount: 0, nodes: [] });
    expect(crm.asked).toEqual([]);
  });

  test('a page in the order of the key is all that is fetched, forward and backward, behind a cursor', async () => {
    const seen: string[] = [];
    for (let after = '', more = true; more;) {
      crm.asked.length = 0;
      const { nodes, pageInfo } = await house.connection(
        everyone,
        'customers',
        `{ customers(first: 25${after}) { nodes { id } pageInfo { hasNextPage endCursor } } }`,
      );
      seen.push(...nodes.map(({ id }) => String(id)));
      expect(crm.asked.length).toBeLessThanOrEqual(3);
      expect(crm.asked[0]?.query.get('sort')).toBe('id');
      after = `, after: "${pageInfo.endCursor}"`;
      more = pageInfo.hasNextPage;
    }
    expect(seen).toEqual(customers.map(({ id }) => String(id)));
    crm.asked.length = 0;
    const last = await house.connection(
      everyone,
      'customers',
      '{ customers(last: 3, where: { country: { eq: "FR" } }) { nodes { id } pageInfo { hasPreviousPage } } }',
    );
    expect(last).toMatchObject({ nodes: [{ id: '53' }, { id: '56' }, { id: '59' }], pageInfo: { hasPreviousPage: true } });
    expect(asked()).toEqual(['/customers?country=FR&sort=-id&per_page=4&page=1']);
  });

  test.each([
    [
      'link',
      'pages: { by: link }',
      ({ query }: { query: URLSearchParams }, port: number): [unknown, Record<string, string>] => {
        const page = Number(query.get('from') ?? 0);
        const rows = customers.slice(page, page + 7);
        return [rows, page + 7 < 21 ? { link: `<http://127.0.0.1:${port}/customers?from=${page + 7}>; rel="next"` } : {}];
      },
    ],
    [
      'cursor',
      'items: /rows, pages: { by: cursor, parameter: from, next: /next }',
      ({ query }: { query: URLSearchParams }): [unknown, Record<string, string>] => {
        const page = Number(query.get('from') ?? 0);
        return [{ rows: customers.slice(page, page + 7), next: page + 7 < 21 ? page + 7 : null }, {}];
      },
    ],
    [
      'url',
      'items: /rows, pages: { by: url, next: /links/next, more: /links/more }',
      ({ query }: { query: URLSearchParams }, port: number): [unknown, Record<string, string>] => {
        const page = Number(query.get('from') ?? 0);
        const next = `http://127.0.0.1:${port}/customers?from=${page + 7}`;
        return [{ rows: customers.slice(page, page + 7), links: { next, more: page + 7 < 21 } }, {}];
      },
    ],
    [
      'offset',
      'items: /rows, count: /total, pages: { by: offset, parameter: from }',
      ({ query }: { query: URLSearchParams }): [unknown, Record<string, string>] => {
        const page = Number(query.get('from') ?? 0);
        return [{ rows: customers.slice(page, Math.min(page + 7, 21)), total: 21 }, {}];
      },
    ],
  ])('all pages, by %s', async (by, list, answer) => {
    crm.answer = (request, response) => json(response, ...answer(request, crm.port));
    await house.apply(
      `kind: Dataset\nname: by_${by}\nsource: crm\nhttp: { list: { path: /customers, ${list} } }\nfields: [{ name: id, type: integer }]\nkey: [id]\n---\nkind: Grant\nname: by_${by}\nto: { roles: [all] }\non: { datasets: [by_${by}] }\nfields: { '*': allow }\n`,
    );
    crm.asked.length = 0;
    const root = `by${by[0]?.toUpperCase() ?? ''}${by.slice(1)}`;
    expect(await house.connection(everyone, root, `{ ${root}(last: 2) { totalCount nodes { id } } }`)).toEqual({
      totalCount: 21,
      nodes: [{ id: 20 }, { id: 21 }],
    });
    expect(crm.asked).toHaveLength(3);
  });

  test.each([
    ['nothing where it should be told whether more follow', { rows: customers.slice(0, 7), next: 7 }, 'there is no true or false at /more'],
    ['that more follow, and not where', { rows: customers.slice(0, 7), more: true }, '/more says that more pages follow, and not where they are'],
  ])('%s is no answer, since rows would be missing', async (_, body, message) => {
    crm.answer = (__, response) => json(response, body);
    const list = '{ path: /c, items: /rows, pages: { by: cursor, parameter: from, next: /next, more: /more } }';
    const applied = house.apply(`kind: Dataset\nname: cut\nsource: crm\nhttp: { list: ${list} }\nfields: [{ name: id, type: integer }]\nkey: [id]\n`);
    await expect(applied).rejects.toThrow(message);
  });

  test('of a GraphQL API, only the fields that are wanted, with values in variables', async () => {
    const { data } = await house.query(
      everyone,
      '{ countries(where: { fullName: { endsWith: "FR" } }) { nodes { code } } countriesByKey(code: "DE\\") { x } #") { population } }',
    );
    expect(data).toMatchObject({ countries: { nodes: [{ code: 'FR' }] }, countriesByKey: null });
    const list = geo.asked.filter(({ query }) => query.includes('rows: countries('));
    expect(list.map(({ variables }) => variables)).toEqual([{ first: 2 }, { first: 2, after: '2' }]);
    expect(geo.asked.find((asking) => !list.includes(asking))).toEqual({
      query: 'query Headgate($key: ID!) { rows: countriesBy(key: $key) { code population } }',
      variables: { key: 'DE") { x } #' },
    });
    for (const { query } of geo.asked) expect(query).not.toContain('#');
  });
});

describe('limits', () => {
  test('refuse what would take more rows, with the filters that make it fewer: never a part of the answer', async () => {
    for (const query of [
      '{ customers { totalCount } }',
      '{ customers(first: 5, orderBy: { name: ASC }) { nodes { id } } }',
      '{ customers { aggregate { max { tier } } } }',
      '{ customers { groupBy(keys: [{ country: true }]) { aggregate { count } } } }',
    ]) {
      const { data, errors } = await house.query(everyone, query);
      expect(data['customers']).toBeNull();
      expect(errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COMPLEX', source: 'crm', limit: 40, filters: ['id', 'name', 'country', 'tier'] } }]);
      expect(errors?.[0]?.message).toContain('id (eq, in, gt, lt)');
    }
    const { data } = await house.query(everyone, '{ customers(where: { country: { eq: "DE" } }) { totalCount aggregate { max { tier } } } }');
    expect(data['customers']).toMatchObject({ totalCount: 20, aggregate: { max: { tier: 19 } } });
  });

  test('hold for requests and bytes too', async () => {
    answering(customers.slice(0, 39), (data) => ({ data: data.slice(0, 3) }));
    crm.answer = ({ query }, response) => json(response, { data: customers.slice((Number(query.get('page')) - 1) * 3, Number(query.get('page')) * 3) });
    expect((await house.query(everyone, '{ customers { totalCount } }')).errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COMPLEX', limit: 6 } }]);
    crm.answer = (_, response) => json(response, { data: [], filler: 'x'.repeat(300_000) });
    expect((await house.query(everyone, '{ customers { totalCount } }')).errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COMPLEX', limit: 200_000 } }]);
  });

  test('do not tell how many hidden rows meet a filter: where hidden rows would be fetched, what is asked for does not decide how many', async () => {
    const odd = principal({ roles: ['odd'] });
    const few = await house.query(odd, '{ customers(where: { tier: { eq: 1 } }) { totalCount } }');
    expect(few.errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COMPLEX', filters: ['id'] } }]);
    expect(crm.asked.every(({ query }) => !query.has('tier'))).toBe(true);
    // With as many keys as rows may be fetched, one more row than that would tell that a hidden one is there.
    crm.asked.length = 0;
    const ids = Array.from({ length: 41 }, (_, i) => `"${i + 1}"`).join(', ');
    const many = await house.query(odd, `{ customers(where: { id: { in: [${ids}] } }) { totalCount } }`);
    expect(many.errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COMPLEX', limit: 40 } }]);
    expect(crm.asked.every(({ query }) => !query.has('id'))).toBe(true);
    // By the key there are no more rows than keys, and as many requests whether they are there or not.
    const { data } = await house.query(odd, '{ customers(where: { id: { in: ["1", "2", "50"] } }) { nodes { id } } }');
    expect(data['customers']?.nodes).toEqual([{ id: '1' }, { id: '2' }]);
  });

  test('cells of an aggregate-only grant are made of all rows, whatever is asked', async () => {
    const planner = principal({ roles: ['planner'] });
    answering(customers.slice(0, 30));
    const query = '{ customers(where: { country: { eq: "DE" } }) { aggregate { count sum { tier } } } }';
    const { data, errors } = await house.query(planner, query);
    expect(errors).toBeUndefined();
    expect(data['customers']).toMatchObject({ aggregate: { count: '10' } });
    expect(crm.asked.every(({ query: asking }) => !asking.has('country'))).toBe(true);
  });
});

describe('an API that lies', () => {
  const local = principal({ roles: ['local'], claims: { country: 'DE' } });

  test('and ignores its filters shows nobody more: the row filter is applied to what came', async () => {
    answering(customers.slice(0, 30).map((row) => row));
    crm.answer = ({ query }, response) => json(response, { data: query.get('page') === '1' ? customers.slice(0, 30) : [] });
    const { data } = await house.query(local, '{ customers(where: { tier: { eq: 3 } }) { totalCount nodes { id country } } }');
    expect(data['customers']).toEqual({ totalCount: 1, nodes: [{ id: '4', country: 'DE' }] });
    const byKey = await house.query(local, '{ customersByKey(id: "2") { id } }');
    expect(byKey.data['customersByKey']).toBeNull();
  });

  test('and gives another row than the one that was asked for gives none', async () => {
    crm.answer = (_, response) => json(response, { item: customers[0] });
    expect((await house.query(everyone, '{ customersByKey(id: "9") { name } }')).data['customersByKey']).toBeNull();
  });

  test('and gives rows twice, of one page and of two, gives them once', async () => {
    crm.answer = ({ query }, response) => json(response, { data: Number(query.get('page')) <= 2 ? [customers[0], customers[0], customers[1]] : [] });
    const { data } = await house.query(everyone, '{ customers(orderBy: { name: ASC }) { totalCount nodes { id } } }');
    expect(data['customers']).toEqual({ totalCount: 2, nodes: [{ id: '1' }, { id: '2' }] });
  });

  test('and does not keep to a page that was to be enough is read whole', async () => {
    // It ignores country, so that only a third of its first rows are wanted.
    crm.answer = ({ query }, response) => {
      query.delete('country');
      json(response, pageOf(customers.slice(0, 30), { query }));
    };
    const { data } = await house.query(everyone, '{ customers(first: 5, where: { country: { eq: "IS" } }) { nodes { id } pageInfo { hasNextPage } } }');
    expect(data['customers']).toEqual({ nodes: [3, 6, 9, 12, 15].map((id) => ({ id: String(id) })), pageInfo: { hasNextPage: true } });
  });

  test('and gives values of other types gives null for them, and no error that depends on a row', async () => {
    const odd: readonly Row[] = [
      { id: 1, name: { deep: 1 }, country: ['DE'], tier: 'many', email: 'a\u0000b' },
      { id: '2', name: 5, country: true, tier: 1.5, email: '\ud800' },
      { id: 3, name: null, tier: 99999999999, email: 12345678901234567890n.toString() },
      { id: 4, name: 'now', country: 'DE', tier: '4', email: '{"__proto__": 1}' },
      { __proto__: null, name: 'without a key' },
      { id: 'none', name: 'with a bad key' },
    ];
    crm.answer = ({ query }, response) => json(response, { data: query.get('page') === '1' ? odd : [] });
    const { data, errors } = await house.query(everyone, '{ customers { totalCount nodes { name country tier email } } }');
    expect(errors).toBeUndefined();
    expect(data['customers']?.totalCount).toBe(6);
    expect(data['customers']?.nodes.slice(0, 4)).toEqual([
      { name: null, country: null, tier: null, email: null },
      { name: '5', country: 'true', tier: null, email: null },
      { name: null, country: null, tier: null, email: '12345678901234567890' },
      { name: 'now', country: 'DE', tier: 4, email: '{"__proto__": 1}' },
    ]);
    // A hidden row of which nothing fits raises nothing either.
    expect((await house.query(local, '{ customers(where: { tier: { gt: 3 } }) { nodes { tier } } }')).data['customers']?.nodes).toEqual([{ tier: 4 }]);
  });

  test.each<[string, Answering]>([
    ['a list of no objects', (_, response) => json(response, { data: [1, 'x'] })],
    ['no list', (_, response) => json(response, { data: { canary: 1 } })],
    ['HTML', (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>canary</html>')],
    ['no UTF-8', (_, response) => void response.writeHead(200).end(Buffer.from([0xff, 0xfe, 0x80]))],
    ['a redirect to an address that may not be reached', (_, response) => void response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end()],
    ['a redirect to another port of this machine', (_, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/x' }).end()],
    ['401', (_, response) => void response.writeHead(401).end('canary')],
    ['403', (_, response) => void response.writeHead(403).end('canary')],
    ['400', (_, response) => void response.writeHead(400).end('canary')],
  ])('and answers with %s is not as its contract says', async (_, answer) => {
    crm.answer = answer;
    const { data, errors } = await house.query(everyone, '{ customers { totalCount } }');
    expect(data['customers']).toBeNull();
    expect(errors).toMatchObject([{ path: ['customers'], extensions: { code: 'CONTRACT_VIOLATION', source: 'crm' } }]);
    expect(JSON.stringify(errors)).not.toMatch(/canary|127\.0\.0\.1|169\.254/);
    expect(house.facts.at(-1)).toMatchObject({ dataset: 'customers', decision: 'FAILED', details: { code: 'CONTRACT_VIOLATION' } });
  });

  test('and has pages without an end is stopped', async () => {
    crm.answer = (_, response) => json(response, { data: [customers[0]] });
    expect((await house.query(everyone, '{ customers(where: { country: { eq: "DE" } }) { totalCount } }')).errors).toMatchObject([
      { extensions: { code: 'QUERY_TOO_COMPLEX' } },
    ]);
    expect(crm.asked).toHaveLength(6);
  });

  test('a GraphQL API that answers with an error gives no part of an answer', async () => {
    const { answer } = geo.api;
    geo.api.answer = (_, response) =>
      json(response, { data: { rows: { nodes: [], pageInfo: {} } }, errors: [{ message: 'canary', extensions: { code: 'FORBIDDEN' } }] });
    const { errors } = await house.query(everyone, '{ countries { totalCount } }');
    geo.api.answer = answer;
    expect(errors).toMatchObject([{ extensions: { code: 'CONTRACT_VIOLATION', source: 'geo', reason: 'FORBIDDEN' } }]);
    expect(JSON.stringify(errors)).not.toContain('canary');
  });
});

describe('faults', () => {
  test.each<[string, string, Answering]>([
    [
      'dies in the middle',
      'UNAVAILABLE',
      (_, response) => void response.writeHead(200, { 'content-length': '1000' }).write('{"data": [', () => response.destroy()),
    ],
    ['takes no more for now', 'UNAVAILABLE', (_, response) => void response.writeHead(429, { 'retry-after': '60' }).end()],
    ['is out of order', 'UNAVAILABLE', (_, response) => void response.writeHead(500).end('canary')],
  ])('a source that %s fails its part alone', async (_, code, answer) => {
    crm.answer = answer;
    const { data, errors } = await house.query(everyone, '{ countries(first: 1) { nodes { code customers { nodes { id } } } } }');
    expect(data['countries']?.nodes).toEqual([{ code: 'DE', customers: null }]);
    expect(errors).toMatchObject([{ path: ['countries', 'nodes'], extensions: { code, source: 'crm' } }]);
  });

  test('one that says nothing has its time, and no longer', async () => {
    crm.answer = () => undefined;
    const began = performance.now();
    const { data, errors } = await house.query(everyone, '{ customers(where: { country: { eq: "DE" } }) { totalCount } countries { totalCount } }');
    expect(performance.now() - began).toBeLessThan(3_000);
    expect(data).toMatchObject({ customers: null, countries: { totalCount: 3 } });
    expect(errors).toMatchObject([{ path: ['customers'], extensions: { code: 'TIMEOUT', source: 'crm' } }]);
  });

  test('one that failed several times is left alone for a while, and then asked again', async () => {
    const ask = async () => (await house.query(everyone, '{ customersByKey(id: "7") { name } }')).errors?.[0]?.extensions['code'];
    const status = async () => (await house.sources.states()).find(({ source }) => source.name === 'crm')?.status;
    crm.answer = (_, response) => void response.writeHead(503).end();
    for (let i = 0; i < 5; i++) expect(await ask()).toBe('UNAVAILABLE');
    expect(await status()).toBe('OPEN');
    crm.asked.length = 0;
    expect(await ask()).toBe('UNAVAILABLE');
    expect(crm.asked).toHaveLength(0);
    crm.answer = honest;
    await vi.waitFor(async () => expect(await ask()).toBeUndefined(), { interval: 50, timeout: 5_000 });
    expect(await status()).toBe('OK');
  });

  test('what fails once for a moment is asked again', async () => {
    let times = 0;
    crm.answer = (request, response) => (times++ === 0 ? void response.writeHead(503).end() : honest(request, response));
    const { data, errors } = await house.query(everyone, '{ customersByKey(id: "7") { name } }');
    expect(errors).toBeUndefined();
    expect(data['customersByKey']).toEqual({ name: 'customer 7' });
  });
});

describe('from one place to the next', () => {
  test('store, API, GraphQL API and back, with a request for each level and not for each row', async () => {
    const { data, errors } = await house.query(
      everyone,
      '{ shops(orderBy: { id: ASC }) { nodes { city orders(first: 2, orderBy: { id: ASC }) { totalCount nodes { id customer { name home { fullName } orders { totalCount } } shop { city } } } } } }',
    );
    // There is no filter by shop, so that the orders are fetched whole.
    expect(errors).toBeUndefined();
    expect(data['shops']?.nodes).toEqual([
      {
        city: 'Bonn',
        orders: {
          totalCount: 15,
          nodes: [
            { id: '1000', customer: { name: 'customer 1', home: { fullName: 'country DE' }, orders: { totalCount: 1 } }, shop: { city: 'Bonn' } },
            { id: '1002', customer: { name: 'customer 3', home: { fullName: 'country IS' }, orders: { totalCount: 1 } }, shop: { city: 'Bonn' } },
          ],
        },
      },
      {
        city: 'Lyon',
        orders: {
          totalCount: 15,
          nodes: [
            { id: '1001', customer: { name: 'customer 2', home: { fullName: 'country FR' }, orders: { totalCount: 1 } }, shop: { city: 'Lyon' } },
            { id: '1003', customer: { name: 'customer 4', home: { fullName: 'country DE' }, orders: { totalCount: 1 } }, shop: { city: 'Lyon' } },
          ],
        },
      },
    ]);
    expect(geo.asked).toHaveLength(1);
    expect(geo.asked[0]?.variables).toEqual({ keys: ['DE', 'IS', 'FR'] });
    expect(asked()).toEqual([
      '/customers?id=1&id=3&id=2&id=4',
      '/orders?customer_id=1&customer_id=3&customer_id=2&customer_id=4&per_page=50&page=1',
      '/orders?customer_id=1&customer_id=3&customer_id=2&customer_id=4&per_page=50&page=2',
      '/orders?per_page=50&page=1',
      '/orders?per_page=50&page=2',
    ]);
  });

  test('each row counts in the audit, for the dataset that it is of', async () => {
    await house.query(everyone, '{ customers(first: 3) { nodes { id home { code } orders { nodes { id } } } } }');
    const rows = Object.fromEntries(house.facts.map(({ dataset, rowCount }) => [dataset, rowCount]));
    expect(rows).toEqual({ customers: 3, countries: 3, orders: 3 });
  });
});

test('whoever asks how the sources are is told of APIs that rows stay at', async () => {
  const states = async () => Object.fromEntries((await house.sources.states()).map(({ source, status, error }) => [source.name, error?.code ?? status]));
  expect(await states()).toEqual({ crm: 'OK', geo: 'OK' });
  crm.answer = (_, response) => void response.writeHead(401).end();
  expect(await states()).toEqual({ crm: 'CONTRACT_VIOLATION', geo: 'OK' });
});
