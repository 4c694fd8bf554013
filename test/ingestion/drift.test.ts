import { afterAll, beforeAll, expect, test } from 'vitest';
import { Served } from '../support/served.js';

let served: Served;
let engineer: string;
let steward: string;
let reader: string;

const MANIFESTS = `
kind: Dataset
name: orders
typeName: Order
fields:
  - { name: id, type: integer, required: true }
  - { name: amount, type: integer }
  - { name: country, type: text, aliases: [Land, cc], default: DE }
  - { name: placed, type: date, default: today }
  - { name: checked, type: integer, rules: [{ between: [0, 100] }] }
key: [id]
drift: evolve
---
kind: Dataset
name: strict
fields:
  - { name: id, type: bigint, required: true }
  - { name: email, type: text, aliases: [mail] }
key: [id]
---
kind: Dataset
name: held
typeName: Held
fields:
  - { name: id, type: bigint, required: true }
  - { name: email, type: text, aliases: [mail], tags: [pii.email] }
key: [id]
drift: quarantine
---
kind: Dataset
name: watched
fields:
  - { name: id, type: integer, required: true }
  - { name: seen, type: integer }
  - { name: hidden, type: integer }
  - { name: free, type: integer }
key: [id]
drift: evolve
---
kind: Dataset
name: piped
typeName: Piped
fields:
  - { name: id, type: integer, required: true }
  - { name: n, type: integer }
key: [id]
drift: evolve
---
kind: Pipeline
name: sums
steps:
  - { name: all, transform: { from: piped, select: [id, n] } }
  - { publish: { to: piped_sums } }
---
kind: Grant
name: watchers
to: { roles: [watcher] }
on: { datasets: [watched] }
rows: "seen > 0"
fields: { '*': allow, hidden: { mask: redact } }
---
kind: Grant
name: readers
to: { roles: [reader, engineer, steward] }
on: { datasets: ['*'] }
fields: { '*': allow, 'tag:pii': deny }
`;

beforeAll(async () => {
  served = await Served.start();
  [engineer, steward, reader] = [await served.token('eve', ['engineer']), await served.token('stella', ['steward']), await served.token('rita', ['reader'])];
  await apply(await served.token('ada', ['admin']), MANIFESTS);
});
afterAll(() => served?.close());

async function apply(who: string, manifest: string): Promise<void> {
  const { errors } = await served.ask(who, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: manifest });
  expect(errors).toBeUndefined();
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown> & { readonly detail?: string };
}

async function load(dataset: string, content: string, more = ''): Promise<Answer> {
  const type = content.startsWith('{') ? 'application/x-ndjson' : 'text/csv';
  const response = await fetch(`${served.url}/ingest/${dataset}?mode=append${more}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${engineer}`, 'content-type': type },
    body: content,
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

async function fieldsOf(dataset: string): Promise<Record<string, string>> {
  const { data } = await served.ask<{ dataset: { fields: { name: string; type: string }[] } }>(
    engineer,
    `{ dataset(name: "${dataset}") { fields { name type } } }`,
  );
  return Object.fromEntries(data.dataset.fields.map(({ name, type }) => [name, type]));
}

test('a column is a field by its alias, and a field without one has its default', async () => {
  expect(await load('orders', 'id,amount,Land,checked\n1,5,FR,1\n2,6,,2\n')).toMatchObject({ status: 200, body: { rowsLoaded: '2' } });
  expect(await load('orders', '{"id":3,"cc":null}\n{"id":4,"cc":"IT","placed":"2024-01-01"}\n')).toMatchObject({ status: 200, body: { rowsLoaded: '2' } });
  expect(await served.sql('SELECT id, country, placed = current_date AS today FROM data.orders ORDER BY id')).toEqual([
    { id: 1, country: 'FR', today: true },
    { id: 2, country: 'DE', today: true },
    { id: 3, country: 'DE', today: true },
    { id: 4, country: 'IT', today: false },
  ]);
});

test('two columns for one field are refused, and neither wins', async () => {
  expect(await load('strict', 'id,email,mail\n1,a,b\n')).toMatchObject({
    status: 422,
    body: { detail: expect.stringContaining('"email" and "mail" are both the field email') },
  });
  expect(await load('strict', '{"id":1,"email":null}\n{"id":2,"email":"a","mail":"b"}\n')).toMatchObject({ status: 422, body: { line: 2 } });
  expect(await served.sql('SELECT count(*)::int AS n FROM data.strict')).toEqual([{ n: 0 }]);
});

test('freeze refuses a column that is not in the contract', async () => {
  expect(await load('strict', 'id,email,x\n1,a,b\n')).toMatchObject({ status: 422, body: { detail: expect.stringContaining('not in the contract: x') } });
  expect(await load('strict', '{"id":1,"x":null}\n')).toMatchObject({ status: 422, body: { line: 1, extra: ['x'] } });
});

test('quarantine keeps the rows that have a value in such a column, and loads the others', async () => {
  expect(await load('held', 'id,mail,ssn\n1,a,123-45\n2,b,\n')).toMatchObject({ status: 200, body: { rowsRead: '2', rowsLoaded: '1', rowsQuarantined: '1' } });
  expect(await load('held', '{"id":3,"ssn":null}\n{"id":4,"ssn":{"n":1}}\n')).toMatchObject({ status: 200, body: { rowsLoaded: '1', rowsQuarantined: '1' } });
  const rows = await served.sql("SELECT raw, reasons -> 0 ->> 'rule' AS rule FROM headgate.quarantined_row ORDER BY id");
  expect(rows).toEqual([
    { raw: { id: '1', email: 'a', ssn: '123-45' }, rule: 'drift' },
    { raw: { id: '4', ssn: '{"n": 1}' }, rule: 'drift' },
  ]);
});

test('a refused row shows no column that nobody classified, and no field under an alias', async () => {
  await served.sql(`UPDATE headgate.quarantined_row SET raw = raw - 'email' || '{"mail": "a"}' WHERE raw ? 'email'`);
  const query = '{ quarantine(dataset: "held", field: null) { nodes { raw reasons { rule } } } }';
  for (const who of [reader, engineer]) {
    const { data } = await served.ask<{ quarantine: { nodes: { raw: unknown }[] } }>(who, query);
    expect(data.quarantine.nodes[0]?.raw).toEqual({ id: '1', mail: null });
  }
});

test('evolve adds what came as optional fields that nobody is shown, under legal names', async () => {
  const csv =
    'id,amount,Unit Price,zip,seen,ok,ref,doc,when\n11,1,2.50,01234,2024-01-01,true,0190b5a2-7a5e-7f00-8000-000000000001,{},2024-01-01T10:00:00Z\n12,2,3,99999,2024-01-02,false,,,\n';
  const preview = await load('orders', csv, '&dryRun=true');
  expect(preview).toMatchObject({
    status: 200,
    body: { rowsLoaded: '2', drift: expect.arrayContaining([{ column: 'Unit Price', field: 'unit_price', from: null, to: 'decimal' }]) },
  });
  expect(await fieldsOf('orders')).not.toHaveProperty('unit_price');
  expect(await load('orders', csv)).toMatchObject({ status: 200, body: { rowsLoaded: '2' } });
  expect(await fieldsOf('orders')).toMatchObject({
    unit_price: 'decimal',
    zip: 'text',
    seen: 'date',
    ok: 'boolean',
    ref: 'uuid',
    doc: 'json',
    when: 'timestamp',
  });
  expect(await served.sql('SELECT unit_price::text, zip FROM data.orders WHERE id > 10 ORDER BY id')).toEqual([
    { unit_price: '2.50', zip: '01234' },
    { unit_price: '3', zip: '99999' },
  ]);
  const { errors } = await served.ask(reader, '{ orders(where: { id: { eq: 11 } }) { nodes { id unitPrice } } }');
  expect(errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
  // The old files go on, and so does the new one.
  expect(await load('orders', 'id,amount\n13,1\n')).toMatchObject({ status: 200, body: { rowsLoaded: '1' } });
  expect(await load('orders', csv)).toMatchObject({ status: 200, body: { rowsLoaded: '0', rowsDeduplicated: '2' } });
  expect(await served.sql("SELECT details FROM headgate.audit_record WHERE action = 'dataset.evolve'")).toEqual([
    { details: expect.objectContaining({ added: expect.arrayContaining([{ field: 'unit_price', type: 'decimal' }]) }) },
  ]);
});

test('JSON members are added by what JSON says they are', async () => {
  expect(await load('orders', '{"id":20,"code":"007","count":7,"tags":["a"],"nothing":null}\n{"id":21,"code":"8","count":9007199254740993}\n')).toMatchObject({
    status: 200,
    body: { rowsLoaded: '2' },
  });
  const fields = await fieldsOf('orders');
  expect(fields).toMatchObject({ code: 'text', count: 'bigint', tags: 'json' });
  expect(fields).not.toHaveProperty('nothing');
});

test('columns without a Latin letter are told apart by numbers, and by their names', async () => {
  expect(await load('orders', 'id,名前,住所\n25,a,b\n')).toMatchObject({ status: 200, body: { rowsLoaded: '1' } });
  expect(await load('orders', 'id,住所,名前\n26,b,a\n')).toMatchObject({ status: 200, body: { rowsLoaded: '1' } });
  expect(await served.sql('SELECT DISTINCT "column", column_2 FROM data.orders WHERE id IN (25, 26)')).toHaveLength(1);
});

test('a value that only a wider type holds widens the field; one that nothing holds is quarantined', async () => {
  expect(await load('orders', 'id,amount,placed\n30,3000000000,2024-01-01\n31,1.5,2024-01-01T10:00:00Z\n32,many,2024-01-02\n')).toMatchObject({
    status: 200,
    body: { rowsLoaded: '2', rowsQuarantined: '1' },
  });
  expect(await fieldsOf('orders')).toMatchObject({ amount: 'decimal', placed: 'timestamp' });
  expect(await served.sql('SELECT amount::text, placed::text FROM data.orders WHERE id IN (30, 31) ORDER BY id')).toEqual([
    { amount: '3000000000', placed: '2024-01-01 00:00:00+00' },
    { amount: '1.5', placed: '2024-01-01 10:00:00+00' },
  ]);
});

test('keys keep their type, and a field with a rule never becomes text', async () => {
  expect(await load('orders', 'id,checked\n3000000000,1\n40,a\n41,b\n')).toMatchObject({ status: 200, body: { rowsLoaded: '0', rowsQuarantined: '3' } });
  expect(await fieldsOf('orders')).toMatchObject({ id: 'integer', checked: 'integer' });
});

test('a field keeps its type when the condition of a grant, a mask or a pipeline depends on it; new columns come all the same', async () => {
  expect(await load('watched', 'id,seen,hidden,free,more\n1,1.5,1,1,x\n2,1,1.5,1,x\n3,1,1,1.5,x\n')).toMatchObject({
    status: 200,
    body: { rowsLoaded: '1', rowsQuarantined: '2' },
  });
  expect(await fieldsOf('watched')).toMatchObject({ seen: 'integer', hidden: 'integer', free: 'decimal', more: 'text' });
  expect(await load('piped', 'id,n,more\n1,1.5,x\n2,2,y\n')).toMatchObject({ status: 200, body: { rowsLoaded: '1', rowsQuarantined: '1' } });
  expect(await fieldsOf('piped')).toMatchObject({ n: 'integer', more: 'text' });
  expect(await fieldsOf('piped_sums')).toEqual({ id: 'integer', n: 'integer' });
});

test('a column that would be named like a field is refused: it can not go around that field', async () => {
  expect(await load('orders', 'id,Country\n50,x\n')).toMatchObject({ status: 422, body: { detail: expect.stringContaining('named like the field country') } });
  expect(await load('orders', '{"id":50,"unitPrice":1}\n')).toMatchObject({ status: 422, body: { detail: expect.stringContaining('unit_price') } });
});

test('a change policy that wants a reason for a new contract refuses the load, and says what to do', async () => {
  const admin = await served.token('ada', ['admin']);
  await apply(admin, 'kind: ChangePolicy\nname: reasons\nrequireReason: [Dataset]\n');
  expect(await load('orders', 'id,brand_new\n60,x\n')).toMatchObject({ status: 409, body: { detail: expect.stringContaining('headgate apply') } });
  expect(await load('watched', 'id,free\n4,many\n5,more\n')).toMatchObject({ status: 409 });
  expect(await load('orders', 'id\n61\n')).toMatchObject({ status: 200, body: { rowsLoaded: '1' } });
  const { errors } = await served.ask(admin, 'mutation { deleteChangePolicy(name: "reasons") }');
  expect(errors).toBeUndefined();
  expect(steward).toBeDefined();
});
