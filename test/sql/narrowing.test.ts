import { beforeAll, expect, test } from 'vitest';
import { compileExpression, prepareParser } from '../../src/sql/index.js';

beforeAll(() => prepareParser());

const COLUMNS = new Map([
  ['name', 'text'],
  ['country', 'text'],
  ['tier', 'integer'],
  ['id', 'bigint'],
  ['balance', 'numeric'],
  ['weight', 'double precision'],
  ['born', 'date'],
  ['paid', 'boolean'],
  ['at', 'timestamp with time zone'],
]);

/** As `column operator values`, and a star where that is all that the condition asks. */
function shown(condition: string): string {
  const { tests, isWhole } = compileExpression(condition, { columns: COLUMNS, claims: true }).narrowing;
  const texts = tests.map(
    ({ column, operator, values }) => `${column} ${operator} ${values.map((value) => ('claim' in value ? `claim ${value.claim}` : value.text)).join('|')}`,
  );
  return `${texts.join(' and ')}${isWhole ? ' *' : ''}`.trim();
}

test.each([
  ["country = 'DE'", 'country in DE *'],
  ["'DE' = country", 'country in DE *'],
  ["country = claim('country')", 'country in claim country *'],
  ["country = claim('country') AND tier >= 3", 'country in claim country and tier gte 3 *'],
  ['3 < tier AND length(name) > 2', 'tier gt 3'],
  ["country IN ('DE', claim('other'))", 'country in DE|claim other *'],
  ["country = 'DE' OR country = 'FR'", 'country in DE|FR *'],
  ["country = 'DE' OR tier = 3", ''],
  ["(country = 'DE' AND tier = 1) OR (country = 'FR' AND tier = 2)", 'country in DE|FR and tier in 1|2'],
  ["country = 'DE' OR name LIKE 'a%'", ''],
  ['tier = 0', 'tier in 0 *'],
  ['tier = -3', 'tier in -3 *'],
  ["tier = '7'", 'tier in 7 *'],
  ["name = ''", 'name in  *'],
  ['balance < 12.50', 'balance lt 12.50 *'],
  ["born >= '2000-01-31'", 'born gte 2000-01-31 *'],
  ['paid = true', 'paid in true *'],
  ['id = 9007199254740993', 'id in 9007199254740993 *'],
  ["tier = claim('tier')::int", 'tier in claim tier *'],
  ["id = CAST(claim('id') AS bigint)", 'id in claim id *'],
  ['true', '*'],
])('what is necessary for %s', (condition, expected) => {
  expect(shown(condition)).toBe(expected);
});

test.each([
  "NOT country = 'DE'",
  "country <> 'DE'",
  'country IS NULL',
  "country NOT IN ('DE')",
  'tier = 3.5',
  'tier = NULL',
  "name < 'm'",
  "lower(country) = 'de'",
  "country || '' = 'DE'",
  'tier = tier',
  'tier + 1 = 3',
  'weight = 1',
  "at = '2020-01-01'",
  "born = 'infinity'",
  "(country = 'DE') IS NOT FALSE",
  "CASE WHEN tier = 1 THEN country = 'DE' ELSE true END",
  "coalesce(country, 'DE') = 'DE'",
  'tier = ANY (ARRAY[1, 2])',
  "tier = claim('tier')::numeric",
  "balance = claim('balance')::numeric",
  "country = upper(claim('country'))",
])('nothing is known of %s', (condition) => {
  expect(shown(condition)).toBe('');
});
