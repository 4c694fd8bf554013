import { afterAll, beforeAll, expect, test } from 'vitest';
import { openFixture } from '../cases/open-fixture.js';
import { ApiServer, json } from '../support/api-server.js';
import { House, principal } from '../support/house.js';
import { serveGraphql } from './graphql-server.js';

/** Another Headgate, as its GraphQL API describes itself. */
const LIMITS = { maxCost: 1_000_000, maxDepth: 20 };
const agent = principal({ roles: ['agent'], claims: { country: 'DE' } });

let there: House;
let api: ApiServer;
let other: ApiServer;
let here: House;

beforeAll(async () => {
  there = await openFixture(LIMITS);
  there.asksTwice = false;
  api = await ApiServer.start(async ({ body }, response) => json(response, (await there.ask(agent, JSON.parse(body) as { query: string })).text));
  ({ api: other } = await serveGraphql({ things: [{ id: 1, long_name: 'a' }] }));
  here = await House.open(LIMITS);
  here.secrets.set('HEADGATE_SECRET_PARTNER', api.url).set('HEADGATE_SECRET_OTHER', other.url);
  await here.apply(
    'kind: Source\nname: partner\ntype: graphql\nurl: ${HEADGATE_SECRET_PARTNER}\n---\nkind: Source\nname: other\ntype: graphql\nurl: ${HEADGATE_SECRET_OTHER}\n',
  );
  here.sources.settle((await here.world()).catalog);
});

afterAll(async () => {
  await here?.close();
  await api?.close();
  await other?.close();
  await there?.close();
});

test('lists, keys, filters, pages and the order of the key are found, applied as they came, and read', async () => {
  const { manifest, datasets, warnings } = await here.sources.import('partner', (await here.world()).catalog, ['customers', 'orders']);
  expect(datasets).toEqual(['customers', 'orders']);
  expect(warnings).toEqual([]);
  expect(manifest.split('---')[0]).toMatchInlineSnapshot(`
    "kind: Dataset
    name: customers
    description: People who bought something.
    fields:
      - name: id
        type: bigint
        required: true
      - name: name
        description: "Tags: pii.name."
        type: text
      - name: email
        description: "Tags: pii.email."
        type: text
      - name: phone
        description: "Tags: contact, pii.phone."
        type: text
      - name: birth_date
        description: "Tags: pii.birthdate."
        type: date
      - name: country
        type: text
      - name: tier
        type: integer
      - name: balance
        description: "Tags: financial."
        type: decimal
      - name: passport_no
        description: "Tags: pii.passport."
        type: text
    key:
      - id
    source: partner
    graphql:
      list:
        field: customers
        items: /nodes
        arguments:
          after: String
          first: Int
          orderBy: "[CustomerOrderBy!]"
          where: CustomerWhere
        filters:
          name:
            eq: /where/name/eq
            in: /where/name/in
          balance:
            eq: /where/balance/eq
            in: /where/balance/in
            gt: /where/balance/gt
            gte: /where/balance/gte
            lt: /where/balance/lt
            lte: /where/balance/lte
          birth_date:
            eq: /where/birthDate/eq
            in: /where/birthDate/in
            gt: /where/birthDate/gt
            gte: /where/birthDate/gte
            lt: /where/birthDate/lt
            lte: /where/birthDate/lte
          country:
            eq: /where/country/eq
            in: /where/country/in
          email:
            eq: /where/email/eq
            in: /where/email/in
          id:
            eq: /where/id/eq
            in: /where/id/in
            gt: /where/id/gt
            gte: /where/id/gte
            lt: /where/id/lt
            lte: /where/id/lte
          passport_no:
            eq: /where/passportNo/eq
            in: /where/passportNo/in
          phone:
            eq: /where/phone/eq
            in: /where/phone/in
          tier:
            eq: /where/tier/eq
            in: /where/tier/in
            gt: /where/tier/gt
            gte: /where/tier/gte
            lt: /where/tier/lt
            lte: /where/tier/lte
        pages:
          by: cursor
          argument: after
          size:
            argument: first
            rows: 100
        order:
          argument: orderBy
          by:
            id:
              asc:
                - id: ASC
              desc:
                - id: DESC
      get:
        field: customersByKey
        arguments:
          id: BigInt!
        keys:
          id: id
    "
  `);
  // What the agent may not see there is an error there: the passport is masked, and the rest plain.
  expect((await here.apply(manifest)).warnings).toEqual([]);
  await here.apply("kind: Grant\nname: all\nto: { roles: [reader] }\non: { datasets: [customers, orders] }\nfields: { '*': allow }\n");
  const { data, errors } = await here.query(
    principal({ roles: ['reader'] }),
    `{ customers(first: 1) { nodes { id name birthDate balance } pageInfo { hasNextPage } } orders(where: { amount: { gt: "100" }, paid: { eq: true } }) { totalCount nodes { id amount details labels placedAt } }
       customersByKey(id: "3") { name } }`,
  );
  expect(errors).toBeUndefined();
  expect(data).toEqual({
    customers: { nodes: [{ id: '1', name: 'Anna Ahorn', birthDate: '1980-02-29', balance: '120.50' }], pageInfo: { hasNextPage: true } },
    orders: { totalCount: 1, nodes: [{ id: '104', amount: '250.00', details: null, labels: null, placedAt: '2026-01-31T23:59:59+00:00' }] },
    customersByKey: { name: 'Clara Buche' },
  });
  // Whoever imports again finds the same names.
  expect((await here.sources.import('partner', (await here.world()).catalog, ['customers', 'orders'])).datasets).toEqual(['customers', 'orders']);
});

test('what can not be described is left out, with the reason, and what is not there is named', async () => {
  const { catalog } = await here.world();
  expect(await here.sources.import('other', catalog, ['things'])).toMatchObject({
    datasets: [],
    warnings: [expect.stringContaining('things needs the argument first') as string],
  });
  await expect(here.sources.import('other', catalog, ['thing'])).rejects.toMatchObject({
    code: 'BAD_USER_INPUT',
    message: expect.stringContaining('Did you mean "things"') as string,
  });
  other.answer = (_, response) => json(response, { errors: [{ message: 'introspection is disabled' }] });
  await expect(here.sources.import('other', catalog)).rejects.toMatchObject({
    code: 'CONTRACT_VIOLATION',
    message: expect.stringContaining('does not describe itself') as string,
  });
});
