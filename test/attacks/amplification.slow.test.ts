import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openFixture } from '../cases/open-fixture.js';
import { PRINCIPALS } from '../cases/principals.js';
import type { House } from '../support/house.js';

/** Small documents that ask for much: refused at once, before anything is read. */
let house: House;
const { analyst, partner } = PRINCIPALS;

beforeAll(async () => {
  house = await openFixture();
  await house.query(analyst, '{ customers { totalCount } }');
});
afterAll(() => house?.close());
beforeEach(() => {
  house.statements.length = 0;
});

/** Longer than any of them takes, by far; shorter than an explosion would. */
const SOON_MS = 5_000;

/** Fragments that each use the next one twice: 2^n uses of the last one. */
const doubling = (levels: number, last: string) =>
  [
    ...Array.from(
      { length: levels },
      (_, i) => `fragment F${i} on Customer { a${i}: orders { nodes { customer { ...F${i + 1} } } } b${i}: orders { nodes { customer { ...F${i + 1} } } } }`,
    ),
    `fragment F${levels} on Customer { ${last} }`,
  ].join('\n');

describe('alias and fragment amplification (CVE-2026-35441 Directus, CVE-2025-32030 to 32034 Apollo)', () => {
  const DOCUMENTS: readonly (readonly [name: string, query: string, variables?: Record<string, unknown>])[] = [
    ['many aliases of a root', `{ ${Array.from({ length: 31 }, (_, i) => `a${i}: customers { totalCount }`).join(' ')} }`],
    ['many aliases of a field', `{ customers { nodes { ${Array.from({ length: 31 }, (_, i) => `a${i}: id`).join(' ')} } } }`],
    [
      'aliases hidden in fragments',
      `{ ${Array.from({ length: 4 }, (_, i) => `x${i}: customers { nodes { ...F } }`).join(' ')} } fragment F on Customer { ${Array.from({ length: 10 }, (_, i) => `a${i}: id`).join(' ')} }`,
    ],
    ['fragments that double', `{ customers { nodes { ...F0 } } } ${doubling(20, 'id')}`],
    [
      'fragments that double without aliases',
      `{ customers { ...A } } ${Array.from({ length: 20 }, (_, i) => `fragment ${i === 0 ? 'A' : `A${i}`} on CustomerConnection { nodes { orders { nodes { customer { home { customers { ...A${i + 1} } } } } } } edges { node { orders { nodes { customer { home { customers { ...A${i + 1} } } } } } } } }`).join(' ')} fragment A20 on CustomerConnection { totalCount }`,
    ],
    [
      'fragments in a circle',
      '{ customers { nodes { ...A } } } fragment A on Customer { ...B } fragment B on Customer { orders { nodes { customer { ...A } } } }',
    ],
    ['a deep document', `{ customers { nodes ${'{ orders { nodes { customer '.repeat(10)}{ id }${' } } }'.repeat(10)} } }`],
    [
      'large pages in large pages',
      '{ customers(first: 1000) { nodes { orders(first: 1000) { nodes { id customer { orders(first: 1000) { nodes { id } } } } } } } }',
    ],
    ['many directives', `{ customers { nodes { id ${'@include(if: true) '.repeat(51)} } } }`],
    ['directives hidden in fragments', `{ ${'...D '.repeat(10)} } fragment D on Query { ${'me @include(if: true) '.repeat(6)} }`],
    ['a long document', `{ ${'me '.repeat(2100)} }`],
    ['a deep filter', `{ customers(where: ${'{ not: '.repeat(21)}{}${' }'.repeat(21)}) { totalCount } }`],
    [
      'a deep filter in a variable',
      'query ($w: CustomerWhere) { customers(where: $w) { totalCount } }',
      { w: JSON.parse(`${'{"not":'.repeat(500)}{}${'}'.repeat(500)}`) as unknown },
    ],
    [
      'a wide filter in a variable',
      'query ($w: CustomerWhere) { customers(where: $w) { totalCount } }',
      { w: { or: Array.from({ length: 200_000 }, () => ({ tier: { eq: 1 } })) } },
    ],
    [
      'a filter of 70,000 conditions',
      'query ($w: CustomerWhere) { customers(where: $w) { totalCount } }',
      { w: { or: Array.from({ length: 70_000 }, (_, i) => ({ tier: { eq: i } })) } },
    ],
    [
      'a long list in a variable',
      'query ($v: [BigInt!]) { customers(where: { id: { in: $v } }) { totalCount } }',
      { v: Array.from({ length: 10_001 }, (_, i) => i) },
    ],
    [
      'a long list for each operator that takes one',
      'query ($v: [String!]) { a: customers(where: { name: { notIn: $v } }) { totalCount } b: customers(where: { name: { inInsensitive: $v } }) { totalCount } }',
      { v: Array.from({ length: 10_001 }, (_, i) => String(i)) },
    ],
    [
      'depth hidden in fragments',
      `{ customers { nodes { ...D0 } } } ${Array.from({ length: 8 }, (_, i) => `fragment D${i} on Customer { orders(first: 1) { nodes { customer { ...D${i + 1} } } } }`).join(' ')} fragment D8 on Customer { id }`,
    ],
    [
      'a long order in a variable',
      'query ($o: [CustomerOrderBy!]) { customers(orderBy: $o) { totalCount } }',
      { o: Array.from({ length: 200_000 }, () => ({ tier: 'ASC' })) },
    ],
    [
      'more terms than a cursor can hold',
      'query ($o: [CustomerOrderBy!]) { customers(orderBy: $o) { edges { cursor } } }',
      { o: Array.from({ length: 101 }, () => ({ tier: 'ASC' })) },
    ],
    ['introspection in circles', `{ __schema { types ${'{ fields { type '.repeat(12)}{ name }${' } }'.repeat(12)} } }`],
    ['introspection in circles, through __type', `{ __type(name: "Customer") ${'{ fields { type '.repeat(12)}{ name }${' } }'.repeat(12)} }`],
    [
      'introspection in circles, through fragments',
      `{ __schema { types { ...T } } } fragment T on __Type { fields { type { fields { type { fields { type { fields { type { name } } } } } } } } }`,
    ],
  ];

  test.each(DOCUMENTS.map(([name, query, variables = {}]) => ({ name, query, variables })))('$name', async ({ query, variables }) => {
    const began = performance.now();
    const { data, errors, text } = await house.query(analyst, query, variables);
    expect(performance.now() - began).toBeLessThan(SOON_MS);
    expect(errors?.length).toBeGreaterThan(0);
    expect(Object.values(data ?? {}).filter(Boolean)).toEqual([]);
    expect(text).not.toMatch(/INTERNAL_SERVER_ERROR|FORBIDDEN|UNAVAILABLE/);
    expect(text.length).toBeLessThan(20_000);
    expect(house.statements).toEqual([]);
  });

  test('a bound that is kept: the widest filter and order that are let through run', async () => {
    for (const [query, variables] of [
      ['query ($w: CustomerWhere) { customers(where: $w) { totalCount } }', { w: { or: Array.from({ length: 499 }, (_, i) => ({ tier: { eq: i } })) } }],
      ['query ($v: [BigInt!]) { customers(where: { id: { in: $v } }) { totalCount } }', { v: Array.from({ length: 10_000 }, (_, i) => i) }],
      [
        'query ($o: [CustomerOrderBy!]) { customers(last: 3, orderBy: $o) { edges { cursor } pageInfo { endCursor } } }',
        { o: Array.from({ length: 20 }, () => ({ tier: 'ASC' })) },
      ],
    ] as const) {
      expect((await house.query(analyst, query, { ...variables })).errors).toBeUndefined();
    }
  });

  test('many small roots are one price together', async () => {
    const { errors } = await house.query(
      analyst,
      `{ ${Array.from({ length: 30 }, (_, i) => `a${i}: customers(first: 1000) { nodes { id name email tier birthDate balance country } }`).join(' ')} }`,
    );
    expect(errors?.some((error) => error.extensions['code'] === 'QUERY_TOO_COMPLEX')).toBe(true);
  });

  test('the order of a thousand equal requests is one plan', async () => {
    const texts = new Set<string>();
    for (let i = 0; i < 50; i++) {
      await house.query(partner, `query Q${i} { countries(where: { code: { eq: "${i}" } }) { totalCount } }`);
      texts.add(house.statements.at(-1)?.text ?? '');
    }
    expect(texts.size).toBe(1);
  });
});

test('fragments of roots that double are walked once, whatever comes of them', async () => {
  const levels = 100;
  const chain = Array.from({ length: levels }, (_, i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`).join(' ');
  const began = performance.now();
  const { data, errors } = await house.query(partner, `{ ...F0 } ${chain} fragment F${levels} on Query { countries { totalCount } }`);
  expect(performance.now() - began).toBeLessThan(SOON_MS);
  expect(errors ?? data).toBeDefined();
});

test('variables that nest without an end are refused before anything walks into them', async () => {
  const deep = JSON.parse(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`) as unknown;
  for (const query of [
    'query ($v: JSON) { orders(where: { details: { contains: $v } }) { totalCount } }',
    'query ($v: JSON) { __type(name: "Order") { name } orders(where: { details: { contains: $v } }) { totalCount } }',
  ]) {
    const { errors } = await house.query(partner, query, { v: deep });
    expect(errors?.[0]?.extensions?.['code']).toBe('QUERY_TOO_COMPLEX');
  }
});
