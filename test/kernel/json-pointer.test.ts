import { expect, test } from 'vitest';
import { atPointer, isPointer, parseExactJson, pointerKeys, pointerOf } from '../../src/kernel/index.js';

test.each([
  ['', { 'a/b': [{ '~': 1 }] }],
  ['/a~1b', [{ '~': 1 }]],
  ['/a~1b/0/~0', 1],
  ['/a~1b/length', undefined],
  ['/a~1b/00', undefined],
  ['/toString', undefined],
  ['/a~1b/0/~0/x', undefined],
])('the pointer "%s" leads to what RFC 6901 says, and to nothing that is no member', (pointer, expected) => {
  expect(atPointer({ 'a/b': [{ '~': 1 }] }, pointer)).toEqual(expected);
});

test.each(['', '/', '/a~1b', '/a~0/0'])('"%s" is a pointer, and is made again of its keys', (pointer) => {
  expect(isPointer(pointer)).toBe(true);
  expect(pointerOf(pointerKeys(pointer))).toBe(pointer);
});

test.each(['a', '/~', '/~2'])('"%s" is no pointer', (text) => {
  expect(isPointer(text)).toBe(false);
});

test.each(['12345678901234567890', '1.50', '0.0000001', '1e5', '-0', '0.1', '-17'])('the number %s is written as it came', (number) => {
  expect(JSON.stringify(parseExactJson(`{"n":${number}}`))).toBe(`{"n":${number}}`);
});

test('nothing leads into a number that is kept as it was written', () => {
  expect(atPointer(parseExactJson('{"n":1.50}'), '/n/rawJSON')).toBeUndefined();
});
