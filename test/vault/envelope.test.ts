import fc from 'fast-check';
import { expect, test } from 'vitest';
import { blindIndex, ENVELOPE_PATTERN, open, seal, type Place } from '../../src/vault/envelope.js';

const PLACE: Place = { dataset: 'd1', field: 'f', subject: 'anna' };
const KEY = Buffer.alloc(32, 1);
const INDEX_KEY = Buffer.alloc(32, 2);
const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), fc.constantFrom('', '"', '\\', '\n', 'hge1.x.y', '😀é', '\u0001'));

test('a value comes back from its envelope, which has the form that the database looks for', () => {
  fc.assert(
    fc.property(text, (value) => {
      const envelope = seal(KEY, PLACE, blindIndex(INDEX_KEY, value), value);
      expect(envelope).toMatch(new RegExp(ENVELOPE_PATTERN));
      expect(open(KEY, PLACE, envelope)).toBe(value);
    }),
  );
});

test('one value in one place has one envelope, and another one in each other place', () => {
  const of = (key: Buffer, place: Place, value = 'v') => seal(key, place, blindIndex(INDEX_KEY, value), value);
  expect(of(KEY, PLACE)).toBe(of(KEY, PLACE));
  const others = [
    of(KEY, { ...PLACE, field: 'g' }),
    of(KEY, { ...PLACE, dataset: 'd2' }),
    of(KEY, { ...PLACE, subject: 'bert' }),
    of(Buffer.alloc(32, 9), PLACE),
    of(KEY, PLACE, 'w'),
  ];
  expect(new Set([of(KEY, PLACE), ...others].map((envelope) => envelope.split('.')[2])).size).toBe(6);
});

test('an envelope opens nowhere else: not for another row, field, dataset or key', () => {
  const envelope = seal(KEY, PLACE, blindIndex(INDEX_KEY, 'v'), 'v');
  expect(open(KEY, { ...PLACE, subject: 'bert' }, envelope)).toBeNull();
  expect(open(KEY, { ...PLACE, subject: null }, envelope)).toBeNull();
  expect(open(KEY, { ...PLACE, subject: '' }, envelope)).toBeNull();
  expect(open(KEY, { ...PLACE, field: 'g' }, envelope)).toBeNull();
  expect(open(KEY, { ...PLACE, dataset: 'd2' }, envelope)).toBeNull();
  expect(open(Buffer.alloc(32, 9), PLACE, envelope)).toBeNull();
});

test('what was changed in any place, or made up, does not open and raises nothing', () => {
  const envelope = seal(KEY, PLACE, blindIndex(INDEX_KEY, 'value'), 'value');
  fc.assert(
    fc.property(fc.nat({ max: envelope.length - 1 }), fc.constantFrom('A', 'b', '-', '.', '0'), (at, character) => {
      // The last character of base64 can have bits that stand for nothing.
      fc.pre(envelope[at] !== character && at < envelope.length - 1);
      expect(open(KEY, PLACE, envelope.slice(0, at) + character + envelope.slice(at + 1))).toBeNull();
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (made) => {
      expect(open(KEY, PLACE, made)).toBeNull();
    }),
  );
  fc.assert(
    fc.property(fc.base64String(), (made) => {
      expect(open(KEY, PLACE, `hge1.${blindIndex(INDEX_KEY, 'v')}.${made}`)).toBeNull();
    }),
  );
});
