import { createPublicKey, randomBytes, sign, verify } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KeyRing } from '../../src/store/index.js';

let home: string;

beforeEach(async () => {
  home = join(await mkdtemp(join(tmpdir(), 'headgate-keys-')), 'home');
});

afterEach(async () => {
  await rm(join(home, '..'), { recursive: true, force: true });
});

test('the first use makes a key that only its owner can read, and later uses find it', async () => {
  const first = await KeyRing.open(home);
  expect((await stat(join(home, 'master.key'))).mode & 0o777).toBe(0o600);
  expect((await stat(home)).mode & 0o777).toBe(0o700);
  expect((await KeyRing.open(home)).derive('fields')).toEqual(first.derive('fields'));
});

test('of many first uses at once all get the same key, and no draft stays', async () => {
  const rings = await Promise.all(Array.from({ length: 16 }, () => KeyRing.open(home)));
  expect(new Set(rings.map((ring) => ring.derive('fields').toString('hex'))).size).toBe(1);
  expect(await readdir(home)).toEqual(['master.key']);
});

test('a given key is used, and no file is made', async () => {
  const ring = await KeyRing.open(home, randomBytes(32));
  expect(ring.derive('fields')).toHaveLength(32);
  await expect(stat(home)).rejects.toThrow('ENOENT');
});

test.each([
  ['empty', () => ''],
  ['cut', (text: string) => text.slice(0, 20)],
  ['with a character that is no base64', (text: string) => `*${text.slice(1)}`],
  ['with more than the key', (text: string) => text.trim() + text],
])('a damaged file (%s) is refused, never replaced', async (_, damage) => {
  await KeyRing.open(home);
  const file = join(home, 'master.key');
  const damaged = damage(await readFile(file, 'utf8'));
  await writeFile(file, damaged);
  await expect(KeyRing.open(home)).rejects.toMatchObject({ code: 'UNAVAILABLE', details: { file } });
  expect(await readFile(file, 'utf8')).toBe(damaged);
});

test('each label gives a key of its own, and the signing key signs', () => {
  const ring = new KeyRing(Buffer.alloc(32, 7));
  expect(ring.derive('a')).not.toEqual(ring.derive('b'));
  const { keyId, privateKey, publicKey } = ring.signingKey('tokens');
  expect(keyId).toMatch(/^[0-9a-f]{16}$/);
  const text = Buffer.from('text');
  expect(verify(null, text, publicKey, sign(null, text, privateKey))).toBe(true);
  expect(createPublicKey(privateKey).export({ format: 'jwk' })).toEqual(ring.signingKey('tokens').publicKey.export({ format: 'jwk' }));
});

test('what was wrapped is opened with its key, label and context alone', () => {
  const ring = new KeyRing(Buffer.alloc(32, 7));
  const secret = randomBytes(32);
  const wrapped = ring.wrap('subjects', 'ada', secret);
  expect(ring.unwrap('subjects', 'ada', wrapped)).toEqual(secret);
  expect(ring.unwrap('subjects', 'bob', wrapped)).toBeUndefined();
  expect(ring.unwrap('tokens', 'ada', wrapped)).toBeUndefined();
  expect(new KeyRing(Buffer.alloc(32, 8)).unwrap('subjects', 'ada', wrapped)).toBeUndefined();
  for (let at = 0; at < wrapped.length; at++) {
    const damaged = Buffer.from(wrapped);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    expect(ring.unwrap('subjects', 'ada', damaged)).toBeUndefined();
  }
  expect(ring.unwrap('subjects', 'ada', wrapped.subarray(0, 20))).toBeUndefined();
});
