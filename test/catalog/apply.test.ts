import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyManifests, absentDocument, removeDataset, saveDataset, type ManifestKind } from '../../src/catalog/index.js';
import { createWorld, errorOf, KINDS, type World } from './setup.js';

let world: World;

beforeAll(async () => {
  world = await createWorld();
});

afterAll(async () => {
  await world?.close();
});

const SHOP = `
kind: Purpose
name: analytics
description: Statistics.
lawfulBasis: legitimate_interests
---
kind: Dataset
name: customers
typeName: Customer
fields:
  - { name: id, type: bigint }
  - { name: email, type: text, tags: [pii.email], rules: [{ matches: '^[^@ ]+@[^@ ]+$', severity: warn }] }
  - { name: country, type: text, rules: [{ length: [2, 2] }, { in: [DE, NO] }] }
  - { name: born, type: date, rules: [{ between: ['1900-01-01', today] }] }
  - { name: labels, type: "text[]" }
key: [id]
subject: id
relations:
  - { name: orders, to: orders, on: { id: customer_id }, many: true }
indexes: [[country, id]]
rules:
  - { name: adults, check: "born < current_date - interval '12 years'", severity: warn }
---
kind: Dataset
name: orders
typeName: Order
fields:
  - { name: id, type: bigint }
  - { name: customer_id, type: integer, required: true, rules: [{ references: customers.id }] }
  - { name: amount, type: decimal, rules: [{ between: [0, '99999999999999999999.5'] }] }
key: [id]
relations:
  - { name: customer, to: customers, on: { customer_id: id } }
`;

const NAMES = ['Purpose analytics', 'Dataset customers', 'Dataset orders'];

test('an apply makes all of it, and the same again changes nothing', async () => {
  const first = await world.apply(SHOP);
  expect(first.changes.map(({ kind, name, change }) => `${kind} ${name} ${change}`)).toEqual(NAMES.map((name) => `${name} create`));
  expect(first.changes[1]?.details).toContain('field email: text, added');
  const act = { principal: 'ada', action: 'apply', decision: 'ALLOWED', change: 'create' };
  const entries = await world.entries();
  expect(new Set(entries)).toEqual(
    new Set([
      { ...act, kind: 'Purpose', dataset: null },
      { ...act, kind: 'Dataset', dataset: 'customers' },
      { ...act, kind: 'Dataset', dataset: 'orders' },
    ]),
  );
  const before = await world.snapshot();
  const again = await world.apply(SHOP);
  expect(again.changes.map(({ change }) => change)).toEqual(['unchanged', 'unchanged', 'unchanged']);
  expect(again.version).toBe(first.version);
  expect(await world.snapshot()).toEqual(before);
  expect(await world.entries()).toEqual(entries);
});

test('the tables have the types, the collation, the key and the indexes of the contract and its relations', async () => {
  const columns = await world.database
    .query(`SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, c.collname AS collation, a.attnotnull AS required
    FROM pg_attribute a LEFT JOIN pg_collation c ON c.oid = a.attcollation WHERE a.attrelid = 'data.customers'::regclass AND a.attnum > 0 ORDER BY a.attnum`);
  expect(columns).toEqual([
    { name: 'id', type: 'bigint', collation: null, required: true },
    { name: 'email', type: 'text', collation: 'C', required: false },
    { name: 'country', type: 'text', collation: 'C', required: false },
    { name: 'born', type: 'date', collation: null, required: false },
    { name: 'labels', type: 'text[]', collation: 'C', required: false },
    { name: '_rid', type: 'bytea', collation: null, required: true },
    { name: '_load', type: 'bigint', collation: null, required: true },
  ]);
  const indexes = await world.database.query("SELECT indexdef FROM pg_indexes WHERE schemaname = 'data' ORDER BY 1");
  expect(indexes.map((row) => String(row.indexdef).replace(/__ix_[0-9a-f]{8}/, '__ix'))).toEqual([
    'CREATE INDEX customers__ix ON data.customers USING btree (country, id)',
    'CREATE INDEX orders__ix ON data.orders USING btree (customer_id)',
    'CREATE UNIQUE INDEX customers__key ON data.customers USING btree (id)',
    'CREATE UNIQUE INDEX orders__key ON data.orders USING btree (id)',
  ]);
  expect(await world.database.reader.query({ name: 'r', text: 'SELECT count(*)::int FROM data.orders', values: [] })).toEqual([['0']]);
});

test('the catalog is what the documents say', async () => {
  const { datasets, purposes } = await world.catalog();
  expect(purposes.get('analytics')).toEqual({ name: 'analytics', description: 'Statistics.', lawfulBasis: 'legitimate_interests' });
  expect(datasets.get('customers')).toMatchObject({
    graphqlName: 'customers',
    typeName: 'Customer',
    visibility: 'listed',
    key: ['id'],
    subject: 'id',
    contractVersion: 1,
    relations: [{ name: 'orders', to: 'orders', on: [{ local: 'id', remote: 'customer_id' }], many: true }],
    rules: [{ name: 'adults', kind: 'check', severity: 'warn' }],
  });
  expect(datasets.get('customers')?.fields[1]).toEqual({
    name: 'email',
    graphqlName: 'email',
    type: 'text',
    list: false,
    required: false,
    tags: ['pii.email'],
    visibility: 'listed',
    rules: [{ kind: 'matches', severity: 'warn', pattern: '^[^@ ]+@[^@ ]+$' }],
  });
});

test('a dry run tells the changes and makes none', async () => {
  const before = await world.snapshot();
  const entries = await world.entries();
  const text = SHOP.replace('  - { name: labels', '  - { name: phone, type: text }\n  - { name: labels');
  const plan = await world.apply(text, { dryRun: true });
  expect(plan).toMatchObject({ dryRun: true, version: (await world.catalog()).version });
  expect(plan.changes.find(({ name }) => name === 'customers')).toEqual({
    kind: 'Dataset',
    name: 'customers',
    change: 'update',
    details: ['field phone: text, added'],
  });
  expect(await world.snapshot()).toEqual(before);
  expect(await world.entries()).toEqual(entries);
});

test('an apply that fails at its end leaves nothing behind, tables included', async () => {
  const before = await world.snapshot();
  const failing: ManifestKind<{ name: string }> = {
    kind: 'Last',
    schema: KINDS[0]?.schema as never,
    load: async () => new Map(),
    save: async (_name, _spec, _before, _context, fail) => fail(['description'], 'not this one'),
    remove: async () => undefined,
  };
  const text = `kind: Dataset\nname: extra\nfields: [{ name: id, type: text }]\n---\nkind: Last\nname: x\ndescription: y\n`;
  const error = await errorOf(world.apply(text, { kinds: [...KINDS, failing] }));
  expect(error).toMatchObject({
    code: 'BAD_USER_INPUT',
    message: 'm.yaml:7:14: Last x, description: not this one',
    details: { file: 'm.yaml', line: 7, column: 14, path: 'description' },
  });
  expect(await world.snapshot()).toEqual(before);
});

const one = (rest: string, name = 'one') => `kind: Dataset\nname: ${name}\nfields:\n  - { name: id, type: bigint }\n  - { name: t, type: text }\n${rest}`;

test.each<[what: string, text: string, line: number, path: string, message: RegExp]>([
  [
    'a relation to nowhere',
    one('relations: [{ name: c, to: custommers, on: { id: id } }]'),
    6,
    'relations[0].to',
    /no dataset "custommers"\. Did you mean "customers"/,
  ],
  [
    'a relation to a field that is not there',
    one('relations: [{ name: c, to: customers, on: { id: idd } }]'),
    6,
    'relations[0].on.id',
    /customers has no field "idd"/,
  ],
  [
    'a relation between types that differ',
    one('relations: [{ name: c, to: customers, on: { t: id } }]'),
    6,
    'relations[0].on.t',
    /t is text and customers\.id is bigint/,
  ],
  [
    'a relation to one of many',
    one('relations: [{ name: c, to: customers, on: { t: country } }]'),
    6,
    'relations[0].on',
    /must name the whole key.*say many: true/,
  ],
  [
    'a reference to nowhere',
    'kind: Dataset\nname: one\nfields:\n  - { name: t, type: text, rules: [{ references: customers.name }] }',
    4,
    'fields[0].rules[0].references',
    /customers has no field "name"/,
  ],
  [
    'a pattern that is none',
    "kind: Dataset\nname: one\nfields:\n  - { name: t, type: text, rules: [{ matches: ok }, { matches: '(' }] }",
    4,
    'fields[0].rules[1].matches',
    /not a POSIX regular expression: .*parentheses/,
  ],
  [
    'a bound of another type',
    'kind: Dataset\nname: one\nfields:\n  - { name: t, type: date, rules: [{ between: [today, 2024-13-01] }] }',
    4,
    'fields[0].rules[0].between[1]',
    /"2024-13-01" is not a value of t, which is date/,
  ],
  [
    'bounds the wrong way round',
    'kind: Dataset\nname: one\nfields:\n  - { name: t, type: integer, rules: [{ between: [10, 9] }] }',
    4,
    'fields[0].rules[0].between',
    /low bound of t is above/,
  ],
  [
    'a member of another type',
    'kind: Dataset\nname: one\nfields:\n  - { name: t, type: uuid, rules: [{ in: [x] }] }',
    4,
    'fields[0].rules[0].in[0]',
    /not a value of t/,
  ],
  ['a check that is no SQL', one('rules: [{ name: r, check: "id >" }]'), 6, 'rules[0].check', /can't be used/],
  ['a check that reads a file', one(`rules: [{ name: r, check: "pg_read_file('/etc/passwd') = t" }]`), 6, 'rules[0].check', /can't be used/],
  ['a check of another table', one('rules: [{ name: r, check: "(SELECT true FROM data.customers)" }]'), 6, 'rules[0].check', /can't be used/],
  ['a check of a field that is not there', one('rules: [{ name: r, check: "ids > 1" }]'), 6, 'rules[0].check', /no column "ids"/],
  ['a check that is no condition', one('rules: [{ name: r, check: "id + 1" }]'), 6, 'rules[0].check', /not a condition over the fields of one.*boolean/],
  ['a check of types that do not fit', one('rules: [{ name: r, check: "id > t" }]'), 6, 'rules[0].check', /not a condition.*bigint > text/],
  ['a type of another dataset', one('typeName: Customer'), 6, 'typeName', /customers has the GraphQL type Customer too/],
  ['a type that another dataset generates', one('typeName: OrderWhere'), 6, 'typeName', /the dataset orders has the GraphQL type OrderWhere too/],
  ['a root that another dataset has', one('', 'orders_by_key'), 2, 'name', /orders has the GraphQL field ordersByKey too/],
])('%s is refused with its place, and nothing is made', async (_, text, line, path, message) => {
  const before = await world.snapshot();
  const error = await errorOf(world.apply(text));
  expect(error.message).toMatch(message);
  expect(error).toMatchObject({ code: 'BAD_USER_INPUT', details: { file: 'm.yaml', line, path } });
  expect(await world.snapshot()).toEqual(before);
});

test('what left the files is told, and removed only by prune or state absent', async () => {
  const result = await world.apply('kind: Purpose\nname: support\n');
  expect(result.stillInForce).toEqual([
    { kind: 'Purpose', name: 'analytics' },
    { kind: 'Dataset', name: 'customers' },
    { kind: 'Dataset', name: 'orders' },
  ]);
  const removed = await world.apply('kind: Purpose\nname: support\nstate: absent\n');
  expect(removed.changes).toEqual([{ kind: 'Purpose', name: 'support', change: 'remove', details: [] }]);
  expect((await world.apply('kind: Purpose\nname: support\nstate: absent\n')).changes[0]?.change).toBe('unchanged');
});

test('a dataset that a relation leads to stays, until the relation goes too', async () => {
  const error = await errorOf(world.apply('kind: Dataset\nname: customers\nstate: absent\n'));
  expect(error).toMatchObject({ code: 'CONFLICT', details: { file: 'm.yaml', line: 2 } });
  expect(error.message).toMatch(/because Dataset orders needs it/);
});

test('what a pipeline made is neither exported, pruned nor changed by a document', async () => {
  await world.database.transaction((tx) =>
    saveDataset(tx, { name: 'derived', fields: [{ name: 'n', type: 'bigint' }] }, { producedBy: 'sums', appliedBy: 'ada' }),
  );
  expect(await errorOf(world.apply('kind: Dataset\nname: derived\nfields: [{ name: n, type: text }]\n'))).toMatchObject({
    code: 'CONFLICT',
    message: expect.stringMatching(/made by the pipeline sums/),
  });
  expect(await errorOf(world.apply('kind: Dataset\nname: derived\nstate: absent\n'))).toMatchObject({ code: 'CONFLICT' });
  const pruned = await world.apply(SHOP, { prune: true });
  expect(pruned.changes.filter(({ change }) => change !== 'unchanged')).toEqual([]);
  expect((await world.catalog()).datasets.get('derived')?.producedBy).toBe('sums');
});

/** A pipeline as far as the catalog has to do with it: its document makes a dataset, and goes with it. */
const pipelineKind: ManifestKind<{ name: string }> = {
  kind: 'Pipeline',
  schema: KINDS[0]?.schema as ManifestKind<{ name: string }>['schema'],
  load: async (tx) =>
    new Map(
      (await tx.query<{ name: string }>('SELECT DISTINCT produced_by AS name FROM headgate.dataset WHERE produced_by IS NOT NULL')).map(({ name }) => [
        name,
        { name },
      ]),
    ),
  save: async () => undefined,
  settle: async (_inForce, { tx, appliedBy }, _failOf, saved) => {
    for (const name of saved)
      await saveDataset(tx, { name: `made_by_${name}`, fields: [{ name: 'n', type: 'bigint' }], key: ['n'] }, { producedBy: name, appliedBy });
  },
  remove: (name, { tx }) => removeDataset(tx, `made_by_${name}`),
};

test('a document may lead to what a pipeline of the same apply makes, and then holds it', async () => {
  const kinds = [...KINDS, pipelineKind];
  const leading = 'kind: Dataset\nname: leading\nfields: [{ name: n, type: bigint }]\nrelations: [{ name: sum, to: made_by_x, on: { n: n } }]\n';
  const dry = await world.apply(`${leading}---\nkind: Pipeline\nname: x\n`, { kinds, dryRun: true });
  expect(dry.version).toBe((await world.catalog()).version);
  const result = await world.apply(`${leading}---\nkind: Pipeline\nname: x\n`, { kinds });
  expect(result.changes.map(({ change }) => change)).toEqual(['create', 'create']);
  expect(await errorOf(world.apply('kind: Pipeline\nname: x\nstate: absent\n', { kinds }))).toMatchObject({
    code: 'CONFLICT',
    message: expect.stringMatching(/^Dataset leading, relations\[0\]\.to: there is no dataset "made_by_x"/),
  });
  const gone = await world.apply('kind: Dataset\nname: leading\nstate: absent\n---\nkind: Pipeline\nname: x\nstate: absent\n', { kinds });
  expect(gone.changes.map(({ name, change }) => `${name} ${change}`)).toEqual(['x remove', 'leading remove']);
});

test('a kind sees what the kinds before it made, in the same apply', async () => {
  const seen: (readonly string[])[] = [];
  const last: ManifestKind<{ name: string }> = {
    kind: 'Last',
    schema: pipelineKind.schema,
    load: async () => new Map(),
    save: async (_name, _spec, _before, { catalog }) => void seen.push([...(await catalog()).datasets.keys()]),
    remove: async () => undefined,
  };
  await world.apply('kind: Last\nname: l\n---\nkind: Pipeline\nname: y\n', { kinds: [...KINDS, pipelineKind, last], dryRun: true });
  expect(seen).toEqual([expect.arrayContaining(['made_by_y'])]);
});

test('prune removes what needs each other, tables included', async () => {
  const result = await world.apply('kind: Purpose\nname: analytics\ndescription: Statistics.\nlawfulBasis: legitimate_interests\n', { prune: true });
  expect(result.changes.map(({ name, change }) => `${name} ${change}`)).toEqual(['analytics unchanged', 'orders remove', 'customers remove']);
  expect(await world.database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'data'")).toEqual([{ tablename: 'derived' }]);
});

test('a deletion without a file names what it is about', async () => {
  const { audit } = world;
  const remove = (name: string) =>
    applyManifests({ database: world.database, kinds: KINDS, audit, actor: { subject: 'ada', roles: [] }, documents: [absentDocument('Dataset', name)] });
  await world.apply(SHOP);
  expect(await errorOf(remove('customers'))).toMatchObject({
    code: 'CONFLICT',
    message: expect.stringMatching(/^Dataset customers, name: it can't be removed/),
  });
  expect((await remove('orderz')).changes[0]?.change).toBe('unchanged');
});

test('two applies at once: one after the other, and both are whole', async () => {
  const text = (field: string) => `kind: Dataset\nname: racing\nfields: [{ name: id, type: bigint }, { name: ${field}, type: text }]\n`;
  const results = await Promise.allSettled([world.apply(text('a')), world.apply(text('b')), world.apply(text('a'))]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  const [row] = await world.database.query(
    "SELECT contract_version AS v, (SELECT count(*)::int FROM headgate.dataset_contract c WHERE c.dataset_id = d.id) AS n FROM headgate.dataset d WHERE name = 'racing'",
  );
  expect(row?.v).toBe(row?.n);
  const [dataset] = [(await world.catalog()).datasets.get('racing')];
  const columns = await world.database.query("SELECT attname FROM pg_attribute WHERE attrelid = 'data.racing'::regclass AND attnum > 0 AND NOT attisdropped");
  expect(new Set(columns.map(({ attname }) => attname))).toEqual(new Set([...(dataset?.fields.map(({ name }) => name) ?? []), '_rid', '_load']));
});

test('two datasets can exchange their types in one apply', async () => {
  const text = (a: string, b: string) =>
    `kind: Dataset\nname: ta\ntypeName: ${a}\nfields: [{ name: id, type: text }]\n---\nkind: Dataset\nname: tb\ntypeName: ${b}\nfields: [{ name: id, type: text }]\n`;
  await world.apply(text('Port', 'Starboard'));
  const result = await world.apply(text('Starboard', 'Port'));
  expect(result.changes.map(({ details }) => details)).toEqual([['typeName: "Port" -> "Starboard"'], ['typeName: "Starboard" -> "Port"']]);
});
