import { afterAll, beforeAll, expect, test } from 'vitest';
import { House, principal } from '../support/house.js';

let house: House;
const reader = principal({ roles: ['reader'] });

beforeAll(async () => {
  house = await House.open({ maxDepth: 2, maxAliases: 3, maxTokens: 100 });
  await house.apply(`
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
`);
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
