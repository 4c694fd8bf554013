import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { saveDataset } from '../../src/catalog/index.js';
import { createWorld, errorOf, type World } from './setup.js';

let world: World;

beforeAll(async () => {
  world = await createWorld();
});

afterAll(async () => {
  await world?.close();
});

const things = (fields: string, rest = 'key: [id]') =>
  `kind: Dataset\nname: things\nfields:\n${fields
    .trim()
    .split('\n')
    .map((field) => `  - { ${field.trim()} }`)
    .join('\n')}\n${rest}\n`;

const BEFORE = things(`name: id, type: integer
  name: label, type: text
  name: born, type: date
  name: sizes, type: "integer[]"
  name: price, type: decimal, required: true`);

/** A table with rows: a null label, a doubled price. */
beforeEach(async () => {
  await world.apply('kind: Dataset\nname: things\nstate: absent\n');
  await world.apply(BEFORE);
  await world.database.query("INSERT INTO data.things VALUES (1, 'a', '2000-02-29', '{1,2}', 1.50), (2, NULL, NULL, NULL, 1.50)");
});

const rows = () => world.database.query("SELECT * FROM (SELECT to_jsonb(t) - '_rid' - '_load' AS row FROM data.things t ORDER BY to_jsonb(t)->>'id') r");

test.each<[what: string, from: string | RegExp, to: string, details: string[], first: object]>([
  [
    'an optional field is added',
    'name: label',
    'name: extra, type: "text[]" }\n  - { name: label',
    ['field extra: text[], added'],
    { extra: null, label: 'a' },
  ],
  ['integer becomes bigint', 'id, type: integer', 'id, type: bigint', ['field id: integer -> bigint'], { id: 1 }],
  ['integer becomes decimal', 'id, type: integer', 'id, type: decimal', ['field id: integer -> decimal'], { id: 1 }],
  ['a list of integer becomes one of bigint', 'integer[]', 'bigint[]', ['field sizes: integer[] -> bigint[]'], { sizes: [1, 2] }],
  ['date becomes text', 'type: date', 'type: text', ['field born: date -> text'], { born: '2000-02-29' }],
  ['decimal becomes text and keeps its digits', 'type: decimal', 'type: text', ['field price: decimal -> text'], { price: '1.50' }],
  ['required becomes optional', ', required: true', '', ['field price: optional'], { price: 1.5 }],
  ['a key is given up', 'key: [id]', '', ['field id: optional', 'key: removed'], { id: 1 }],
  ['a key that tells the rows apart takes over', 'key: [id]', 'key: [id, price]', ['key: ["id"] -> ["id","price"]'], { id: 1 }],
  ['the type is renamed', 'key: [id]', 'key: [id]\ntypeName: Thingy', ['typeName: added, "Thingy"'], { id: 1 }],
  ['a description is added', 'key: [id]', 'key: [id]\ndescription: All of them.', ['description: added, "All of them."'], { id: 1 }],
])('with rows in the table, %s', async (_, from, to, details, first) => {
  const text = BEFORE.replace(from, to);
  const result = await world.apply(text);
  expect(result.changes).toEqual([{ kind: 'Dataset', name: 'things', change: 'update', details }]);
  const after = await rows();
  expect(after).toHaveLength(2);
  expect(after[0]?.row).toMatchObject(first);
  expect((await world.catalog()).datasets.get('things')?.contractVersion).toBe(2);
  expect((await world.apply(text)).changes[0]?.change).toBe('unchanged');
});

test('widened text is ordered by code point too, and indexes follow', async () => {
  await world.apply(BEFORE.replace('type: date', 'type: text').replace('key: [id]', 'key: [id]\nindexes: [[born]]'));
  const [row] = await world.database.query(
    "SELECT c.collname FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation WHERE attrelid = 'data.things'::regclass AND attname = 'born'",
  );
  expect(row).toEqual({ collname: 'C' });
  const indexed = () => world.database.query("SELECT indexdef FROM pg_indexes WHERE tablename = 'things' AND indexname LIKE '%__ix%'");
  expect(await indexed()).toHaveLength(1);
  await world.apply(BEFORE.replace('type: date', 'type: text'));
  expect(await indexed()).toEqual([]);
});

test.each<[what: string, from: string, to: string, path: string, message: RegExp]>([
  ['a field goes', '  - { name: label, type: text }\n', '', 'fields', /the field label is gone.*mark it "deprecated"/],
  ['a required field comes', 'name: label', 'name: extra, type: text, required: true }\n  - { name: label', 'fields[1].required', /extra is new and required/],
  ['text becomes a number', 'label, type: text', 'label, type: integer', 'fields[1].type', /can't change from text to integer/],
  ['date becomes timestamp', 'type: date', 'type: timestamp', 'fields[2].type', /can't change from date to timestamp/],
  ['decimal becomes float', 'type: decimal', 'type: float', 'fields[4].type', /values could be lost/],
  ['one value becomes a list', 'label, type: text', 'label, type: "text[]"', 'fields[1].type', /from text to text\[\]/],
  [
    'a field with nulls becomes required',
    'label, type: text',
    'label, type: text, required: true',
    'fields[1].required',
    /label can't become required: there are rows without a value/,
  ],
  ['a field with nulls becomes key', 'key: [id]', 'key: [label]', 'fields[1].required', /label can't become part of the key/],
  ['a key does not tell the rows apart', 'key: [id]', 'key: [price]', 'key', /not told apart by price/],
])('with rows in the table it is refused that %s', async (_, from, to, path, message) => {
  const before = [await world.snapshot(), await rows()];
  const error = await errorOf(world.apply(BEFORE.replace(from, to)));
  expect(error.message).toMatch(message);
  expect(error).toMatchObject({ code: 'CONFLICT', details: { file: 'm.yaml', path } });
  expect([await world.snapshot(), await rows()]).toEqual(before);
});

test('an empty table takes any contract', async () => {
  await world.database.query('TRUNCATE data.things');
  await world.apply(things('name: label, type: "integer[]"\n name: extra, type: uuid, required: true', 'key: [extra]'));
  expect(await rows()).toEqual([]);
  await world.database.query("INSERT INTO data.things (label, extra) VALUES ('{1}', gen_random_uuid())");
  expect(await world.database.reader.query({ name: 'x', text: 'SELECT label FROM data.things', values: [] })).toEqual([['{1}']]);
});

test('a relation that the change of another dataset breaks refuses it', async () => {
  await world.apply('kind: Dataset\nname: parts\nfields: [{ name: thing, type: integer }]\nrelations: [{ name: of, to: things, on: { thing: id } }]\n');
  const error = await errorOf(world.apply(BEFORE.replace('id, type: integer', 'id, type: text')));
  expect(error.message).toMatch(/Dataset parts, relations\[0\]\.on\.thing: thing is integer and things\.id is text/);
  await world.apply('kind: Dataset\nname: parts\nstate: absent\n');
});

test('a table in use is waited for, and then told as CONFLICT', async () => {
  const busy = await world.database.pool.connect();
  try {
    await busy.query('BEGIN; LOCK TABLE data.things IN ACCESS SHARE MODE');
    const error = await errorOf(world.apply(BEFORE.replace('id, type: integer', 'id, type: bigint')));
    expect(error).toMatchObject({ code: 'CONFLICT', message: expect.stringMatching(/things is in use by a load or a long read/) });
  } finally {
    await busy.query('ROLLBACK');
    busy.release();
  }
  expect((await world.apply(BEFORE.replace('id, type: integer', 'id, type: bigint'))).changes[0]?.change).toBe('update');
});

test('a pipeline can rebuild its dataset, and keeps the rows when they fit', async () => {
  const save = (type: 'bigint' | 'date' | 'text') =>
    world.database.transaction((tx) => saveDataset(tx, { name: 'made', fields: [{ name: 'n', type }] }, { producedBy: 'p', appliedBy: 'ada', rebuild: true }));
  const count = () => world.database.query('SELECT count(*)::int AS n FROM data.made');
  expect(await save('bigint')).toMatchObject({ changed: true, details: ['field n: bigint, added'] });
  await world.database.query('INSERT INTO data.made VALUES (1)');
  expect(await save('bigint')).toMatchObject({ changed: false, details: [] });
  await save('text');
  expect(await count()).toEqual([{ n: 1 }]);
  await save('date');
  expect(await count()).toEqual([{ n: 0 }]);
  const other = world.database.transaction((tx) =>
    saveDataset(tx, { name: 'made', fields: [{ name: 'n', type: 'date' }] }, { producedBy: 'q', appliedBy: 'ada' }),
  );
  expect(await errorOf(other)).toMatchObject({ code: 'CONFLICT', message: expect.stringMatching(/made by the pipeline p/) });
});
