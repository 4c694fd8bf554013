import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { House, principal } from '../support/house.js';

let house: House;
const MANIFESTS = `
kind: Dataset
name: airports
fields: [{ name: iata, type: text }]
key: [iata]
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [airports] }
fields: { '*': allow }
`;

const reader = principal({ roles: ['reader'] });

beforeAll(async () => {
  house = await House.open({ maxDepth: 2, maxAliases: 3, maxTokens: 100 });
  await house.apply(MANIFESTS);
});
afterAll(() => house?.close());

test.each([
  ['too many aliases', '{ a: me b: me c: me d: me }', /too aliased\. Aliases limit of 3 exceeded, found 4/],
  ['too deep a document', '{ airports { nodes { iata } } }', /too deep/],
  ['too long a document', `{ ${'me '.repeat(100)} }`, /too long\. It may have 100 tokens/],
])('%s is told as such', async (_, query, message) => {
  const { errors } = await house.query(reader, query);
  expect(errors?.[0]).toMatchObject({ message: expect.stringMatching(message), extensions: { code: 'QUERY_TOO_COMPLEX' } });
});

test('a document that is not GraphQL is a fault of the document', async () => {
  const { errors } = await house.query(reader, '{ airports { ');
  expect(errors).toHaveLength(1);
  expect(errors?.[0]).toMatchObject({ message: expect.stringMatching(/^Syntax Error/), extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } });
});

describe('of what a query asks and gets', () => {
  let bounded: House;
  /** `{"nodes":[{"iata":"AAA"},{"iata":"BBB"}]}` without its frame. */
  const TWO_ROWS = '[{"iata":"AAA"},{"iata":"BBB"}]'.length;

  beforeAll(async () => {
    bounded = await House.open({ maxCost: 100, maxPage: 1000, maxResponseBytes: TWO_ROWS });
    await bounded.apply(MANIFESTS);
    await bounded.database.query("INSERT INTO data.airports (iata) VALUES ('AAA'), ('BBB'), ('CCC')");
  });
  afterAll(() => bounded?.close());

  test.each([
    ['of one root', '{ airports(first: 101) { nodes { iata } } }', 101],
    ['of aliases of one field', '{ airports(first: 26) { nodes { a: iata b: iata c: iata d: iata } } }', 104],
    [
      'through fragments, which are no cheaper',
      '{ airports(first: 51) { ...P } } fragment P on AirportsConnection { nodes { ...R } } fragment R on Airports { a: iata b: iata }',
      102,
    ],
    ['of all roots together', '{ a: airports(first: 50) { nodes { iata } } b: airports(first: 51) { nodes { iata } } }', 101],
    ['of conditions', `{ airports(first: 0, where: { or: [${'{ iata: { eq: "x" } } '.repeat(100)}] }) { nodes { iata } } }`, 101],
  ])('the price %s is in the error', async (_, query, price) => {
    const { errors } = await bounded.query(reader, query);
    expect(errors?.at(-1)).toMatchObject({
      message: expect.stringContaining(`could return ${price} values; 100 are allowed`),
      extensions: { code: 'QUERY_TOO_COMPLEX', price, limit: 100 },
    });
  });

  test('an answer of just as many bytes as may be is sent, and one more row is not', async () => {
    const { data, errors } = await bounded.query(reader, '{ airports(first: 2) { nodes { iata } } }');
    expect(errors).toBeUndefined();
    expect(JSON.stringify(data['airports']?.nodes)).toHaveLength(TWO_ROWS);
    const over = await bounded.query(reader, '{ airports(first: 3) { nodes { iata } } }');
    expect(over.errors).toMatchObject([
      { path: ['airports'], extensions: { code: 'QUERY_TOO_COMPLEX', size: TWO_ROWS + ',{"iata":"CCC"}'.length, limit: TWO_ROWS } },
    ]);
    expect(over.data).toEqual({ airports: null });
  });

  test('what is refused for its size is on the record', () => {
    expect(bounded.facts.at(-1)).toMatchObject({ action: 'read', dataset: 'airports', decision: 'FAILED', details: { code: 'QUERY_TOO_COMPLEX' } });
  });

  test('counts and rows by key are what they were, whatever the bound', async () => {
    const { data, errors } = await bounded.query(
      reader,
      '{ airports(first: 0) { totalCount } airportsByKey(iata: "AAA") { iata } none: airportsByKey(iata: "x") { iata } }',
    );
    expect(errors).toBeUndefined();
    expect(data).toEqual({ airports: { totalCount: 3 }, airportsByKey: { iata: 'AAA' }, none: null });
  });

  test.each([
    ['groups', '{ airports(first: 0) { groupBy(keys: [{ iata: true }]) { keys { iata } } } }'],
    ['rows by several keys', '{ a: airportsByKey(iata: "AAA") { iata } b: airportsByKey(iata: "BBB") { iata } c: airportsByKey(iata: "CCC") { iata } }'],
  ])('%s that are too large together stay in the database', async (_, query) => {
    bounded.statements.length = 0;
    const { errors, data } = await bounded.query(reader, query);
    expect(Object.values(data).every((value) => value === null)).toBe(true);
    expect(errors?.length).toBe(Object.keys(data).length);
    for (const error of errors ?? []) expect(error.extensions).toMatchObject({ code: 'QUERY_TOO_COMPLEX', limit: TWO_ROWS });
    const [statement] = bounded.statements;
    expect(bounded.statements).toHaveLength(1);
    const rows = await bounded.database.reader.query(statement ?? { text: '', values: [] });
    expect(JSON.stringify(rows)).not.toContain('AAA');
  });
});
