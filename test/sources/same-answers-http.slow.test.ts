import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFixture } from '../cases/open-fixture.js';
import type { ApiServer } from '../support/api-server.js';
import { House } from '../support/house.js';
import { serveGraphql } from './graphql-server.js';
import { CASES, cases, expectSameAnswer, LIMITS, StoredAnswers } from './query-cases.js';
import { rowsOf, serveRows, type Tables } from './rows-server.js';

/** The query cases again, over datasets whose rows an API gives. Whatever is asked, and by whom, the bytes of the answer are the same. */
const TABLES = ['countries', 'customers', 'orders', 'watchlist'];

/** Customers by page, with filters and by key; orders in one piece; countries by their code alone, and as a list; the watch list in a list. */
const HTTP: Readonly<Record<string, string>> = {
  countries:
    'list: { path: /countries, items: /data, pages: { by: page, parameter: page, size: { parameter: per_page, rows: 2 } } }, get: { path: "/countries/{code}", item: /item }',
  customers: `list: { path: /customers, items: /data, count: /meta/total, order: { parameter: sort, by: { id: { asc: id, desc: -id } } },
    filters: { id: { in: id }, country: { eq: country }, tier: { eq: tier, gte: tier_from, lte: tier_to } },
    pages: { by: page, parameter: page, size: { parameter: per_page, rows: 4 } } }, batch: { path: /customers, items: /data, parameter: id }`,
  orders: 'list: { path: /orders, items: /data, filters: { customer_id: { eq: customer_id } } }',
  watchlist: 'list: { path: /watchlist, items: /data }',
};

const graphqlRows = (table: string, filters: string, more = '') =>
  `list: { field: ${table}, items: ${table === 'orders' ? '/edges' : '/nodes'}, arguments: { where: ${table}Where, first: 'Int!', after: String }, ${filters} pages: { by: cursor, argument: after, size: { argument: first, rows: 2 } } }${more}`;

const GRAPHQL: Readonly<Record<string, string>> = {
  countries: graphqlRows('countries', '', ', get: { field: countriesBy, arguments: { key: "ID!" }, keys: { code: key } }'),
  customers: graphqlRows(
    'customers',
    'count: /total, filters: { id: { in: /where/id }, country: { in: /where/country } },',
    ', batch: { field: customersOf, argument: keys, arguments: { keys: "[ID!]!" } }',
  ),
  orders: graphqlRows('orders', 'item: /node, filters: { customer_id: { in: /where/customer_id } },'),
  watchlist: graphqlRows('watchlist', ''),
};

function atApi(text: string, kind: 'http' | 'graphql'): string {
  const rows = kind === 'http' ? HTTP : GRAPHQL;
  return text.replaceAll(
    /name: (countries|customers|orders|watchlist)\ntypeName/g,
    (_, name: string) => `name: ${name}\nsource: shop\n${kind}: { ${rows[name] ?? ''} }\ntypeName`,
  );
}

let stored: House;
let answers: StoredAnswers;
let tables: Tables;

beforeAll(async () => {
  stored = await openFixture(LIMITS);
  stored.asksTwice = false;
  answers = new StoredAnswers(stored);
  tables = await rowsOf(stored, TABLES);
});

afterAll(() => stored?.close());

describe.each(['http', 'graphql'] as const)('over %s', (kind) => {
  let api: ApiServer;
  let live: House;

  beforeAll(async () => {
    api = kind === 'http' ? await serveRows(tables) : (await serveGraphql(tables)).api;
    live = await House.open(LIMITS);
    // The second way to an answer is the same for both kinds.
    live.asksTwice = kind === 'http';
    live.secrets.set('HEADGATE_SECRET_SHOP', api.url);
    await live.apply(`kind: Source\nname: shop\ntype: ${kind}\nurl: \${HEADGATE_SECRET_SHOP}\n`);
    for (const file of ['1-datasets.yaml', '2-grants.yaml']) await live.apply(atApi(readFileSync(join(CASES, 'fixture', file), 'utf8'), kind));
  });

  afterAll(async () => {
    await live?.close();
    await api?.close();
  });

  test.for(cases)('$name: $who', async (asked) => {
    live.statements.length = 0;
    await expectSameAnswer(asked, live, answers);
    for (const { text } of live.statements) expect(text).not.toContain('"data"');
  });
});
