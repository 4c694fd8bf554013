import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { headgateHere } from '../cli/support.js';
import { Served } from '../support/served.js';
import { RemoteDatabase } from './remote-database.js';

/** The whole way, over HTTP and on the command line: declare a source, import its tables, apply them, grant, read. */
const TABLES = `
  CREATE SCHEMA "Bill.ing";
  CREATE TYPE state AS ENUM ('open', 'paid');
  CREATE TABLE "Customers" ("CustomerID" serial PRIMARY KEY, "Full Name" varchar(100) NOT NULL, "Größe" real, shape point, "order" int, "Order" int);
  CREATE TABLE "Bill.ing"."In""voices; DROP TABLE x" (no bigint PRIMARY KEY, customer_id int REFERENCES "Customers", state state, at timestamp NOT NULL, tags text[]);
  CREATE VIEW totals AS SELECT customer_id, count(*) AS invoices FROM "Bill.ing"."In""voices; DROP TABLE x" GROUP BY 1;
  CREATE TABLE nothing_to_show (shape point);
  CREATE TABLE sources (id int PRIMARY KEY);
  COMMENT ON TABLE "Customers" IS 'Who buys.';
  COMMENT ON COLUMN "Customers"."Full Name" IS 'As on the passport: "first" last';
  INSERT INTO "Customers" ("Full Name", "order", "Order") VALUES ('Ann Ames', 1, 2), ('Bob Beam', 3, 4);
  INSERT INTO "Bill.ing"."In""voices; DROP TABLE x" VALUES (1, 1, 'paid', '2026-01-01 10:00', '{a,b}'), (2, 1, 'open', '2026-01-02', NULL)`;

const SOURCE = 'kind: Source\nname: crm\ntype: postgres\nurl: ${HEADGATE_SECRET_CRM}\ntimeout: 2s\n';

let served: Served;
let crm: RemoteDatabase;
let folder: string;
let tokens: Record<'admin' | 'engineer' | 'steward' | 'reader', string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-sources-'));
  crm = await RemoteDatabase.onNew();
  await crm.run(TABLES);
  served = await Served.start({ HEADGATE_SECRET_CRM: crm.url, HEADGATE_SECRET_DOWN: 'postgres://someone:s3cret-password@127.0.0.1:1/nowhere' });
  const roles = ['admin', 'engineer', 'steward', 'reader'] as const;
  tokens = Object.fromEntries(await Promise.all(roles.map(async (role) => [role, await served.token(role, [role])] as const))) as typeof tokens;
  await apply(SOURCE);
});

afterAll(async () => {
  await served?.close();
  await crm?.drop();
  await rm(folder, { recursive: true, force: true });
});

async function apply(manifest: string, who = tokens.admin, more = '') {
  return served.ask(who, `mutation ($manifest: String!) { applyManifest(manifest: $manifest${more}) { changes { kind name change details } warnings } }`, {
    manifest,
  });
}

const cli = (...args: string[]) => headgateHere([...args, '--url', served.url, '--token', tokens.engineer]);

test('tables are imported, applied as they came, and read', async () => {
  const file = join(folder, 'crm.yaml');
  const imported = await cli('source', 'import', 'crm', '--out', file);
  // What may have been added to it by hand is not written over.
  expect(await cli('source', 'import', 'crm', '--out', file)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^CONFLICT: --out: .*--force/m) as unknown,
  });
  expect(await cli('source', 'import', 'crm', '--out', file, '--force')).toMatchObject({ code: 0 });
  expect(imported).toMatchObject({ code: 0 });
  expect(imported.stderr).toMatch(/the column "shape" is point, which no type of a contract can show/);
  expect(imported.stderr).toMatch(/nothing_to_show has no column/);
  const text = await readFile(file, 'utf8');
  expect(text.replaceAll(/^# .*\n/gm, '')).toMatchInlineSnapshot(`
    "kind: Dataset
    name: in_voices_drop_table_x
    fields:
      - name: no
        type: bigint
        required: true
      - name: customer_id
        type: integer
      - name: state
        type: text
      - name: at
        type: timestamp
        required: true
      - name: tags
        type: text[]
    key:
      - no
    source: crm
    table: '"Bill.ing"."In""voices; DROP TABLE x"'
    relations:
      - name: customer
        to: customers
        on:
          customer_id: customer_id
    ---
    kind: Dataset
    name: customers
    description: Who buys.
    fields:
      - name: customer_id
        type: integer
        required: true
        column: CustomerID
      - name: full_name
        description: 'As on the passport: "first" last'
        type: text
        required: true
        column: Full Name
      - name: grosse
        type: float
        column: Größe
      - name: order
        type: integer
      - name: order_2
        type: integer
        column: Order
    key:
      - customer_id
    source: crm
    table: public.Customers
    relations:
      - name: in_voices_drop_table_x
        to: in_voices_drop_table_x
        on:
          customer_id: customer_id
        many: true
    ---
    kind: Dataset
    name: public_sources
    fields:
      - name: id
        type: integer
        required: true
    key:
      - id
    source: crm
    table: public.sources
    ---
    kind: Dataset
    name: totals
    fields:
      - name: customer_id
        type: integer
      - name: invoices
        type: bigint
    source: crm
    table: public.totals
    "
  `);

  expect(await cli('apply', file)).toMatchObject({ code: 0, stderr: '' });
  expect((await cli('apply', file)).stdout).toMatch(/0 created, 0 updated, 0 removed, \d unchanged/);
  // Whoever imports again finds the same names.
  expect((await cli('source', 'import', 'crm')).stdout.trim()).toBe(text.trim());

  await apply(
    'kind: Grant\nname: readers\nto: { roles: [reader] }\non: { datasets: [customers, in_voices_drop_table_x] }\nfields: { "*": allow }\n',
    tokens.steward,
  );
  const { data, errors } = await served.ask(
    tokens.reader,
    '{ customers { nodes { customerId fullName order order2 inVoicesDropTableX(orderBy: { no: DESC }) { nodes { no state at tags customer { fullName } } } } } }',
  );
  expect(errors).toBeUndefined();
  expect(data).toEqual({
    customers: {
      nodes: [
        {
          customerId: 1,
          fullName: 'Ann Ames',
          order: 1,
          order2: 2,
          inVoicesDropTableX: {
            nodes: [
              { no: '2', state: 'open', at: '2026-01-02T00:00:00+00:00', tags: null, customer: { fullName: 'Ann Ames' } },
              { no: '1', state: 'paid', at: '2026-01-01T10:00:00+00:00', tags: ['a', 'b'], customer: { fullName: 'Ann Ames' } },
            ],
          },
        },
        { customerId: 2, fullName: 'Bob Beam', order: 3, order2: 4, inVoicesDropTableX: { nodes: [] } },
      ],
    },
  });
  expect(
    await crm.run('SELECT count(*)::int AS tables FROM pg_class WHERE relkind = $1 AND relnamespace IN ($2::regnamespace, $3::regnamespace)', [
      'r',
      'public',
      '"Bill.ing"',
    ]),
  ).toEqual([{ tables: 4 }]);
});

test('what a live dataset can not do yet is refused or not offered; entities, aliases, numbers and groups work as of any', async () => {
  const exported = await fetch(`${served.url}/export/customers`, { headers: { authorization: `Bearer ${tokens.reader}` } });
  expect(exported.status).toBe(400);
  expect(await exported.json()).toMatchObject({ code: 'BAD_USER_INPUT', detail: expect.stringContaining('stay at the source crm') });
  const { data: schema } = await served.ask<{ __schema: { subscriptionType: { fields: { name: string }[] } } }>(
    tokens.reader,
    '{ __schema { subscriptionType { fields { name } } } }',
  );
  expect(schema.__schema.subscriptionType.fields.map(({ name }) => name)).toEqual(['auditAppended', 'datasetChanged', 'runProgress']);

  const { data, errors } = await served.ask(
    tokens.reader,
    `{ _entities(representations: [{ __typename: "Customers", customerId: 2 }, { __typename: "Customers", customerId: 99 }]) { ... on Customers { fullName inVoicesDropTableX { totalCount } } }
       a: customersByKey(customerId: 1) { fullName } b: customersByKey(customerId: 2) { fullName }
       customers(first: 0) { aggregate { count max { fullName } } groupBy(keys: [{ order: true }]) { keys { order } aggregate { count } } } }`,
  );
  expect(errors).toBeUndefined();
  expect(data).toEqual({
    _entities: [{ fullName: 'Bob Beam', inVoicesDropTableX: { totalCount: 0 } }, null],
    a: { fullName: 'Ann Ames' },
    b: { fullName: 'Bob Beam' },
    customers: {
      aggregate: { count: '2', max: { fullName: 'Bob Beam' } },
      groupBy: [
        { keys: { order: 1 }, aggregate: { count: '1' } },
        { keys: { order: 3 }, aggregate: { count: '1' } },
      ],
    },
  });
});

test('an import can name its tables, and is told of one that is not there', async () => {
  const some = await cli('source', 'import', 'crm', '--tables', 'totals', '--json');
  expect(JSON.parse(some.stdout)).toMatchObject({ datasets: ['totals'], warnings: [] });
  expect(await cli('source', 'import', 'crm', '--tables', 'total')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/There is no table or view "total".*Did you mean "totals"/) as string,
  });
  expect(await cli('source', 'import', 'cmr')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/There is no source "cmr"\. Did you mean "crm"/) as string,
  });
});

test('sources are told to engineers and admins alone, and nothing of where they are', async () => {
  await apply(SOURCE.replace('crm', 'down').replace('_CRM', '_DOWN'));
  for (const role of ['steward', 'reader'] as const) {
    expect((await served.ask(tokens[role], '{ sources { name } }')).errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
    const refused = await served.ask(tokens[role], 'mutation { importSource(source: "crm") { manifest } }');
    expect(refused.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
    expect((await apply(SOURCE.replace('2s', '3s'), tokens[role])).errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
  }
  const { data } = await served.ask(tokens.engineer, '{ sources { name type status code } }');
  expect(data).toEqual({
    sources: [
      { name: 'crm', type: 'postgres', status: 'OK', code: null },
      { name: 'down', type: 'postgres', status: 'UNREACHABLE', code: 'UNAVAILABLE' },
    ],
  });
  const refusal = await served.ask(tokens.engineer, 'mutation { importSource(source: "down") { manifest } }');
  expect(refusal.errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE' } }]);
  expect(JSON.stringify(refusal)).not.toMatch(/s3cret|127\.0\.0\.1|someone/);
});

test('a secret stays a reference: in the catalog, in what is exported, and in the database', async () => {
  const exported = await cli('export');
  expect(exported.stdout).toContain('url: ${HEADGATE_SECRET_CRM}');
  expect(exported.stdout).not.toContain(crm.url);
  const [row] = await served.sql(
    "SELECT (SELECT jsonb_agg(s)::text FROM headgate.source s) || (SELECT coalesce(jsonb_agg(d)::text, '') FROM headgate.dataset_contract d) || (SELECT coalesce(jsonb_agg(r)::text, '') FROM headgate.audit_record r) AS text",
  );
  expect(JSON.stringify(row)).not.toMatch(/postgres:\/\/|s3cret/);
  // Export, then apply, changes nothing.
  const again = await apply(exported.stdout);
  expect(again.errors).toBeUndefined();
  expect(JSON.stringify(again.data)).not.toMatch(/"(create|update|remove)"/);
});

test.each([
  ['a URL in plain', 'url: postgres://a:b@c/d', /expected a reference to a secret/],
  ['a secret with something beside it', 'url: ${HEADGATE_SECRET_CRM}/other', /nothing beside it/],
  ['another variable of the environment', 'url: ${HEADGATE_MASTER_KEY}', /the only variables in a manifest are/],
  ['a type that is not there', 'url: ${HEADGATE_SECRET_CRM}\ntype: ldap', /expected one of postgres, http, graphql/],
  ['a timeout that nobody waits for', 'url: ${HEADGATE_SECRET_CRM}\ntimeout: 1h', /at most 5m/],
])('%s is refused', async (_, rest, message) => {
  const type = rest.includes('type:') ? '' : 'type: postgres\n';
  const { errors } = await apply(`kind: Source\nname: other\n${type}${rest}\n`);
  expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
  expect(errors?.[0]?.message).toMatch(message);
});

test('a secret that is not set is named when it is used, and nothing is changed', async () => {
  const missing = `${SOURCE.replace('name: crm', 'name: missing').replace('_CRM', '_MISSING')}---\nkind: Dataset\nname: unreachable\nsource: missing\ntable: a.b\nfields: [{ name: id, type: text }]\n`;
  const { errors } = await apply(missing);
  expect(errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE' } }]);
  expect(errors?.[0]?.message).toContain('HEADGATE_SECRET_MISSING');
  expect((await served.ask(tokens.admin, '{ sources { name } }')).data).not.toMatchObject({ sources: [{}, {}, { name: 'missing' }] });
});

test.each([
  ['a table that is not there', 'table: public.nowhere', 'fields: [{ name: id, type: text }]', /no table or view public\.nowhere/],
  ['a column that is not there', 'table: public.totals', 'fields: [{ name: customerid, type: integer }]', /Did you mean "customer_id"/],
  [
    'a type that does not fit',
    'table: public.totals',
    'fields: [{ name: invoices, type: integer }]',
    /invoices is integer, and the column "invoices" at the source is bigint/,
  ],
])('%s is refused when it is applied', async (_, table, fields, message) => {
  const { errors } = await apply(`kind: Dataset\nname: misfit\nsource: crm\n${table}\n${fields}\n`);
  expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
  expect(errors?.[0]?.message).toMatch(message);
});

test('what works on rows of the store is refused for a dataset that has none here', async () => {
  await apply(
    'kind: Dataset\nname: live\nsource: crm\ntable: public.totals\nfields: [{ name: customer_id, type: integer }, { name: invoices, type: bigint }]\n',
  );
  const upload = await served.upload(tokens.admin, 'live', 'customer_id,invoices\n1,1\n');
  expect(upload.status).toBe(409);
  expect(await upload.text()).toMatch(/live stays at the source crm: a load is for datasets that are stored here/);
  const asked = await served.ask(tokens.admin, 'mutation { checkQuality(dataset: "live") { score } }');
  expect(asked.errors).toMatchObject([{ extensions: { code: 'CONFLICT', dataset: 'live' } }]);
  const pipeline = await apply('kind: Pipeline\nname: p\nsteps: [{ name: s, sql: "SELECT customer_id FROM live" }, { publish: { to: made } }]\n');
  expect(pipeline.errors?.[0]?.message).toMatch(/live stays at the source crm, and a pipeline reads what is stored here/);
  const reference = await apply('kind: Dataset\nname: refers\nfields: [{ name: c, type: integer, rules: [{ references: live.customer_id }] }]\n');
  expect(reference.errors?.[0]?.message).toMatch(/where no load can look for a value/);
  expect((await served.ask(tokens.admin, '{ dataset(name: "live") { rowCount bytes } }')).data).toEqual({ dataset: { rowCount: null, bytes: null } });
  expect(await served.sql("SELECT FROM pg_class WHERE relname = 'live'")).toEqual([]);
});

test('a dataset with rows here does not become a live one; a source that is needed is not removed', async () => {
  await apply('kind: Dataset\nname: stored\nfields: [{ name: id, type: integer }]\n');
  const moved = await apply('kind: Dataset\nname: stored\nsource: crm\ntable: public.totals\nfields: [{ name: invoices, type: bigint }]\n');
  expect(moved.errors).toMatchObject([{ extensions: { code: 'CONFLICT' } }]);
  const removed = await served.ask(tokens.admin, 'mutation { deleteSource(name: "crm") }');
  expect(removed.errors?.[0]?.message).toMatch(/Dataset \w+ needs it/);
  expect((await served.ask(tokens.admin, 'mutation { deleteSource(name: "down") }')).data).toEqual({ deleteSource: true });
});

test('a column that came to an imported table is unclassified until a steward says what it is; what guards the others stays', async () => {
  await crm.run('CREATE TABLE clients (id int PRIMARY KEY, mail text, code text); INSERT INTO clients VALUES (1, $$ann@example.com$$, $$c$$)');
  const manifest = async () => (await cli('source', 'import', 'crm', '--tables', 'clients')).stdout;
  const first = await manifest();
  expect(first).not.toMatch(/tags|visibility/);
  const guarded = first
    .replace('name: mail\n    type: text\n', 'name: mail\n    type: text\n    tags: [pii.email]\n')
    .replace('name: code\n    type: text\n', 'name: code\n    type: text\n    visibility: secret\n');
  expect((await apply(guarded)).errors).toBeUndefined();
  await apply(
    'kind: Grant\nname: clients\nto: { roles: [reader] }\non: { datasets: [clients] }\nfields: { "*": allow, tag:pii: { mask: redact } }\n',
    tokens.steward,
  );

  await crm.run('ALTER TABLE clients ADD COLUMN "Passport No" text; UPDATE clients SET "Passport No" = $$X1$$');
  const again = await cli('source', 'import', 'crm', '--tables', 'clients');
  expect(again.stderr).toMatch(/the column "Passport No" is new, and tagged unclassified until a steward says what it is/);
  expect(again.stdout).toMatch(/name: passport_no\n {4}type: text\n {4}tags:\n {6}- unclassified\n/);
  expect(again.stdout).toMatch(/name: mail\n {4}type: text\n {4}tags:\n {6}- pii.email\n/);
  expect(again.stdout).toMatch(/name: code\n {4}visibility: secret\n/);
  expect((await apply(again.stdout, tokens.engineer)).errors).toBeUndefined();

  const read = () => served.ask(tokens.reader, '{ clients { nodes { id passportNo } } }');
  expect(await read()).toMatchObject({
    data: { clients: { nodes: [{ id: 1, passportNo: null }] } },
    errors: [{ extensions: { code: 'FORBIDDEN', field: 'passportNo' } }],
  });
  // An engineer does not take the tag off.
  const without = again.stdout.replace('    tags:\n      - unclassified\n', '');
  expect((await apply(without, tokens.engineer)).errors).toMatchObject([{ extensions: { code: 'CONFLICT' } }]);
  expect((await apply('kind: Classification\nname: clients\nfields: { passport_no: { tags: [] } }\n', tokens.engineer)).errors).toMatchObject([
    { extensions: { code: 'FORBIDDEN' } },
  ]);

  expect((await apply('kind: Classification\nname: clients\nfields: { passport_no: { tags: [] } }\n', tokens.steward)).errors).toBeUndefined();
  expect((await read()).data).toEqual({ clients: { nodes: [{ id: 1, passportNo: 'X1' }] } });
  expect((await apply(without, tokens.engineer)).errors).toBeUndefined();
  expect((await read()).data).toEqual({ clients: { nodes: [{ id: 1, passportNo: 'X1' }] } });
});
