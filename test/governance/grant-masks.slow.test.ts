import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isHeadgateError } from '../../src/kernel/index.js';
import { House, principal } from '../support/house.js';

/** What is refused and warned of when a grant with masks is applied. */
let house: House;

beforeAll(async () => {
  house = await House.open();
  await house.apply(`
kind: Dataset
name: people
typeName: Person
fields:
  - { name: id, type: integer }
  - { name: name, type: text }
  - { name: country, type: text }
  - { name: tier, type: text, rules: [{ in: [gold, silver], severity: warn }] }
  - { name: salary, type: decimal }
  - { name: born, type: date }
  - { name: seen_at, type: timestamp }
  - { name: active, type: boolean }
  - { name: tags, type: 'text[]' }
  - { name: notes, type: json }
key: [id]
`);
  await house.database.query(
    "INSERT INTO data.people (id, name, country) SELECT g, 'Name ' || g, CASE WHEN g % 3 = 0 THEN 'DE' ELSE 'FR' END FROM generate_series(1, 100) AS g",
  );
});
afterAll(() => house?.close());

function grant(fields: string, more = ''): string {
  return `kind: Grant\nname: masks\nto: { roles: [masks] }\non: { datasets: [people] }\n${more}fields: { ${fields} }\n`;
}

async function refusal(fields: string, more = ''): Promise<string> {
  try {
    await house.apply(grant(fields, more));
    return 'applied';
  } catch (error) {
    if (!isHeadgateError(error)) throw error;
    expect(error.code).toBe('BAD_USER_INPUT');
    return error.message;
  }
}

describe('an expression', () => {
  test.each([
    ['of the field itself', 'name: { mask: sql, sql: "left(name, 1) || \'.\'" }'],
    ['of others that are shown plain', 'country: allow, name: { mask: sql, sql: "country || \' \' || left(name, 1)" }'],
    ['of a constant', 'salary: { mask: sql, sql: "CAST(0 AS numeric)" }'],
    ['on a list', 'tags: { mask: sql, sql: "tags[1:1]" }'],
    ['on JSON', 'notes: { mask: sql, sql: "notes -> \'public\'" }'],
    ['on a boolean', 'active: { mask: sql, sql: "active AND born IS NOT NULL" }, born: allow'],
    ['on a timestamp', "seen_at: { mask: sql, sql: \"timezone('UTC', date_trunc('week', timezone('UTC', seen_at)))\" }"],
    ['on a date', 'born: { mask: sql, sql: "make_date(extract(year FROM born)::int4, 1, 1)" }'],
  ])('%s is applied', async (_, fields) => expect(await refusal(fields)).toBe('applied'));

  test.each([
    ['a field that is not shown', 'name: { mask: sql, sql: "country || name" }', /reads country, which the grant does not show plain.*discloses: \[country\]/],
    ['two of them, one masked', 'country: { mask: hash }, name: { mask: sql, sql: "country || tier" }', /reads country, tier,/],
    ['the bare field', 'name: { mask: sql, sql: "name" }', /is the field itself/],
    ['the bare field in parentheses, cast to what it is', 'name: { mask: sql, sql: "((name)::text)" }', /is the field itself/],
    ['the bare field of another type', 'salary: { mask: sql, sql: "CAST((salary) AS numeric)" }', /is the field itself/],
    ['another type', 'name: { mask: sql, sql: "length(name)" }', /gives integer, and the field is text\. Cast it: CAST\(\.\.\. AS text\)/],
    ['a type that would be converted', 'salary: { mask: sql, sql: "1" }', /gives integer, and the field is numeric/],
    ['an element for a list', 'tags: { mask: sql, sql: "tags[1]" }', /gives text, and the field is text\[\]/],
    ['no expression over the row', 'name: { mask: sql, sql: "name + 1" }', /is not an expression over people/],
    ['an unknown field', 'name: { mask: sql, sql: "surname" }', /there is no column "surname"/],
    ['the moment', 'seen_at: { mask: sql, sql: "now()" }', /depends on the moment/],
    ['a word for the moment', 'seen_at: { mask: sql, sql: "CAST(\'today\' AS timestamptz)" }', /depends on the moment/],
    ['the session', 'name: { mask: sql, sql: "to_char(seen_at, \'Day\')" }, seen_at: allow', /is not immutable/],
    ['a claim', 'name: { mask: sql, sql: "claim(\'sub\')" }', /claim/],
    ['a subquery', 'name: { mask: sql, sql: "(SELECT max(name) FROM data.people)" }', /subquery/],
    ['an aggregate', 'name: { mask: sql, sql: "max(name)" }', /several rows/],
    ['a function that reads files', 'name: { mask: sql, sql: "pg_read_file(\'/etc/passwd\')" }', /not allowed/],
    ['two statements', 'name: { mask: sql, sql: "name; DROP TABLE data.people" }', /.+/],
    ['what fails at once', 'salary: { mask: sql, sql: "salary * (1.0 / 0)" }', /division by zero/],
  ])('of %s is refused', async (_, fields, message) => {
    expect(await refusal(fields)).toMatch(message);
    expect(await house.database.query('SELECT count(*)::int AS n FROM data.people')).toEqual([{ n: 100 }]);
  });

  test('may read what the grant discloses', async () => {
    expect(await refusal('name: { mask: sql, sql: "country || left(name, 1)" }', 'discloses: [country]\n')).toBe('applied');
  });

  test('that may raise an error is warned of', async () => {
    const { warnings } = await house.apply(grant('salary: { mask: sql, sql: "salary / 2" }'));
    expect(warnings.join()).toMatch(/people\.salary in grant masks may raise an error/);
    expect((await house.apply(grant('name: { mask: sql, sql: "upper(left(name, 1))" }'))).warnings).toEqual([]);
  });

  test('whose field changes its type is told when the contract is applied', async () => {
    const contract = (type: string) => `kind: Dataset\nname: places\nfields: [{ name: code, type: ${type} }, { name: name, type: text }]\n`;
    await house.apply(contract('text'));
    await house.apply(
      grant('code: allow, name: { mask: sql, sql: "left(code, 1)" }').replace('name: masks', 'name: of-places').replace('[people]', '[places]'),
    );
    await expect(house.apply(contract('integer'))).rejects.toThrow(/The mask of places\.name is not an expression over places/);
  });

  test('is exported as it was written, and explained', async () => {
    await house.apply(grant('country: allow, name: { mask: sql, sql: "country || left(name, 1)" }, tier: { mask: pseudonym, kind: city, scope: places }'));
    expect(
      (await house.apply(grant('country: allow, name: { mask: sql, sql: " country || left(name, 1) " }, tier: { mask: pseudonym, kind: city, scope: places }')))
        .changes,
    ).toMatchObject([{ change: 'unchanged' }]);
  });
});

describe('few distinct values', () => {
  test.each(['hash', 'tokenize', 'pseudonym, kind: city'])('are warned of under %s, and their number is not told', async (mask) => {
    const { warnings } = await house.apply(grant(`name: { mask: ${mask} }, country: { mask: ${mask} }, tier: { mask: ${mask} }`));
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(/^people\.country has few distinct values: with (hash|tokenize|pseudonym)/);
    expect(warnings[1]).toMatch(/^people\.tier has few distinct values/);
    expect(warnings.join().replaceAll(/people\.\w+|Grant masks/g, '')).not.toMatch(/\d/);
  });

  test('are not warned of under other masks', async () => {
    expect((await house.apply(grant('country: { mask: redact }, name: { mask: hash }'))).warnings).toEqual([]);
  });
});

test('what an expression shows is the mask, in filters, order and groups', async () => {
  await house.apply(grant("id: allow, country: { mask: sql, sql: \"CASE WHEN country = 'DE' THEN 'home' ELSE 'abroad' END\" }"));
  const who = principal({ roles: ['masks'] });
  const count = async (where: string) => (await house.connection(who, 'people', `{ people(where: { country: ${where} }) { totalCount } }`)).totalCount;
  expect([await count('{ eq: "home" }'), await count('{ eq: "DE" }'), await count('{ gt: "b" }')]).toEqual([33, 0, 33]);
});
