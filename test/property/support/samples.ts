import type { ScalarType } from '../../../src/catalog/index.js';
import type { Cell } from './model.js';

/**
 * The values that columns and filters are filled from: few, so that many are equal, keys meet and filters hold; and among
 * them those that are read or written wrongly with ease. Where the reference could not say what is right, they are left out:
 * -0 (which is 0, and written otherwise), letters whose lower case depends on the language, null as a whole JSON value (which SQL's null is not).
 */
export const SAMPLES: Readonly<Record<ScalarType, readonly [Cell, ...Cell[]]>> = {
  text: [
    'a',
    'A',
    'ab',
    'Straße',
    'ÄÖ ä',
    "it's",
    'say "hi"',
    'back\\slash',
    '100%_',
    '',
    'jane.doe@example.com',
    'j@example.org',
    '😀 ok',
    '\uffee',
    'line\nbreak',
    'zz',
    '37',
    '-4.5',
  ],
  integer: [0, 1, 2, 3, 4, 5, 6, -7, 2_147_483_647, -2_147_483_648],
  bigint: [1n, 2n, 3n, 4n, 5n, -6n, 9_007_199_254_740_993n, 9_007_199_254_740_992n, 9_223_372_036_854_775_807n, -9_223_372_036_854_775_808n],
  decimal: ['0', '1.5', '1.50', '2', '-2.25', '12.345', '3', '99999999999999999999.01', 'NaN', 'Infinity', '-Infinity'],
  float: [0, 0.5, 1, -1.25, 2.75, 100, 12.5, 3, 1e200, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  boolean: [true, false],
  date: ['1984-05-06', '1984-05-31', '1984-12-31', '1985-01-01', '2000-02-29', '2024-12-30', '9999-12-31', '0001-01-01', 'infinity', '-infinity'],
  timestamp: [
    '1984-05-06T07:08:09.000000',
    '1984-05-06T07:59:59.250000',
    '1984-05-31T23:30:00.000000',
    '1999-12-31T23:59:59.999999',
    '2000-01-01T00:00:00.000000',
    '2024-12-30T12:00:00.000000',
    'infinity',
    '-infinity',
  ],
  time: ['00:00:00.000000', '07:08:09.000000', '07:08:09.500000', '12:30:00.000000', '23:59:59.999999'],
  uuid: [
    '6ba7b810-9dad-41d1-80b4-00c04fd430c8',
    '6ba7b811-9dad-41d1-80b4-00c04fd430c8',
    'ffffffff-ffff-4fff-bfff-ffffffffffff',
    '00000000-0000-4000-8000-000000000000',
    '123e4567-e89b-42d3-a456-426614174000',
    '9a7b3300-0000-4000-8000-000000000001',
  ],
  json: [{}, [], 1, 'a', true, { a: 1 }, { a: 'b', k: [1, 2] }, { a: { b: null }, 'ä "q"': 0.5 }, [1, 'a', { a: 1 }], { a: [{ b: 2 }, null] }],
};

/** What identifies a row has to be told apart exactly, and comes in these. */
export const KEY_TYPES = ['integer', 'bigint', 'text', 'uuid', 'date', 'timestamp', 'decimal'] as const satisfies readonly ScalarType[];

/** Keys need more of them, and no two that are equal. */
export function keySample(type: ScalarType, index: number): Cell {
  switch (type) {
    case 'integer':
      return index - 3;
    case 'bigint':
      return index % 2 === 0 ? BigInt(index) : 9_007_199_254_740_992n + BigInt(index);
    case 'text':
      return ['Ä', 'ä', 'b', 'B', '😀', "'", '"', '\uffee'][index] ?? `k${index}`;
    case 'uuid':
      return `00000000-0000-4000-8000-${String((index * 7919) % 1_000_000).padStart(12, '0')}`;
    case 'date':
      return index === 0 ? 'infinity' : new Date(Date.UTC(2001, 0, 1 + 29 * index)).toISOString().slice(0, 10);
    case 'timestamp':
      return `2001-01-01T00:${String(index % 60).padStart(2, '0')}:00.${String(index).padStart(6, '0')}`;
    default:
      return index % 3 === 0 ? `${index}.00` : `${index}.${index % 10}`;
  }
}
