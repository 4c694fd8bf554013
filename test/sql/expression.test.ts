import { beforeAll, describe, expect, test } from 'vitest';
import { isHeadgateError } from '../../src/kernel/index.js';
import { compileExpression, identifier, param, prepareParser, render, type Expression } from '../../src/sql/index.js';

const columns = new Map([
  ['name', 'text'],
  ['age', 'integer'],
  ['born', 'date'],
  ['seen', 'timestamptz'],
  ['tags', 'text[]'],
  ['doc', 'jsonb'],
]);

beforeAll(() => prepareParser());

function compile(text: string): Expression {
  return compileExpression(text, { columns, claims: true });
}

function textOf(text: string): string {
  return render(compile(text).toSql({ column: (name) => identifier('r', name), claim: (name) => param(`value of ${name}`, 'text') })).text;
}

function problemOf(text: string, claims = true): { message: string; position: unknown } {
  try {
    compileExpression(text, { columns, claims });
  } catch (error) {
    if (isHeadgateError(error) && error.code === 'BAD_USER_INPUT') return { message: error.message, position: error.details.position };
    throw error;
  }
  throw new Error(`"${text}" was allowed`);
}

describe('what it tells', () => {
  test('the columns and claims that it names, once each and sorted', () => {
    const expression = compile("name = claim('country') OR name = claim('city') OR age > 3 OR name = claim('country')");
    expect(expression).toMatchObject({ columns: ['age', 'name'], claims: ['city', 'country'], usesTime: false });
  });

  test.each([
    'seen > now()',
    'born = current_date',
    'seen < localtimestamp(3)',
    "age(seen) > interval '1 year'",
    "seen > 'now'",
    "born = ' TODAY '",
    "seen = 'tomorrow 12:00'",
    "seen = any('{now}')",
    'name::date > born',
    "born < (name || '')::timestamptz",
    'statement_timestamp() > seen',
  ])('%s depends on the moment', (text) => expect(compile(text).usesTime).toBe(true));

  test.each(["seen > '2020-01-01'", 'seen::date = born', "born = date '2020-01-01'", "name = 'nowhere'", 'age(seen, seen) is null', "name = 'todays'"])(
    '%s does not',
    (text) => expect(compile(text).usesTime).toBe(false),
  );
});

describe('total on every row', () => {
  test.each([
    "name = claim('country')",
    'age BETWEEN 1 AND 5 OR name IS NULL',
    "born < current_date - interval '12 years'",
    "age <= claim('level')::int",
    "doc ->> 'country' = ANY ('{DE,FR}') AND tags @> ARRAY['a']",
    "CASE WHEN lower(name) LIKE 'a%' THEN age IN (1, 2) ELSE left(name, 2) = 'DE' END",
    "seen::date > '2020-01-01' AND age::text <> '' AND age::numeric > 1.5",
    "name ~ '^a+$' AND coalesce(name, 'x') || 'y' <> 'z'",
    'length(name) > 3 AND NOT tags[1] = name',
  ])('%s is', (text) => expect(compile(text).isTotal).toBe(true));

  test.each([
    '100 / age > 2',
    'age + 1 > 2',
    '-age > 2',
    'name::int = 1',
    "(doc ->> 'age')::int > 5",
    'name ~ name',
    'name LIKE name',
    "born + interval '1 day' > current_date",
    'sqrt(age) > 1',
    'substring(name from age) = name',
    "to_date(name, 'YYYY') = born",
    'left(name, age) = name',
    'born < seen',
    'CASE WHEN age > 0 THEN 100 / age > 2 ELSE false END',
    'name::varchar(3) = name',
    'tags::text::jsonb IS NULL',
  ])('%s is not, as far as is known', (text) => expect(compile(text).isTotal).toBe(false));
});

describe('holes', () => {
  test('columns and claims are put in by structure: texts and names that look like holes stay what they are', () => {
    expect(textOf("name = '$1' || claim('$2') || $$ $1 $$")).toBe(`(("r"."name") = (('$1' || ($1::text)) || ' $1 '))`);
  });

  test('the same claim is one parameter where the caller makes it one', () => {
    const value = param('DE', 'text');
    const sql = compile("name = claim('c') OR 'x' || name = claim('c')").toSql({ column: (name) => identifier(name), claim: () => value });
    expect(render(sql)).toEqual({ text: `((("name") = ($1::text)) OR (('x' || ("name")) = ($1::text)))`, values: ['DE'] });
  });

  test('functions, types and collations are named with pg_catalog, whatever the search_path', () => {
    expect(textOf('lower(name)::varchar(3) COLLATE "C"')).toBe('((CAST(pg_catalog.lower(("r"."name")) AS pg_catalog.varchar(3))) COLLATE pg_catalog."C")');
  });

  test('comments do not get through', () => {
    expect(textOf('age /* one */ > 1 -- two')).toBe('(("r"."age") > 1)');
  });

  test('operands keep their parentheses where the deparser would lose them', () => {
    expect(textOf('(age > 1 IS NULL) BETWEEN (age = 2 AND age = 3) AND true')).toBe(
      '(((("r"."age") > 1) IS NULL) BETWEEN ((("r"."age") = 2) AND (("r"."age") = 3)) AND true)',
    );
    expect(textOf('(NOT age IS NULL) IS NULL')).toBe('((NOT ((("r"."age") IS NULL))) IS NULL)');
  });
});

describe('what is allowed', () => {
  test.each([
    'age + 1 * -2 ^ 2 % 3 >= abs(age)',
    "name ~ '^a' AND name NOT ILIKE '%b' AND name LIKE 'x!%' ESCAPE '!'",
    "name SIMILAR TO 'a|b'",
    "'a' = ANY(tags)",
    'tags[1] = name AND cardinality(tags[1:2]) = 2',
    "tags @> ARRAY['a', name]",
    "doc->'a'->>'b' = 'c'",
    'doc @> \'{"a": 1}\'',
    "doc ? 'a'",
    "doc @? '$.a[*] ? (@ > 1)'",
    "CASE WHEN age > 1 THEN 'a' ELSE name END",
    "CASE age WHEN 1 THEN 'a' END",
    "coalesce(name, 'x') = greatest(name, 'y')",
    'nullif(age, 0) IS DISTINCT FROM 1',
    'extract(year from born) = 2000',
    "date_trunc('month', seen, 'UTC')",
    "seen AT TIME ZONE 'Europe/Berlin' < born",
    "born + interval '1 day' > born",
    "make_interval(days => age) > interval '1 day'",
    "(age, name) IN ((1, 'a'), (2, 'b'))",
    "substring(name from 1 for 2) || trim(leading 'x' from name)",
    "position('a' in name) = 1",
    "overlay(name placing 'x' from 1)",
    '(born, born) OVERLAPS (born, born)',
    'name IS NFC NORMALIZED',
    "concat_ws(',', name, age)",
    'pg_catalog.lower(name)',
    'age OPERATOR(pg_catalog.+) 1',
    "lpad(name, 10, '*')",
    'age::numeric(10, 2)::text',
    'true',
    'NULL',
    "E'\\'' || U&'\\00e9' || $x$'$x$",
    '"name" = name',
    'NAME = name',
    "jsonb_build_object('a', age)",
  ])('%s', (text) => expect(textOf(text)).toMatch(/^\(/));
});

describe('errors', () => {
  test('an unknown column lists those that there are, with its place counted in characters', () => {
    expect(problemOf("'😀é' = nam")).toEqual({
      message: 'This expression can\'t be used: there is no column "nam"; these are: name, age, born, seen, tags, doc (at character 8).',
      position: 8,
    });
  });

  test('a syntax error has its place, also after characters of several bytes', () => {
    expect(problemOf("name = '😀é' 1")).toEqual({ message: 'This expression can\'t be used: syntax error at or near "1" (at character 13).', position: 13 });
  });

  test('claims are refused where there is no principal, and must be a constant', () => {
    expect(problemOf("claim('a') = name", false).message).toContain('row filters');
    for (const text of [
      'claim(name)',
      'claim()',
      "claim('')",
      "claim('a', 'b')",
      "claim(DISTINCT 'a')",
      "claim('a') OVER ()",
      "pg_catalog.claim('a')",
      'claim(VARIADIC tags)',
    ])
      problemOf(text);
  });

  test('nothing is left of a tree that the deparser can not write back', () => {
    expect(problemOf(`${'('.repeat(300)}age${'+1)'.repeat(300)} > 1`).message).toContain('nested too deeply');
  });
});
