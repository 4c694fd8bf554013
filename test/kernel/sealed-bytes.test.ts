import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { NONCE_BYTES, openBytes, sealBytes } from '../../src/kernel/index.js';

const key = randomBytes(32);

test('opens with its key, for its context, whole', () => {
  for (const content of ['', 'x', 'häß', 'x'.repeat(100_000)]) {
    const sealed = sealBytes(content, { key, context: 'here' });
    expect(openBytes(sealed, { key, context: 'here' })?.toString()).toBe(content);
    expect(openBytes(sealed, { key, context: 'there' })).toBeUndefined();
    expect(openBytes(sealed, { key })).toBeUndefined();
    expect(openBytes(sealed, { key: randomBytes(32), context: 'here' })).toBeUndefined();
    expect(openBytes(sealed.subarray(0, -1), { key, context: 'here' })).toBeUndefined();
  }
});

test('no changed bit is passed over', () => {
  const sealed = sealBytes('content', { key });
  for (let i = 0; i < sealed.length * 8; i++) {
    const other = Buffer.from(sealed);
    other[i >> 3] = (other[i >> 3] ?? 0) ^ (1 << (i & 7));
    expect(openBytes(other, { key })).toBeUndefined();
  }
  for (let length = 0; length < sealed.length; length++) expect(openBytes(sealed.subarray(0, length), { key })).toBeUndefined();
});

test('equal contents differ, unless the nonce is given', () => {
  expect(sealBytes('x', { key })).not.toEqual(sealBytes('x', { key }));
  const nonce = Buffer.alloc(NONCE_BYTES, 1);
  expect(sealBytes('x', { key }, nonce)).toEqual(sealBytes('x', { key }, nonce));
});
