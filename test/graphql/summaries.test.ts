import { afterAll, beforeAll, expect, test } from 'vitest';
import { House, principal } from '../support/house.js';

const reader = principal({ roles: ['reader'] });
let house: House;

beforeAll(async () => {
  house = await House.open();
  await house.apply(`
kind: Dataset
name: fees
fields:
  - { name: id, type: integer }
  - { name: amount, type: decimal }
  - { name: weight, type: float }
  - { name: paid, type: date }
key: [id]
---
kind: Grant
name: reader
to: { roles: [reader] }
on: { datasets: [fees] }
fields: { '*': allow }
`);
  await house.database.query(
    "INSERT INTO data.fees (id, amount, weight, paid) VALUES (1, 1.5, 0, '2001-02-03'), (2, 1.500, '-0', '2001-02-04'), (3, 1.25, 7, NULL), (4, 'NaN', 7, '2002-01-01')",
  );
});

afterAll(() => house.close());

async function fees(members: string, declared = '', variables: Record<string, unknown> = {}): Promise<unknown> {
  const { data, errors } = await house.query(reader, `query ${declared} { fees { ${members} } }`, variables);
  expect(errors).toBeUndefined();
  return data['fees'];
}

test('arguments of groupBy can be variables of any of their types', async () => {
  const variables = { keys: [{ paid: 'YEAR' }], unit: 'MONTH', having: { count: { gt: '1' } }, order: [{ count: 'DESC' }] };
  const declared = '($keys: [FeesGroupKey!]!, $unit: DateTruncation!, $having: FeesHaving, $order: [FeesGroupOrderBy!])';
  const members = `
    years: groupBy(keys: $keys, having: $having, orderBy: $order) { keys { paid } aggregate { count } }
    months: groupBy(keys: [{ paid: $unit }], orderBy: $order, first: 1) { keys { paid } aggregate { count } }`;
  expect(await fees(members, declared, variables)).toEqual({
    years: [{ keys: { paid: '2001-01-01' }, aggregate: { count: '2' } }],
    months: [{ keys: { paid: '2001-02-01' }, aggregate: { count: '2' } }],
  });
});

test('an aggregate of which only the type is asked leaves the rest of the answer alone', async () => {
  const members = 'nodes { id } aggregate { __typename sum { __typename } }';
  expect(await fees(members)).toEqual({
    nodes: [1, 2, 3, 4].map((id) => ({ id })),
    aggregate: { __typename: 'FeesAggregate', sum: { __typename: 'FeesSum' } },
  });
});

test('equal numbers that are written in several ways are given in one, whichever comes first', async () => {
  const members = `
    aggregate { min { amount } }
    some: groupBy(keys: [{ amount: true }], having: { max: { amount: { lt: "2" } } }) { keys { amount } aggregate { min { amount } max { amount } } }
    floats: groupBy(keys: [{ weight: true }]) { keys { weight } aggregate { count min { weight } } }`;
  expect(await fees(members)).toEqual({
    aggregate: { min: { amount: '1.250' } },
    some: [
      { keys: { amount: '1.25' }, aggregate: { min: { amount: '1.25' }, max: { amount: '1.25' } } },
      { keys: { amount: '1.500' }, aggregate: { min: { amount: '1.500' }, max: { amount: '1.500' } } },
    ],
    floats: [
      { keys: { weight: 0 }, aggregate: { count: '2', min: { weight: 0 } } },
      { keys: { weight: 7 }, aggregate: { count: '2', min: { weight: 7 } } },
    ],
  });
});
