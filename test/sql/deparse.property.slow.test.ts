import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isHeadgateError } from '../../src/kernel/index.js';
import { compileExpression, identifier, literal, prepareParser, render } from '../../src/sql/index.js';
import { createTestDatabase } from '../support/database.js';

const columns = new Map([
  ['i', 'integer'],
  ['n', 'numeric'],
  ['t', 'text'],
  ['b', 'boolean'],
  ['d', 'date'],
  ['x', 'text[]'],
]);
const ROW = `(SELECT 3 AS i, 2.50 AS n, 'a''b\\c' AS t, false AS b, DATE '2020-02-29' AS d, ARRAY['a', NULL] AS x) AS r`;

let client: pg.Client;
let drop: () => Promise<void>;

beforeAll(async () => {
  await prepareParser();
  const created = await createTestDatabase();
  drop = created.drop;
  client = new pg.Client(created.connection);
  await client.connect();
});

afterAll(async () => {
  await client?.end();
  await drop?.();
});

/** The value, or the code of the error; messages name places in the text, which differ. */
async function outcome(text: string, values: readonly unknown[] = []): Promise<unknown> {
  try {
    const { rows } = await client.query<{ v: unknown; type: string }>(
      `SELECT pg_catalog.to_jsonb(v) AS v, pg_typeof(v) AS type FROM (SELECT ${text} AS v FROM ${ROW}) AS q`,
      [...values],
    );
    return rows;
  } catch (error) {
    return (error as pg.DatabaseError).code;
  }
}

/** The same of what is deparsed. It may be refused only where PostgreSQL has a syntax error too: `a LIKE b ESCAPE c ESCAPE d`. */
async function outcomeOfCompiled(text: string): Promise<unknown> {
  let statement;
  try {
    statement = render(compileExpression(text, { columns }).toSql({ column: (name) => identifier('r', name) }));
  } catch (error) {
    if (isHeadgateError(error) && error.message.includes('syntax error')) return '42601';
    throw error;
  }
  return outcome(statement.text, statement.values);
}

/**
 * Expressions by chance, well typed in their leaves and operators only: parentheses are left out as often as not, so that
 * precedence decides what is meant.
 */
const { expression } = fc.letrec<{ expression: string; number: string; text: string; condition: string }>((tie) => {
  const number = tie('number');
  const text = tie('text');
  const condition = tie('condition');
  const quoted = fc
    .string({ maxLength: 6, unit: 'grapheme' })
    .filter((s) => !s.includes('\0'))
    .map((s) => `'${s.replaceAll("'", "''")}'`);
  const parenthesised = (arbitrary: fc.Arbitrary<string>) => arbitrary.map((s) => `(${s})`);
  const of = (format: (a: string, b: string, c: string) => string, a: fc.Arbitrary<string>, b = a, c = a) =>
    fc.tuple(a, b, c).map(([x, y, z]) => format(x, y, z));
  const binary = (operators: string[], operand: fc.Arbitrary<string>) =>
    fc.tuple(operand, fc.constantFrom(...operators), operand).map(([a, operator, b]) => `${a} ${operator} ${b}`);
  return {
    expression: fc.oneof(number, text, condition),
    number: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom('i', 'n', '0', '1', '-2', '2.5', '1e3', '.5', 'NULL', '9999999999'),
      parenthesised(number),
      binary(['+', '-', '*', '/', '%', '^', '#'], number),
      number.map((a) => `- ${a}`),
      number.map((a) => `${a}::int`),
      number.map((a) => `CAST(${a} AS numeric(8, 2))`),
      of((a, b, c) => `CASE WHEN ${a} THEN ${b} ELSE ${c} END`, condition, number, number),
      of((a, b) => `coalesce(${a}, ${b})`, number),
      of((a, b) => `greatest(${a}, ${b})`, number),
      text.map((a) => `length(${a})`),
      fc.constantFrom('extract(month from d)', "position('b' in t)", 'cardinality(x)'),
    ),
    text: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom('t', 'x[1]', "E'\\t\\\\'", "U&'\\00e9\\+01F600'", "$q$it's $1$q$", 'NULL::text'),
      quoted,
      parenthesised(text),
      binary(['||'], text),
      of((a) => `upper(${a})`, text),
      of((a) => `trim(leading 'a' from ${a})`, text),
      of((a, b) => `substring(${a} from ${b})`, text, fc.constantFrom('1', '2', "'.'")),
      number.map((a) => `${a}::text`),
      of((a) => `${a} COLLATE "C"`, text),
      of((a, b) => `nullif(${a}, ${b})`, text),
      fc.constantFrom("to_char(d, 'YYYY')", "overlay(t placing 'zz' from 2 for 1)"),
    ),
    condition: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom(
        'b',
        'true',
        "d > '2019-01-01'",
        "d + interval '1 day' < '2021-01-01'",
        '(d, d) OVERLAPS (d, d)',
        "'a' = ANY (x)",
        "(i, t) IN ((3, 'x'), (1, t))",
      ),
      parenthesised(condition),
      binary(['=', '<>', '<', '>=', '!=', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM'], number),
      binary(['=', '<', 'LIKE', 'NOT ILIKE', 'SIMILAR TO', '~~', '^@'], text),
      binary(['AND', 'OR', '=', 'IS DISTINCT FROM'], condition),
      of((a) => `NOT ${a}`, condition),
      fc.tuple(fc.oneof(number, text, condition), fc.constantFrom('IS NULL', 'IS NOT NULL', 'ISNULL')).map(([a, is]) => `${a} ${is}`),
      fc.tuple(condition, fc.constantFrom('IS TRUE', 'IS NOT FALSE', 'IS UNKNOWN')).map(([a, is]) => `${a} ${is}`),
      fc
        .tuple(number, fc.constantFrom('BETWEEN', 'NOT BETWEEN', 'BETWEEN SYMMETRIC'), number, number)
        .map(([a, between, low, high]) => `${a} ${between} ${low} AND ${high}`),
      of((a, b, c) => `${a} BETWEEN ${b} AND ${c}`, condition),
      of((a, b, c) => `${a} NOT IN (${b}, ${c})`, number),
      of((a, b) => `${a} LIKE ${b} ESCAPE '!'`, text),
    ),
  };
});

test('what is deparsed means what was typed: the same value, type or error from PostgreSQL', async () => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(expression, async (text) => {
      fc.pre(text.length < 2_000);
      const typed = await outcome(text);
      expect(await outcomeOfCompiled(text)).toEqual(typed);
      if (Array.isArray(typed)) compared++;
    }),
    { numRuns: 1_500 },
  );
  expect(compared).toBeGreaterThan(300);
});

test('any text as a constant keeps its value, in the deparser and in literal()', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'binary', maxLength: 30 }).filter((s) => !s.includes('\0') && s.isWellFormed() && !s.toLowerCase().startsWith('_hg_')),
      async (value) => {
        const compiled = render(compileExpression(render(literal(value)).text, { columns }).toSql({ column: (name) => identifier(name) }));
        const { rows } = await client.query(`SELECT ${compiled.text} = $1 AS same`, [value]);
        expect(rows).toEqual([{ same: true }]);
      },
    ),
    { numRuns: 300 },
  );
});
