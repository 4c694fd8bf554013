import { expect, test } from 'vitest';
import { camelCase, ERROR_CODES, fingerprint, HeadgateError, isHeadgateError, isUuid, messageOf, newId, pascalCase, sha256 } from '../../src/kernel/index.js';

test('ids are UUIDs of version 7 that sort by time, and no two are equal', () => {
  const times = [0, 1, 1_700_000_000_000, 1_700_000_000_001, 2 ** 48 - 1];
  const ids = times.map((time) => newId(time));
  expect(ids.toSorted()).toEqual(ids);
  for (const id of ids) {
    expect(isUuid(id)).toBe(true);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
  expect(new Set(Array.from({ length: 10_000 }, () => newId(5))).size).toBe(10_000);
});

test.each(['', 'x', '00000000-0000-7000-8000-00000000000', '00000000-0000-7000-8000-0000000000000', '{00000000-0000-7000-8000-000000000000}'])(
  'is no UUID: %s',
  (text) => {
    expect(isUuid(text)).toBe(false);
  },
);

test.each([
  ['id', 'id', 'Id'],
  ['delays_by_airport', 'delaysByAirport', 'DelaysByAirport'],
  ['a__b', 'aB', 'AB'],
  ['line_2', 'line2', 'Line2'],
  ['Already', 'Already', 'Already'],
  ['trailing_', 'trailing_', 'Trailing_'],
])('names: %s is %s as a field and %s as a type', (name, field, type) => {
  expect([camelCase(name), pascalCase(name)]).toEqual([field, type]);
});

test('an error has its code, the status of it, its details and its cause', () => {
  const cause = new Error('cause');
  const error = new HeadgateError('DATA_REJECTED', 'text', { line: 3 }, { cause });
  expect(error).toMatchObject({ name: 'HeadgateError', code: 'DATA_REJECTED', status: 422, message: 'text', details: { line: 3 }, cause });
  expect(isHeadgateError(error)).toBe(true);
  expect(isHeadgateError(cause)).toBe(false);
  expect([messageOf(error), messageOf('thrown text')]).toEqual(['text', 'thrown text']);
  expect(Object.values(ERROR_CODES).every((status) => status >= 400 && status < 600)).toBe(true);
});

test('digests are those of SHA-256', () => {
  expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(fingerprint('abc')).toBe(Buffer.from(sha256('abc').slice(0, 32), 'hex').toString('base64url'));
});
