import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { param, renderLiterals, sql } from '../../src/sql/index.js';
import { createTestDatabase } from '../support/database.js';

let client: pg.Client;
let drop: () => Promise<void>;

beforeAll(async () => {
  const created = await createTestDatabase();
  drop = created.drop;
  client = new pg.Client(created.connection);
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await drop();
});

const NASTY = [
  "'",
  '"',
  '\\',
  "\\'",
  '$$',
  '--',
  '/*',
  '*/',
  ';',
  '\n',
  '\r',
  '\t',
  '{',
  '}',
  ',',
  'NULL',
  "E'",
  '\u2028',
  'ß',
  '😀',
  '%',
  '::',
  '$1',
  '\u0001',
  '\u007f',
];
const text = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.constantFrom(...NASTY), { maxLength: 12 }).map((pieces) => pieces.join('')),
  )
  .map((value) => value.replaceAll('\0', ''));

async function valueOf(value: unknown, type: string): Promise<unknown> {
  const statement = renderLiterals(sql`SELECT ${param('the value', type)} AS v, 'behind' AS more`, () => value);
  const { rows } = await client.query<{ v: unknown; more: string }>(statement);
  expect(rows).toHaveLength(1);
  expect(rows[0]?.more).toBe('behind');
  return rows[0]?.v;
}

test.each(['on', 'off'])('any text comes back from PostgreSQL as it is, with standard_conforming_strings %s', async (setting) => {
  await client.query(`SET standard_conforming_strings = ${setting}`);
  await fc.assert(
    fc.asyncProperty(text, async (value) => {
      expect(await valueOf(value, 'text')).toBe(value);
    }),
    { numRuns: 400 },
  );
  await client.query('RESET standard_conforming_strings');
});

test('so do lists of texts, with nulls in them', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(text)), async (value) => {
      expect(await valueOf(value, 'text[]')).toEqual(value);
    }),
    { numRuns: 300 },
  );
});

test.each([
  [null, 'text', null],
  [undefined, 'text', null],
  [true, 'boolean', true],
  [-1.5, 'double precision', -1.5],
  ['9223372036854775807', 'bigint', '9223372036854775807'],
  [['1', '-2'], 'bigint[]', ['1', '-2']],
  ['{"a\'": "\\""}', 'jsonb', { "a'": '"' }],
  [Buffer.from([0, 39, 92, 255]), 'bytea', Buffer.from([0, 39, 92, 255])],
])('%j as %s is read as its type', async (value, type, expected) => {
  expect(await valueOf(value, type)).toEqual(expected);
});

test('a parameter that stands twice is written twice, and a minus before a value is no other number', async () => {
  const twice = param('x', 'text');
  const { rows } = await client.query<{ a: string }>(
    renderLiterals(sql`SELECT ${twice} || ${twice} AS a, - ${param('y', 'integer')} AS b`, (name) => (name === 'x' ? "'" : -3)),
  );
  expect(rows).toEqual([{ a: "''", b: 3 }]);
});

test('NUL is refused', () => {
  expect(() => renderLiterals(sql`SELECT ${param('x', 'text')}`, () => 'a\0b')).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }));
});
