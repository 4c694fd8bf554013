import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { House, principal } from '../support/house.js';
import { RemoteDatabase } from './remote-database.js';

/** Customers are stored here, their invoices and the lines of these stay at one source, and the products at another. */
const MANIFESTS = `
kind: Source
name: crm
type: postgres
url: \${HEADGATE_SECRET_CRM}
timeout: 2s
---
kind: Source
name: shop
type: postgres
url: \${HEADGATE_SECRET_SHOP}
timeout: 2s
---
kind: Dataset
name: customers
fields:
  - { name: id, type: bigint }
  - { name: name, type: text }
  - { name: email, type: text }
key: [id]
relations:
  - { name: invoices, to: invoices, on: { id: customer_id }, many: true }
  - { name: invoices_by_mail, to: invoices, on: { email: email }, many: true }
---
kind: Dataset
name: invoices
source: crm
table: billing.invoices
fields:
  - { name: id, type: integer }
  - { name: customer_id, type: integer, column: Customer }
  - { name: email, type: text }
  - { name: total, type: decimal }
key: [id]
relations:
  - { name: customer, to: customers, on: { customer_id: id } }
  - { name: lines, to: lines, on: { id: invoice_id }, many: true }
---
kind: Dataset
name: lines
source: crm
table: billing.lines
fields:
  - { name: invoice_id, type: integer }
  - { name: number, type: integer }
  - { name: sku, type: text }
key: [invoice_id, number]
relations:
  - { name: product, to: products, on: { sku: sku } }
---
kind: Dataset
name: products
source: shop
table: public.products
fields:
  - { name: sku, type: text }
  - { name: name, type: text }
  - { name: price, type: decimal }
key: [sku]
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [customers, invoices, lines, products] }
fields: { '*': allow }
---
kind: Grant
name: hashers
to: { roles: [hasher] }
on: { datasets: [customers, invoices] }
fields: { '*': allow, email: { mask: hash, scope: mail } }
---
kind: Grant
name: maskers
to: { roles: [masker] }
on: { datasets: [customers, invoices] }
fields: { '*': allow, email: { mask: hash } }
---
kind: Grant
name: big-ones
to: { roles: [auditing] }
on: { datasets: [invoices] }
rows: total >= 20
fields: { '*': allow }
---
kind: Grant
name: big-ones-customers
to: { roles: [auditing] }
on: { datasets: [customers] }
fields: { '*': allow }
`;

const CUSTOMERS = 30;
const reader = principal({ subject: 'r', roles: ['reader'] });

let house: House;
let crm: RemoteDatabase;
let shop: RemoteDatabase;

beforeAll(async () => {
  const old = await RemoteDatabase.onOld();
  [crm, shop] = [await RemoteDatabase.onNew(), old instanceof RemoteDatabase ? old : await RemoteDatabase.onNew()];
  await crm.run(`CREATE SCHEMA billing;
    CREATE TABLE billing.invoices (id int NOT NULL PRIMARY KEY, "Customer" int, email text, total numeric(10, 2));
    CREATE TABLE billing.lines (invoice_id int, number int, sku varchar(20), PRIMARY KEY (invoice_id, number));
    -- Three of each customer, one of nobody, and one of a customer who is not there.
    INSERT INTO billing.invoices SELECT c * 10 + n, c, 'c' || c || '@example.com', c + n FROM generate_series(1, ${CUSTOMERS}) c, generate_series(1, 3) n;
    INSERT INTO billing.invoices VALUES (9001, NULL, NULL, 1), (9002, 9999, 'x', 1);
    INSERT INTO billing.lines SELECT i.id, n, 'sku ' || n FROM billing.invoices i, generate_series(1, 2) n`);
  await shop.run(`CREATE TABLE products (sku varchar(20) PRIMARY KEY, name text, price numeric);
    INSERT INTO products VALUES ('sku 1', E'the "first" \\u0001 one', 1.50), ('sku 3', 'nobody buys it', 2)`);
  house = await House.open({ maxCost: 1_000_000, maxDepth: 20 });
  house.secrets.set('HEADGATE_SECRET_CRM', crm.url).set('HEADGATE_SECRET_SHOP', shop.url);
  await house.apply(MANIFESTS);
  await house.database.query(
    `INSERT INTO data.customers (id, name, email) SELECT c, 'customer ' || c, 'c' || c || '@example.com' FROM generate_series(1, ${CUSTOMERS}) c`,
  );
});

afterAll(async () => {
  await house?.close();
  await crm?.drop();
  await shop?.drop();
});

beforeEach(() => {
  house.statements.length = 0;
  house.facts.length = 0;
});

const rowsOf = () => Object.fromEntries(house.facts.filter(({ decision }) => decision === 'ALLOWED').map(({ dataset, rowCount }) => [dataset, rowCount]));

describe('from the store to a source', () => {
  test('each row has its own page of the other side: filtered, ordered and counted there', async () => {
    const { data, errors } = await house.query(
      reader,
      `query ($least: Decimal!) { customers(first: 3, where: { id: { gte: "2" } }, orderBy: { id: ASC }) { nodes { id
        invoices(first: 2, orderBy: { total: DESC }, where: { total: { gt: $least } }) { totalCount nodes { id total } edges { cursor } pageInfo { hasNextPage } } } } }`,
      { least: '4' },
    );
    expect(errors).toBeUndefined();
    expect(data['customers']?.nodes).toMatchObject([
      { id: '2', invoices: { totalCount: 1, nodes: [{ id: 23, total: '5.00' }], pageInfo: { hasNextPage: false } } },
      { id: '3', invoices: { totalCount: 2, nodes: [{ id: 33 }, { id: 32 }], pageInfo: { hasNextPage: false } } },
      { id: '4', invoices: { totalCount: 3, nodes: [{ id: 43 }, { id: 42 }], pageInfo: { hasNextPage: true } } },
    ]);
    expect(rowsOf()).toEqual({ customers: 3, invoices: 5 });
  });

  test('a page goes on behind its cursor', async () => {
    const page = (after: string) =>
      `{ customersByKey(id: "7") { invoices(first: 2, ${after} orderBy: { total: ASC }) { nodes { id } pageInfo { endCursor } } } }`;
    const first = (await house.query(reader, page(''))).data['customersByKey'] as unknown as { invoices: { nodes: unknown; pageInfo: { endCursor: string } } };
    expect(first.invoices.nodes).toEqual([{ id: 71 }, { id: 72 }]);
    const second = (await house.query(reader, page(`after: "${first.invoices.pageInfo.endCursor}",`))).data['customersByKey'];
    expect(second).toMatchObject({ invoices: { nodes: [{ id: 73 }] } });
  });
});

test('from a source to the store, where nobody is found for some rows', async () => {
  const { data } = await house.query(reader, '{ invoices(last: 3) { nodes { id customer { name } } } }');
  expect(data['invoices']?.nodes).toEqual([
    { id: 303, customer: { name: 'customer 30' } },
    { id: 9001, customer: null },
    { id: 9002, customer: null },
  ]);
  expect(rowsOf()).toEqual({ invoices: 3, customers: 1 });
});

test('from one place to the next: through the store, one source and another, and back', async () => {
  const { data, errors } = await house.query(
    reader,
    '{ customersByKey(id: "1") { invoices(first: 1) { nodes { id lines { nodes { number product { name } } } customer { id invoices { totalCount } } } } } }',
  );
  expect(errors).toBeUndefined();
  expect(data['customersByKey']).toEqual({
    invoices: {
      nodes: [
        {
          id: 11,
          lines: {
            nodes: [
              { number: 1, product: { name: 'the "first" \u0001 one' } },
              { number: 2, product: null },
            ],
          },
          customer: { id: '1', invoices: { totalCount: 3 } },
        },
      ],
    },
  });
});

test('the number of statements does not grow with the rows, and each row counts', async () => {
  const ask = (first: number) =>
    house.query(reader, `{ customers(first: ${first}) { nodes { id invoices { nodes { id customer { name } lines { nodes { product { name } } } } } } } }`);
  await ask(1);
  const few = house.statements.length;
  house.statements.length = 0;
  house.facts.length = 0;
  await ask(CUSTOMERS);
  expect(house.statements.length).toBe(few);
  // Customers; invoices with their lines, in one; products; and the customers of invoices.
  expect(few).toBe(4);
  expect(rowsOf()).toEqual({ customers: CUSTOMERS * 4, invoices: CUSTOMERS * 3, lines: CUSTOMERS * 6, products: CUSTOMERS * 3 });
});

test('many keys go in batches of a thousand', async () => {
  await crm.run(`INSERT INTO billing.invoices SELECT 100000 + n, 100000 + n, NULL, 1 FROM generate_series(1, 1500) n`);
  await house.query(reader, '{ invoices(first: 1000, where: { id: { gt: 100000 } }) { nodes { customer { id } } } }');
  expect(house.statements).toHaveLength(2);
  house.statements.length = 0;
  const wide = await House.open({ maxCost: 1_000_000, maxPage: 2_000 });
  try {
    wide.secrets.set('HEADGATE_SECRET_CRM', crm.url).set('HEADGATE_SECRET_SHOP', shop.url);
    await wide.apply(MANIFESTS);
    const { errors } = await wide.query(reader, '{ invoices(first: 1500, where: { id: { gt: 100000 } }) { nodes { customer { id } } } }');
    expect(errors).toBeUndefined();
    expect(wide.statements).toHaveLength(3);
  } finally {
    await wide.close();
    await crm.run('DELETE FROM billing.invoices WHERE id > 100000');
  }
});

test('what is too large is measured at the source, and stays there', async () => {
  const narrow = await House.open({ maxResponseBytes: 2_000 });
  try {
    narrow.secrets.set('HEADGATE_SECRET_CRM', crm.url).set('HEADGATE_SECRET_SHOP', shop.url);
    await narrow.apply(MANIFESTS);
    await narrow.database.query("INSERT INTO data.customers (id, name) SELECT c, 'c' FROM generate_series(1, 30) c");
    const ask = async (first: number) => narrow.query(reader, `{ customers(first: ${first}) { nodes { id invoices { nodes { id email total } } } } }`);
    expect((await ask(3)).errors).toBeUndefined();
    const { data, errors } = await ask(30);
    expect(errors).toMatchObject([{ path: ['customers', 'nodes'], extensions: { code: 'QUERY_TOO_COMPLEX', limit: 2_000 } }]);
    expect(data['customers']?.nodes[0]).toEqual({ id: '1', invoices: null });
    // Nothing of it was on the record as read.
    expect(narrow.facts.at(-1)).toMatchObject({ dataset: 'invoices', decision: 'FAILED', details: { code: 'QUERY_TOO_COMPLEX' } });
  } finally {
    await narrow.close();
  }
});

describe('governance goes across', () => {
  test('the other side shows only the rows of the grant there', async () => {
    const { data } = await house.query(principal({ roles: ['auditing'] }), '{ customers(first: 30) { nodes { invoices { totalCount nodes { total } } } } }');
    const all = data['customers']?.nodes.flatMap((node) => (node['invoices'] as { nodes: { total: string }[] }).nodes.map(({ total }) => Number(total)));
    expect(all?.length).toBeGreaterThan(10);
    expect(Math.min(...(all ?? []))).toBe(20);
  });

  test('keys that are hashed under one scope meet, and under two they do not', async () => {
    const query = '{ customers(first: 2) { nodes { email invoicesByMail { nodes { id email } } } } }';
    const { data, errors } = await house.query(principal({ roles: ['hasher'] }), query);
    expect(errors).toBeUndefined();
    const [first] = data['customers']?.nodes ?? [];
    const there = first?.['invoicesByMail'] as { nodes: { id: number; email: string }[] };
    expect(there.nodes.map(({ id }) => id)).toEqual([11, 12, 13]);
    expect(new Set(there.nodes.map(({ email }) => email))).toEqual(new Set([first?.['email']]));
    expect(first?.['email']).toMatch(/^[0-9a-f]{64}$/);
    for (const { values } of house.statements) expect(JSON.stringify(values)).not.toContain('example.com');

    const refused = await house.query(principal({ roles: ['masker'] }), query);
    expect(refused.errors).toMatchObject([{ path: ['customers', 'nodes'], extensions: { code: 'FORBIDDEN', field: 'invoicesByMail' } }]);
  });

  test('no filter and no order goes through a relation that leads away, in the schema and on the other side of it', async () => {
    const schema = await house.schema(reader);
    const inputs = (name: string) => Object.keys((schema.getType(name) as unknown as { getFields(): object }).getFields());
    expect(inputs('CustomersWhere')).not.toContain('invoices');
    expect(inputs('InvoicesWhere')).toContain('lines');
    expect(inputs('InvoicesOrderBy')).not.toContain('customer');
  });
});
