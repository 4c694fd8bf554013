import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { catalogEntities } from '../../src/catalog/index.js';
import { QuarantineSweep } from '../../src/ingestion/index.js';
import { silentLog } from '../../src/kernel/index.js';
import { Database } from '../../src/store/index.js';
import { Served } from '../support/served.js';

let served: Served;
let engineer: string;
let loader: string;
let reader: string;
let nobody: string;

const MANIFESTS = `
kind: Dataset
name: people
typeName: Person
fields:
  - { name: id, type: bigint, required: true }
  - { name: email, type: text, tags: [pii.email], rules: [{ matches: '@' }] }
  - { name: age, type: integer, rules: [{ between: [0, 150] }] }
  - { name: badge, type: text, visibility: secret }
key: [id]
subject: id
drift: quarantine
quarantine: { keep: 30d }
---
kind: Dataset
name: sealed_people
typeName: SealedPerson
fields:
  - { name: id, type: bigint, required: true }
  - { name: email, type: text, encrypted: true, aliases: [mail] }
  - { name: age, type: integer }
key: [id]
subject: id
---
kind: Grant
name: engineers
to: { roles: [engineer] }
on: { datasets: [people, sealed_people] }
fields: { '*': allow, badge: allow }
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [people, sealed_people] }
fields: { id: allow, age: allow, email: { mask: redact } }
---
kind: Grant
name: filtered
to: { roles: [filtered] }
on: { datasets: [people] }
rows: "age > 0"
fields: { id: allow, age: allow, email: allow }
---
kind: Grant
name: loaders
to: { roles: [loader] }
on: { datasets: [people] }
rights: [ingest]
fields: { '*': allow }
`;

beforeAll(async () => {
  served = await Served.start();
  [engineer, loader, reader, nobody] = await Promise.all([
    served.token('eve', ['engineer']),
    served.token('lou', ['loader']),
    served.token('rita', ['reader']),
    served.token('ned', ['other']),
  ]);
  const { errors } = await served.ask(await served.token('ada', ['admin']), 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', {
    m: MANIFESTS,
  });
  expect(errors).toBeUndefined();
});
afterAll(() => served?.close());

interface Loaded {
  readonly id: string;
  readonly rowsLoaded: string;
  readonly rowsQuarantined: string;
}

async function load<T = Loaded>(who: string, dataset: string, content: string, more = ''): Promise<T> {
  const type = content.startsWith('{') ? 'application/x-ndjson' : 'text/csv';
  const response = await fetch(`${served.url}/ingest/${dataset}?mode=append${more}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${who}`, 'content-type': type },
    body: content,
  });
  const body: unknown = await response.json();
  expect(response.status, JSON.stringify(body)).toBe(200);
  return body as T;
}

interface Refused {
  readonly id: string;
  readonly raw: Readonly<Record<string, string | null>>;
  readonly attempts: number;
  readonly state: string;
  readonly reasons: readonly { readonly field: string | null; readonly rule: string }[];
}

async function refused(who: string, dataset: string, filter = ''): Promise<readonly Refused[]> {
  const query = `{ quarantine(dataset: "${dataset}"${filter}) { totalCount nodes { id raw attempts state reasons { field rule } } } }`;
  const { data, errors } = await served.ask<{ quarantine: { totalCount: number; nodes: Refused[] } }>(who, query);
  expect(errors).toBeUndefined();
  expect(data.quarantine.totalCount).toBe(data.quarantine.nodes.length);
  return data.quarantine.nodes;
}

interface Run {
  readonly id: string;
  readonly status: string;
  readonly rowsRead: string;
  readonly rowsLoaded: string;
  readonly rowsQuarantined: string;
  readonly rowsDeduplicated: string;
  readonly replayOf: readonly { readonly id: string }[];
  readonly error: unknown;
}

const RUN = 'id status rowsRead rowsLoaded rowsQuarantined rowsDeduplicated replayOf { id } error { message }';

async function replay(who: string, variables: Record<string, unknown>): Promise<Run> {
  const { data, errors } = await served.ask<{ replayQuarantine: Run }>(
    who,
    `mutation ($dataset: String!, $ids: [ID!], $patch: JSON) { replayQuarantine(dataset: $dataset, ids: $ids, patch: $patch) { ${RUN} } }`,
    variables,
  );
  expect(errors).toBeUndefined();
  const { id } = data.replayQuarantine;
  await expect.poll(async () => (await runOf(who, id)).status, { timeout: 15_000 }).not.toMatch(/QUEUED|RUNNING/);
  return runOf(who, id);
}

async function runOf(who: string, id: string): Promise<Run> {
  return (await served.ask<{ run: Run }>(who, `{ run(id: "${id}") { ${RUN} } }`)).data.run;
}

let first: Loaded;

test('refused rows are found by run, field, rule and state, and counted on the dataset', async () => {
  first = await load(engineer, 'people', 'id,email,age,badge\n1,no,30,a\n2,b@x,200,b\n3,c@x,x,c\n4,d@x,4,d\n');
  expect(first).toMatchObject({ rowsLoaded: '1', rowsQuarantined: '3' });
  expect((await refused(engineer, 'people', `, run: "${first.id}"`)).map(({ raw }) => raw['id'])).toEqual(['1', '2', '3']);
  expect((await refused(engineer, 'people', ', field: "age"')).map(({ raw }) => raw['id'])).toEqual(['2', '3']);
  expect((await refused(engineer, 'people', ', field: "age", rule: "type"')).map(({ raw }) => raw['id'])).toEqual(['3']);
  expect(await refused(engineer, 'people', ', state: DISCARDED')).toEqual([]);
  const { data } = await served.ask(engineer, '{ dataset(name: "people") { quarantineCount quarantineSummary { state field rule count } } }');
  expect(data['dataset']).toEqual({
    quarantineCount: 3,
    quarantineSummary: expect.arrayContaining([
      { state: 'OPEN', field: 'age', rule: 'between', count: 1 },
      { state: 'OPEN', field: 'email', rule: 'matches', count: 1 },
    ]),
  });
  const { data: seen } = await served.ask(engineer, `{ run(id: "${first.id}") { quarantine { totalCount nodes { run { id } } } } }`);
  expect(seen['run']).toMatchObject({ quarantine: { totalCount: 3, nodes: [{ run: { id: first.id } }, {}, {}] } });
});

test('who may not see a field learns nothing of it by looking for its reasons', async () => {
  const rows = await refused(reader, 'people');
  expect(rows.map(({ raw }) => raw)).toEqual([
    { id: '1', email: null, age: '30' },
    { id: '2', email: null, age: '200' },
    { id: '3', email: null, age: 'x' },
  ]);
  expect(await refused(reader, 'people', ', field: "email"')).toEqual([]);
  expect(await refused(reader, 'people', ', rule: "matches"')).toEqual([]);
  expect(await refused(reader, 'people', ', field: "age"')).toHaveLength(2);
  const { errors } = await served.ask(reader, '{ quarantine(dataset: "people", field: "badge") { totalCount } }');
  expect(errors?.[0]?.message).toContain('is no field');
});

test('rows that pass a replay leave the quarantine, the others stay with new reasons, and both runs know each other', async () => {
  const rows = await refused(engineer, 'people');
  const run = await replay(engineer, { dataset: 'people', ids: rows.slice(0, 2).map(({ id }) => id), patch: { email: 'mended@x' } });
  expect(run).toMatchObject({ status: 'SUCCEEDED', rowsRead: '2', rowsLoaded: '1', rowsQuarantined: '1', replayOf: [{ id: first.id }] });
  const left = await refused(engineer, 'people');
  expect(left.map(({ raw, attempts }) => [raw['id'], raw['email'], attempts])).toEqual([
    ['2', 'mended@x', 2],
    ['3', 'c@x', 1],
  ]);
  expect(await served.sql('SELECT id::int, email FROM data.people ORDER BY id')).toEqual([
    { id: 1, email: 'mended@x' },
    { id: 4, email: 'd@x' },
  ]);
  // The same again: the row that passed is not there any more, and nothing says how fresh the rows are.
  const loadedAt = () => served.sql("SELECT loaded_at FROM headgate.dataset WHERE name = 'people'");
  const before = await loadedAt();
  const again = await replay(engineer, { dataset: 'people', ids: rows.slice(0, 1).map(({ id }) => id), patch: { email: 'other@x' } });
  expect(again).toMatchObject({ status: 'SUCCEEDED', rowsRead: '0', rowsLoaded: '0' });
  expect(await loadedAt()).toEqual(before);
  const { data } = await served.ask(engineer, `{ run(id: "${first.id}") { replays { id } } }`);
  expect(data['run']).toEqual({ replays: [{ id: run.id }] });
  expect(
    await served.sql("SELECT decision, details ->> 'run' AS run FROM headgate.audit_record WHERE action = 'quarantine.replay' ORDER BY at LIMIT 1"),
  ).toEqual([{ decision: 'ALLOWED', run: run.id }]);
});

test('two replays of one row at a time load it once', async () => {
  const [row] = await refused(engineer, 'people');
  const both = await Promise.all([1, 2].map((age) => replay(engineer, { dataset: 'people', ids: [row?.id], patch: { age } })));
  expect(both.map(({ rowsRead, rowsLoaded }) => `${rowsRead} ${rowsLoaded}`).toSorted()).toEqual(['0 0', '1 1']);
  expect(await served.sql('SELECT count(*)::int AS n FROM data.people WHERE id = 2')).toEqual([{ n: 1 }]);
});

test('a patch sets fields and nothing else', async () => {
  const { id } = (await refused(engineer, 'people'))[0] ?? { id: '' };
  for (const patch of [{ 'age" = 1; DROP TABLE data.people; --': 1 }, { _rid: 'x' }, { badge2: 1 }, { age: { a: 1 } }, ['age'], 'age']) {
    const { errors } = await served.ask(engineer, 'mutation ($p: JSON, $i: [ID!]) { replayQuarantine(dataset: "people", ids: $i, patch: $p) { id } }', {
      p: patch,
      i: [id],
    });
    expect(errors?.[0]?.extensions['code'], JSON.stringify(patch)).toBe('BAD_USER_INPUT');
  }
  // A field that is secret to who asks is none.
  const { errors } = await served.ask(loader, 'mutation { replayQuarantine(dataset: "people", patch: { badge: "x" }) { id } }');
  expect(errors?.[0]?.message).toContain('is no field');
  const { errors: denied } = await served.ask(reader, `mutation { replayQuarantine(dataset: "people", ids: ["${id}"]) { id } }`);
  expect(denied?.[0]?.extensions['code']).toBe('FORBIDDEN');
});

test('who may load and not see may replay, and a value that is SQL stays a value', async () => {
  const { id } = (await refused(engineer, 'people'))[0] ?? { id: '' };
  const run = await replay(loader, { dataset: 'people', ids: [id], patch: { email: "'); DROP TABLE data.people; --@", age: 7 } });
  expect(run).toMatchObject({ rowsLoaded: '1' });
  expect(await served.sql('SELECT email FROM data.people WHERE id = 3')).toEqual([{ email: "'); DROP TABLE data.people; --@" }]);
});

test('rows with another column stay until the contract has it', async () => {
  await load(engineer, 'people', '{"id":10,"phone":"+49"}\n');
  expect(await replay(engineer, { dataset: 'people' })).toMatchObject({ rowsRead: '1', rowsQuarantined: '1' });
  const [row] = await refused(engineer, 'people', ', rule: "drift"');
  expect(row).toMatchObject({ raw: { id: '10', phone: '+49' }, attempts: 2, reasons: [{ field: null, rule: 'drift' }] });
  const with_ = MANIFESTS.split('---')[0]?.replace('tags: [pii.email], rules', 'tags: [pii.email], aliases: [phone], rules') ?? '';
  const { errors } = await served.ask(engineer, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: with_ });
  expect(errors).toBeUndefined();
  // Now it is the field, and masked as the field.
  expect((await refused(reader, 'people')).map(({ raw }) => raw)).toEqual([{ id: '10', phone: null }]);
  expect(await replay(engineer, { dataset: 'people' })).toMatchObject({ rowsLoaded: '0', rowsQuarantined: '1' });
});

test('a discarded row keeps its place and loses its values, with the reason on the record', async () => {
  const [row] = await refused(engineer, 'people');
  const discard = (who: string, reason: string) =>
    served.ask(who, 'mutation ($i: [ID!]!, $r: String!) { discardQuarantine(dataset: "people", ids: $i, reason: $r) }', { i: [row?.id], r: reason });
  expect((await discard(engineer, ' ')).errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
  expect((await discard(reader, 'a test')).errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
  expect((await discard(engineer, 'a test')).data).toEqual({ discardQuarantine: 1 });
  expect((await discard(engineer, 'a test')).data).toEqual({ discardQuarantine: 0 });
  expect(await refused(engineer, 'people', ', state: DISCARDED')).toMatchObject([{ id: row?.id, raw: {}, state: 'DISCARDED' }]);
  expect(await replay(engineer, { dataset: 'people', ids: [row?.id] })).toMatchObject({ rowsRead: '0' });
  expect(
    await served.sql("SELECT details ->> 'reason' AS reason FROM headgate.audit_record WHERE action = 'quarantine.discard' AND decision = 'ALLOWED' LIMIT 1"),
  ).toEqual([{ reason: 'a test' }]);
});

test('rows expire, but for those that a legal hold is on', async () => {
  await load(engineer, 'people', 'id,email,age,badge\n77,no,1,\n78,no,1,\n');
  const admin = await served.token('ada', ['admin']);
  const hold = await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', {
    m: 'kind: LegalHold\nname: dispute\nreason: a court\nsubjects: ["77"]\n',
  });
  expect(hold.errors).toBeUndefined();
  await served.sql("UPDATE headgate.quarantined_row SET created_at = now() - interval '31 days'");
  const held = await refused(engineer, 'people');
  const { errors } = await served.ask(engineer, 'mutation ($i: [ID!]!) { discardQuarantine(dataset: "people", ids: $i, reason: "old") }', {
    i: held.map(({ id }) => id),
  });
  expect(errors?.[0]?.extensions['code']).toBe('CONFLICT');
  const database = await Database.open({ connection: served.connection, entities: [...catalogEntities], statementTimeoutMs: 10_000 });
  const entries: unknown[] = [];
  const audit = { recordIn: async (_tx: unknown, fact: unknown) => void entries.push(fact) };
  try {
    const sweep = new QuarantineSweep({ database, audit: audit as never, log: silentLog });
    expect(await sweep.sweep()).toBe(2);
    await sweep.close();
  } finally {
    await database.close();
  }
  expect((await refused(engineer, 'people')).map(({ raw }) => raw['id'])).toEqual(['77']);
  expect(entries).toEqual([expect.objectContaining({ action: 'quarantine.expire', rowCount: 2 })]);
});

test('a value under an alias, and a patch of an encrypted field, are never plain in the database', async () => {
  const secret = 'nobody-knows@example.com';
  await load(engineer, 'sealed_people', `{"id":1,"mail":"${secret}","age":"x"}\n`);
  await load(engineer, 'sealed_people', `id,mail,age\n2,${secret},y\n`);
  const rows = await refused(engineer, 'sealed_people');
  expect(rows.map(({ raw }) => raw)).toEqual([
    { id: '1', email: secret, age: 'x' },
    { id: '2', email: secret, age: 'y' },
  ]);
  expect((await refused(reader, 'sealed_people')).map(({ raw }) => raw['email'])).toEqual([null, null]);
  const plain = () =>
    served.sql(
      `SELECT raw::text AS t FROM headgate.quarantined_row UNION ALL SELECT email FROM data.sealed_people UNION ALL SELECT input::text FROM headgate.run`,
    );
  const patched = 'another@example.com';
  expect(await replay(engineer, { dataset: 'sealed_people', ids: [rows[0]?.id], patch: { email: patched } })).toMatchObject({ rowsQuarantined: '1' });
  expect(JSON.stringify(await plain())).not.toMatch(/example\.com/);
  // Of another person: encrypted for that one.
  expect(await replay(engineer, { dataset: 'sealed_people', ids: [rows[1]?.id], patch: { id: 3, age: 4 } })).toMatchObject({ rowsLoaded: '1' });
  expect(await replay(engineer, { dataset: 'sealed_people', patch: { age: 5 } })).toMatchObject({ rowsLoaded: '1' });
  expect(JSON.stringify(await plain())).not.toMatch(/example\.com/);
  const { data } = await served.ask(engineer, '{ sealedPeople(orderBy: [{ id: ASC }]) { nodes { id email } } }');
  expect(data['sealedPeople']).toEqual({
    nodes: [
      { id: '1', email: patched },
      { id: '3', email: secret },
    ],
  });
});

test('an erasure finds a person in a refused row under an alias of the field that says whom it is about', async () => {
  const admin = await served.token('ada', ['admin']);
  const manifest = (aliases: string) =>
    `kind: Dataset\nname: aliased\ntypeName: Aliased\nfields: [{ name: id, type: bigint${aliases} }, { name: n, type: integer }]\nsubject: id\ndrift: quarantine\n`;
  const apply = async (m: string) =>
    expect((await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m })).errors).toBeUndefined();
  await apply(manifest(''));
  await load(engineer, 'aliased', '{"No":"007","n":1}\n{"No":"008","n":1}\n');
  await apply(manifest(', aliases: [No]'));
  const { errors } = await served.ask(admin, 'mutation { eraseSubject(subject: "7", reason: "a request") { quarantined } }');
  expect(errors).toBeUndefined();
  expect(
    await served.sql("SELECT q.raw ->> 'No' AS no FROM headgate.quarantined_row q JOIN headgate.dataset d ON d.id = q.dataset_id WHERE d.name = 'aliased'"),
  ).toEqual([{ no: '008' }]);
});

test('a contract that followed a load is served by every process', async () => {
  const HEADGATE_MASTER_KEY = (await readFile(join(served.home, 'master.key'), 'utf8')).trim();
  const other = await served.beside({ HEADGATE_MASTER_KEY, HEADGATE_ROLES: 'gateway' });
  try {
    const { errors } = await served.ask(await served.token('ada', ['admin']), 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', {
      m: 'kind: Dataset\nname: followed\ntypeName: Followed\nfields: [{ name: id, type: bigint }]\nkey: [id]\ndrift: evolve\n',
    });
    expect(errors).toBeUndefined();
    await load(engineer, 'followed', 'id,more\n1,x\n');
    const query = '{ dataset(name: "followed") { version fields { name tags } } }';
    const fields = [
      { name: 'id', tags: [] },
      { name: 'more', tags: ['unclassified'] },
    ];
    expect((await served.ask(engineer, query)).data['dataset']).toEqual({ version: 2, fields });
    await expect.poll(async () => (await other.ask(engineer, query)).data['dataset']).toEqual({ version: 2, fields });
  } finally {
    await other.app.close();
  }
});

interface Preview {
  readonly rowsRead: string;
  readonly rowsLoaded: string;
  readonly rowsQuarantined: string;
  readonly rows: readonly { readonly values: Readonly<Record<string, string | null>> }[];
  readonly reasons: readonly { readonly field: string | null; readonly count: string; readonly rows: readonly { readonly values: unknown }[] }[];
  readonly masked: readonly string[];
}

test('a preview shows each value only as far as its field is seen, does nothing, and is on the record', async () => {
  const csv = 'id,email,age,badge\n91,a@x,1,B1\n92,b@x,300,B2\n';
  const state = () =>
    served.sql(`SELECT (SELECT count(*) FROM data.people) AS rows, (SELECT count(*) FROM headgate.quarantined_row) AS refused, (SELECT count(*) FROM headgate.run) AS runs,
      (SELECT count(*) FROM headgate.ledger_entry) AS loads, (SELECT sum(data_version) FROM headgate.dataset) AS versions`);
  const before = await state();
  expect(await load<Preview>(engineer, 'people', csv, '&dryRun=true')).toMatchObject({
    rowsRead: '2',
    rowsLoaded: '1',
    rowsQuarantined: '1',
    rows: [{ values: { id: '91', email: 'a@x', age: '1', badge: 'B1' } }],
    reasons: [{ field: 'age', count: '1', rows: [{ line: '3', values: { id: '92', email: 'b@x', age: '300', badge: 'B2' } }] }],
    masked: [],
  });
  // They may load, and see nothing: counts and reasons are theirs, rows are not.
  const query =
    'mutation ($c: String!) { previewIngest(input: { dataset: "people", content: $c, format: csv }) { rowsRead rowsQuarantined rows { values } reasons { field count rows { values } } masked } }';
  const { data } = await served.ask<{ previewIngest: Preview }>(loader, query, { c: csv });
  expect(data.previewIngest).toEqual({
    rowsRead: '2',
    rowsQuarantined: '1',
    rows: [],
    reasons: [{ field: 'age', count: '1', rows: [] }],
    masked: ['id', 'email', 'age'],
  });
  const both = await served.token('bob', ['loader', 'reader']);
  const { data: masked } = await served.ask<{ previewIngest: Preview }>(both, query, { c: csv });
  expect(masked.previewIngest).toMatchObject({ rows: [{ values: { id: '91', email: null, age: '1' } }], masked: ['email'] });
  // Who may not see every row is shown none, and told how many there are.
  const some = await served.token('fay', ['loader', 'filtered']);
  const { data: hidden } = await served.ask<{ previewIngest: Preview }>(some, query, { c: csv });
  expect(hidden.previewIngest).toMatchObject({ rowsRead: '2', rows: [], reasons: [{ field: 'age', count: '1', rows: [] }] });
  expect(JSON.stringify([data, masked, hidden])).not.toMatch(/B1|a@x/);
  const { errors } = await served.ask(nobody, query, { c: csv });
  expect(errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
  expect(await state()).toEqual(before);
  expect(await served.sql("SELECT principal FROM headgate.audit_record WHERE action = 'ingest.preview' AND decision = 'ALLOWED' ORDER BY at")).toEqual([
    { principal: 'eve' },
    { principal: 'lou' },
    { principal: 'bob' },
    { principal: 'fay' },
  ]);
});
