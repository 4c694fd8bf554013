import { createPublicKey, randomBytes, sign, verify } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KeyRing, ofActiveKey, wrappedBy } from '../../src/store/index.js';

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

const bytes = (...fill: number[]): Buffer[] => fill.map((byte) => Buffer.alloc(32, byte));
const idOf = (byte: number): string => new KeyRing(Buffer.alloc(32, byte)).keyId;

test('of several keys the first is active until another is said to be, and all open what they wrapped', async () => {
  const ring = new KeyRing(bytes(1, 2, 3));
  expect(ring.keyId).toBe(idOf(1));
  const old = ring.wrap('subjects', 'ada', Buffer.from('secret'));
  await ring.settle({ active: idOf(3), retired: new Set() });
  expect(ring.keyId).toBe(idOf(3));
  expect(ring.derive('a')).toEqual(new KeyRing(Buffer.alloc(32, 3)).derive('a'));
  expect(ring.unwrap('subjects', 'ada', old)).toEqual(Buffer.from('secret'));
  expect(wrappedBy(old)).toBe(idOf(1));
  expect(wrappedBy(ring.wrap('subjects', 'ada', Buffer.from('secret')))).toBe(idOf(3));
});

test('a retired key counts for nothing, although it is held', async () => {
  const ring = new KeyRing(bytes(1, 2));
  const old = ring.wrap('subjects', 'ada', Buffer.from('secret'));
  const { keyId } = ring.signingKey('tokens');
  await ring.settle({ active: idOf(2), retired: new Set([idOf(1)]) });
  expect(ring.keys.map((key) => key.keyId)).toEqual([idOf(2)]);
  expect(ring.unwrap('subjects', 'ada', old)).toBeUndefined();
  expect(await ring.findSigningKey('tokens', keyId)).toBeUndefined();
});

test('without the active key nothing is made with another', async () => {
  const ring = new KeyRing(bytes(1));
  await ring.settle({ active: idOf(9), retired: new Set() });
  for (const use of [() => ring.keyId, () => ring.derive('a'), () => ring.signingKey('a'), () => ring.wrap('a', 'b', Buffer.alloc(1))]) {
    expect(use).toThrow(expect.objectContaining({ code: 'UNAVAILABLE', details: { keyId: idOf(9) } }));
  }
  expect(ring.activeIfHeld).toBeUndefined();
  // Clients see it; what tells of the machine is for the log.
  expect(() => ring.keyId).toThrow(/^(?!.*master\.key).*does not hold/);
  expect(ring.missing(idOf(9))).toContain('HEADGATE_MASTER_KEY');
});

test('what is made of the active key is made once for each, and listeners are told once of each change', async () => {
  const ring = new KeyRing(bytes(1, 2));
  let told = 0;
  const stop = ring.onChange(() => (told += 1));
  const made = ofActiveKey(ring, (key) => ({ id: key.keyId }));
  const first = made();
  expect(made()).toBe(first);
  await ring.settle({ active: idOf(2), retired: new Set() });
  await ring.settle({ active: idOf(2), retired: new Set() });
  expect(told).toBe(1);
  expect(made()).toEqual({ id: idOf(2) });
  await ring.settle({ active: idOf(2), retired: new Set([idOf(1)]) });
  expect(told).toBe(2);
  stop();
  await ring.settle({ active: idOf(1), retired: new Set() });
  expect(told).toBe(2);
});

test('a new key is a line more in the file, closed to others, and is not active; another ring of the home finds what it signs', async () => {
  const ring = await KeyRing.open(home);
  const other = await KeyRing.open(home);
  const before = await readFile(join(home, 'master.key'), 'utf8');
  const added = await ring.add();
  expect(ring.keyId).not.toBe(added.keyId);
  expect(await readFile(join(home, 'master.key'), 'utf8')).toMatch(new RegExp(`^${before.replaceAll(/[+/]/g, '\\$&')}[A-Za-z0-9+/]{43}=\\n$`));
  expect((await stat(join(home, 'master.key'))).mode & 0o777).toBe(0o600);
  expect(await readdir(home)).toEqual(['master.key']);
  expect(other.held).toHaveLength(1);
  const signing = added.signingKey('tokens');
  expect((await other.findSigningKey('tokens', signing.keyId))?.keyId).toBe(signing.keyId);
  expect(other.held).toHaveLength(2);
  expect(await other.findSigningKey('tokens', '0123456789abcdef')).toBeUndefined();
});

test('each look for an unknown key sees what was in the file when it was asked for, however often others ask', async () => {
  const ring = await KeyRing.open(home);
  const writer = await KeyRing.open(home);
  for (let round = 0; round < 5; round++) {
    const noise = Array.from({ length: 20 }, (_, i) => ring.findSigningKey('tokens', `unknown-${i}`));
    const { keyId } = (await writer.add()).signingKey('tokens');
    expect(await ring.findSigningKey('tokens', keyId)).toBeDefined();
    expect(await Promise.all(noise)).toEqual(noise.map(() => undefined));
  }
});

test('the home remembers which key was active, for commands without a database', async () => {
  const ring = await KeyRing.open(home);
  const added = await ring.add();
  expect((await KeyRing.open(home)).keyId).toBe(ring.keyId);
  await ring.settle({ active: added.keyId, retired: new Set() });
  expect((await KeyRing.open(home)).keyId).toBe(added.keyId);
  await writeFile(join(home, 'master.active'), 'nonsense');
  expect((await KeyRing.open(home)).keyId).toBe(ring.held[0]?.keyId);
});

test('retired keys go from the file, and the last one never does', async () => {
  const ring = await KeyRing.open(home);
  const first = ring.keyId;
  const added = await ring.add();
  await ring.settle({ active: added.keyId, retired: new Set([first]) });
  expect(ring.holdsRetired).toBe(true);
  await ring.dropRetired();
  expect(ring.holdsRetired).toBe(false);
  expect((await KeyRing.open(home)).held.map(({ keyId }) => keyId)).toEqual([added.keyId]);
  await ring.settle({ active: first, retired: new Set([added.keyId]) });
  await ring.dropRetired();
  expect((await KeyRing.open(home)).held.map(({ keyId }) => keyId)).toEqual([added.keyId]);
});

test('keys of the environment are not added to, and the damaged line of a file is named', async () => {
  await expect(new KeyRing(bytes(1)).add()).rejects.toMatchObject({ code: 'CONFLICT' });
  const ring = await KeyRing.open(home);
  await writeFile(join(home, 'master.key'), `${await readFile(join(home, 'master.key'), 'utf8')}nonsense\n`);
  await expect(KeyRing.open(home)).rejects.toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('master.key:2 ') });
  await expect(ring.reload()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(ring.held).toHaveLength(1);
});
