import { SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  ANONYMOUS,
  ApiKeyEntity,
  ApiKeys,
  Authenticator,
  createToken,
  parseTtl,
  RevokedTokenEntity,
  RevokedTokens,
  type TokenRequest,
} from '../../src/identity/index.js';
import { silentLog } from '../../src/kernel/index.js';
import { Outbound } from '../../src/outbound/index.js';
import { Database, KeyRing } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';
import { now } from './support.js';

const keyRing = new KeyRing(Buffer.alloc(32, 3));
const outbound = new Outbound({ allow: [], log: silentLog });
let database: Database;
let drop: () => Promise<void>;
let authenticator: Authenticator;
let apiKeys: ApiKeys;

beforeAll(async () => {
  const created = await createTestDatabase();
  drop = created.drop;
  database = await Database.open({ connection: created.connection, entities: [ApiKeyEntity, RevokedTokenEntity], statementTimeoutMs: 10_000 });
  authenticator = new Authenticator({ config: { rolesClaim: 'somewhere.else' }, keyRing, database, outbound });
  apiKeys = new ApiKeys(database.manager);
});
afterAll(async () => {
  await outbound.close();
  await database?.close();
  await drop?.();
});

const ann: TokenRequest = { subject: 'ann', roles: ['analyst'], purposes: ['analytics', 'support'], claims: { country: 'DE' }, ttlSeconds: 60 };
const token = async (more: Partial<TokenRequest> = {}): Promise<string> => (await createToken(keyRing, { ...ann, ...more })).token;
const unauthenticated = (reason: string) => expect.objectContaining({ code: 'UNAUTHENTICATED', details: { reason } }) as unknown;

test('no credential is anonymous, which may not declare a purpose', async () => {
  expect(await authenticator.authenticate({})).toBe(ANONYMOUS);
  expect(await authenticator.authenticate({ purpose: ' ' })).toBe(ANONYMOUS);
  await expect(authenticator.authenticate({ purpose: 'analytics' })).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringContaining('no credential') as string,
  });
});

test('a local token is the principal it was made for', async () => {
  const principal = await authenticator.authenticate({ authorization: `Bearer ${await token()}` });
  expect(principal).toMatchObject({
    subject: 'ann',
    roles: ['analyst'],
    purposes: ['analytics', 'support'],
    claims: { country: 'DE', iss: 'headgate', aud: 'headgate' },
    anonymous: false,
  });
  expect(principal.purpose).toBeUndefined();
});

test('a purpose must be one that the credential holds', async () => {
  const authorization = `Bearer ${await token()}`;
  expect(await authenticator.authenticate({ authorization, purpose: ' support ' })).toMatchObject({ subject: 'ann', purpose: 'support' });
  // The one before was not remembered with the credential.
  expect((await authenticator.authenticate({ authorization })).purpose).toBeUndefined();
  const wrong = authenticator.authenticate({ authorization, purpose: 'marketing' });
  await expect(wrong).rejects.toMatchObject({ code: 'FORBIDDEN', message: expect.stringMatching(/"marketing".*"analytics", "support"/) as string });
  const without = authenticator.authenticate({ authorization: `Bearer ${await token({ purposes: [] })}`, purpose: 'support' });
  await expect(without).rejects.toMatchObject({ code: 'FORBIDDEN' });
});

test('a credential that is not good is refused, never taken for none', async () => {
  const jwt = await token();
  for (const authorization of [
    '',
    'Bearer',
    'Bearer ',
    jwt,
    `Basic ${jwt}`,
    `Bearer ${jwt} x`,
    `Bearer ${jwt}, Bearer ${jwt}`,
    'Bearer a.b',
    'Bearer ä.b.c',
    `Bearer ${jwt}.x.y`,
  ]) {
    await expect(authenticator.authenticate({ authorization })).rejects.toThrow(unauthenticated('malformed'));
  }
  await expect(authenticator.authenticate({ authorization: 'Bearer a.b.c' })).rejects.toThrow(unauthenticated('malformed'));
  const [head, , signature] = jwt.split('.');
  await expect(authenticator.authenticate({ authorization: `Bearer ${head}.bm90IEpTT04.${signature}` })).rejects.toThrow(unauthenticated('signature'));
  for (const apiKey of ['', 'hg_', 'x', jwt, `hg_${'a'.repeat(44)}`])
    await expect(authenticator.authenticate({ apiKey })).rejects.toThrow(unauthenticated('malformed'));
  await expect(authenticator.authenticate({ apiKey: `hg_${'a'.repeat(43)}` })).rejects.toThrow(unauthenticated('unknown'));
});

test('two credentials at once are refused, good as they may be', async () => {
  const { key } = await apiKeys.create({ name: 'k', subject: 'bot', roles: [], createdBy: 'admin' });
  await expect(authenticator.authenticate({ authorization: `Bearer ${await token()}`, apiKey: key })).rejects.toThrow(unauthenticated('two-credentials'));
  await expect(authenticator.authenticate({ authorization: '', apiKey: key })).rejects.toThrow(unauthenticated('two-credentials'));
});

test('a local token of another installation, issuer, audience or algorithm is refused', async () => {
  const foreign = await createToken(new KeyRing(Buffer.alloc(32, 4)), ann);
  await expect(authenticator.authenticate({ authorization: `Bearer ${foreign.token}` })).rejects.toThrow(unauthenticated('signature'));
  const make = async (claims: Record<string, unknown>, alg = 'EdDSA', secret?: Uint8Array): Promise<string> =>
    await new SignJWT({ iss: 'headgate', aud: 'headgate', sub: 'ann', jti: 'j', iat: now(), exp: now() + 60, ...claims })
      .setProtectedHeader({ alg })
      .sign(secret ?? keyRing.signingKey('tokens').privateKey);
  const attempt = async (jwt: string): Promise<unknown> => await authenticator.authenticate({ authorization: `Bearer ${jwt}` });
  expect(await attempt(await make({}))).toMatchObject({ subject: 'ann' });
  await expect(attempt(await make({ iss: 'other' }))).rejects.toThrow(unauthenticated('issuer'));
  await expect(attempt(await make({ aud: 'other' }))).rejects.toThrow(unauthenticated('audience'));
  await expect(attempt(await make({ exp: now() - 1 }))).rejects.toThrow(unauthenticated('expired'));
  await expect(attempt(await make({ jti: undefined }))).rejects.toThrow(unauthenticated('claims'));
  const publicKey = keyRing.signingKey('tokens').publicKey.export({ format: 'der', type: 'spki' });
  await expect(attempt(await make({}, 'HS256', publicKey))).rejects.toThrow(unauthenticated('signature'));
  // A checkpoint's key and a token's are two keys of one ring.
  const byAuditKey = await new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg: 'EdDSA' }).sign(keyRing.signingKey('audit').privateKey);
  await expect(attempt(byAuditKey)).rejects.toThrow(unauthenticated('signature'));
});

test('a token ends with its time, though it was good a moment before', async () => {
  const authorization = `Bearer ${await token({ ttlSeconds: 1 })}`;
  await expect
    .poll(async () => await authenticator.authenticate({ authorization }).catch((error: unknown) => error), { timeout: 5_000 })
    .toEqual(unauthenticated('expired'));
});

test('an API key is the principal it was made for, and only its hash is kept', async () => {
  const { key, apiKey } = await apiKeys.create({
    name: 'nightly',
    subject: 'bot',
    roles: ['engineer'],
    purposes: ['support'],
    claims: { country: 'FR' },
    createdBy: 'admin',
  });
  expect(key).toMatch(/^hg_[\w-]{43}$/);
  expect(await authenticator.authenticate({ apiKey: key, purpose: 'support' })).toMatchObject({
    subject: 'bot',
    credential: `key:${apiKey.id}`,
    roles: ['engineer'],
    purposes: ['support'],
    purpose: 'support',
    claims: { country: 'FR', sub: 'bot' },
    anonymous: false,
  });
  const stored = JSON.stringify(await database.query('SELECT * FROM headgate.api_key'));
  expect(stored).toContain(apiKey.keyHash);
  expect(stored).not.toContain(key.slice(3));
  expect((await apiKeys.list()).map(({ name }) => name)).toContain('nightly');
});

test('an API key that was revoked or has expired is refused', async () => {
  const { key, apiKey } = await apiKeys.create({ name: 'short', subject: 'bot', roles: [], createdBy: 'admin' });
  expect(await authenticator.authenticate({ apiKey: key })).toMatchObject({ subject: 'bot' });
  const first = await apiKeys.revoke(apiKey.id);
  expect(await apiKeys.revoke(apiKey.id)).toEqual(first);
  await expect
    .poll(async () => await authenticator.authenticate({ apiKey: key }).catch((error: unknown) => error), { timeout: 5_000 })
    .toEqual(unauthenticated('revoked'));
  for (const id of [crypto.randomUUID(), "' OR true"]) await expect(apiKeys.revoke(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });

  const expiring = await apiKeys.create({ name: 'brief', subject: 'bot', roles: [], createdBy: 'admin', expiresAt: new Date(Date.now() + 500) });
  expect(await authenticator.authenticate({ apiKey: expiring.key })).toMatchObject({ subject: 'bot' });
  await expect
    .poll(async () => await authenticator.authenticate({ apiKey: expiring.key }).catch((error: unknown) => error), { timeout: 5_000 })
    .toEqual(unauthenticated('expired'));
});

test('keys and revocations are part of the transaction that they are made in', async () => {
  const undone = database.transaction(async (tx) => {
    await new ApiKeys(tx.manager).create({ name: 'undone', subject: 'bot', roles: [], createdBy: 'admin' });
    await new RevokedTokens(tx.manager).revoke({ id: 'undone', revokedBy: 'admin' });
    throw new Error('no');
  });
  await expect(undone).rejects.toThrow('no');
  expect((await apiKeys.list()).map(({ name }) => name)).not.toContain('undone');
  expect(await new RevokedTokens(database.manager).has('undone')).toBe(false);
});

test('revocations are forgotten after the token would have expired', async () => {
  const revoked = new RevokedTokens(database.manager);
  await revoked.revoke({ id: 'old', revokedBy: 'admin', expiresAt: new Date(Date.now() - 2 * 86_400_000) });
  expect(await revoked.has('old')).toBe(true);
  await revoked.revoke({ id: 'new', revokedBy: 'admin' });
  expect([await revoked.has('old'), await revoked.has('new')]).toEqual([false, true]);
  for (const id of ['', '\0', 'x'.repeat(256)]) await expect(revoked.revoke({ id, revokedBy: 'admin' })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
});

test('without the database a credential is UNAVAILABLE, not accepted', async () => {
  const { connection } = database;
  const gone = await Database.open({ connection, entities: [ApiKeyEntity, RevokedTokenEntity], statementTimeoutMs: 1000 });
  await gone.close();
  const own = new Authenticator({ config: { rolesClaim: 'roles' }, keyRing, database: gone, outbound });
  await expect(own.authenticate({ authorization: `Bearer ${await token()}` })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect(own.authenticate({ apiKey: `hg_${'a'.repeat(43)}` })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

test.each<[string, Partial<TokenRequest>]>([
  ['subject', { subject: '' }],
  ['subject', { subject: 'anonymous' }],
  ['subject', { subject: 'a\nb' }],
  ['roles', { roles: ['a b'] }],
  ['roles', { roles: [''] }],
  ['purposes', { purposes: ['x', '\t'] }],
  ['claims.iss', { claims: { iss: 'me' } }],
  ['claims.roles', { claims: { roles: ['admin'] } }],
  ['claims.exp', { claims: { exp: 9e9 } }],
  ['ttl', { ttlSeconds: 0 }],
  ['ttl', { ttlSeconds: 0.5 }],
  ['ttl', { ttlSeconds: 366 * 86_400 }],
])('a token is not made with a wrong %s', async (path, change) => {
  await expect(createToken(keyRing, { ...ann, ...change })).rejects.toMatchObject({ code: 'BAD_USER_INPUT', details: { path } });
});

test('a new token tells its id and its end', async () => {
  const made = await createToken(keyRing, ann);
  const { claims } = await authenticator.authenticate({ authorization: `Bearer ${made.token}` });
  expect(claims).toMatchObject({ jti: made.id, exp: made.expiresAt.getTime() / 1000 });
});

test.each([
  ['90s', 90],
  ['30m', 1800],
  ['1h', 3600],
  [' 7d ', 604_800],
  ['365d', 31_536_000],
])('a time of %s is %i seconds', (text, seconds) => {
  expect(parseTtl(text)).toBe(seconds);
});

test.each(['', '1', 'h', '0s', '-1h', '1.5h', '1 h', '1y', '366d', '1h30m', '9999999999d'])('a time of "%s" is BAD_USER_INPUT', (text) => {
  expect(() => parseTtl(text)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }));
});
