import { createSecretKey } from 'node:crypto';
import { exportSPKI, generateKeyPair, UnsecuredJWT, type GenerateKeyPairResult } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Authenticator, createToken, RevokedTokenEntity, RevokedTokens, ApiKeyEntity, type Principal } from '../../src/identity/index.js';
import { isHeadgateError, silentLog } from '../../src/kernel/index.js';
import { Outbound } from '../../src/outbound/index.js';
import { Database, KeyRing } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';
import { goodClaims, ISSUER, now, Provider, signed, type Claims } from './support.js';

const keyRing = new KeyRing(Buffer.alloc(32, 3));
const outbound = new Outbound({ allow: [], log: silentLog });
let database: Database;
let drop: () => Promise<void>;
let provider: Provider;
let rsa: GenerateKeyPairResult;
let ec: GenerateKeyPairResult;
let authenticator: Authenticator;

beforeAll(async () => {
  const created = await createTestDatabase();
  drop = created.drop;
  database = await Database.open({ connection: created.connection, entities: [ApiKeyEntity, RevokedTokenEntity], statementTimeoutMs: 10_000 });
  provider = await Provider.start();
  rsa = await provider.addKey('RS256', 'rsa');
  ec = await provider.addKey('ES256', 'ec');
  authenticator = new Authenticator({ config: provider.config, keyRing, database, outbound });
});
afterAll(async () => {
  await provider?.stop();
  await outbound.close();
  await database?.close();
  await drop?.();
});

const bearer = async (token: string, purpose?: string): Promise<Principal> =>
  await authenticator.authenticate({ authorization: `Bearer ${token}`, ...(purpose !== undefined && { purpose }) });
const good = async (changes?: Claims): Promise<string> => await signed(goodClaims(changes), 'RS256', rsa.privateKey, 'rsa');

/** The token is refused, for this reason, and no part of it is told. */
async function refused(token: string, reason: string): Promise<string> {
  const error = await bearer(token).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: 'UNAUTHENTICATED', details: { reason } });
  const text = isHeadgateError(error) ? error.message + JSON.stringify(error.details) : '';
  for (const part of token.split('.').filter((piece) => piece.length > 8)) expect(text).not.toContain(part);
  return text;
}

test('a good token of the provider is a principal, with RSA as with elliptic curves', async () => {
  const expected = { subject: 'ann', roles: ['analyst'], purposes: ['analytics'], anonymous: false, claims: { iss: ISSUER, sub: 'ann' } };
  expect(await bearer(await good())).toMatchObject(expected);
  expect(await bearer(await signed(goodClaims(), 'ES256', ec.privateKey, 'ec'))).toMatchObject(expected);
  expect(await authenticator.authenticate({ authorization: `bearer ${await good()}` })).toMatchObject(expected);
});

test('a token that names no key is tried with each key of the provider', async () => {
  const extra = await Provider.start();
  const pairs = [await extra.addKey('ES256'), await extra.addKey('ES256')];
  const own = new Authenticator({ config: extra.config, keyRing, database, outbound });
  for (const { privateKey } of pairs) {
    const token = await signed(goodClaims(), 'ES256', privateKey);
    expect(await own.authenticate({ authorization: `Bearer ${token}` })).toMatchObject({ subject: 'ann' });
  }
  const forged = await signed(goodClaims(), 'ES256', (await generateKeyPair('ES256')).privateKey);
  await expect(own.authenticate({ authorization: `Bearer ${forged}` })).rejects.toMatchObject({ code: 'UNAUTHENTICATED', details: { reason: 'signature' } });
  const late = await signed(goodClaims({ exp: now() - 60 }), 'ES256', pairs[0]?.privateKey ?? rsa.privateKey);
  await expect(own.authenticate({ authorization: `Bearer ${late}` })).rejects.toMatchObject({ details: { reason: 'expired' } });
  await extra.stop();
});

test('an expired token says so', async () => {
  expect(await refused(await good({ exp: now() - 31 }), 'expired')).toContain('expired');
});

test('clocks may differ by half a minute, both ways, and not more', async () => {
  expect(await bearer(await good({ exp: now() - 20 }))).toMatchObject({ subject: 'ann' });
  expect(await bearer(await good({ nbf: now() + 20 }))).toMatchObject({ subject: 'ann' });
  await refused(await good({ nbf: now() + 60 }), 'not-yet-valid');
});

test('a token of another issuer or for another audience is refused', async () => {
  await refused(await good({ iss: 'https://evil.example.com/' }), 'issuer');
  await refused(await good({ aud: 'another-service' }), 'audience');
  await refused(await good({ aud: [] }), 'audience');
  expect(await bearer(await good({ aud: ['another-service', 'headgate-test'] }))).toMatchObject({ subject: 'ann' });
});

test('a forged signature is refused: another key, another key id, changed claims, cut off', async () => {
  const { privateKey } = await generateKeyPair('RS256');
  await refused(await signed(goodClaims(), 'RS256', privateKey, 'rsa'), 'signature');
  await refused(await signed(goodClaims(), 'RS256', privateKey, 'unknown'), 'signature');
  const [head, , signature] = (await good()).split('.');
  const body = Buffer.from(JSON.stringify(goodClaims({ realm_access: { roles: ['admin'] } }))).toString('base64url');
  await refused(`${head}.${body}.${signature}`, 'signature');
  await refused(`${head}.${body}.`, 'signature');
});

test('alg none is refused', async () => {
  const token = new UnsecuredJWT(goodClaims()).encode();
  await refused(token, 'signature');
  await refused(`${token}AAAA`, 'signature');
  const body = token.split('.')[1];
  for (const alg of ['None', 'NONE', ''])
    await refused(`${Buffer.from(JSON.stringify({ alg })).toString('base64url')}.${body}.`, alg === '' ? 'malformed' : 'signature');
});

test('an HMAC with the public key as its secret is refused', async () => {
  const secret = createSecretKey(Buffer.from(await exportSPKI(rsa.publicKey)));
  for (const alg of ['HS256', 'HS512']) await refused(await signed(goodClaims(), alg, secret, 'rsa'), 'signature');
});

test('a local token is worth nothing where there is a provider', async () => {
  const { token } = await createToken(keyRing, { subject: 'admin', roles: ['admin'], ttlSeconds: 60 });
  await refused(token, 'signature');
});

test('what a token must say is asked for', async () => {
  await refused(await good({ exp: undefined }), 'claims');
  await refused(await good({ sub: undefined }), 'claims');
  for (const sub of ['', 'anonymous', 'a\0b', 'x'.repeat(256)]) await refused(await good({ sub }), 'claims');
  await refused(await good({ jti: '\0' }), 'claims');
  await refused(await good({ exp: '1' }), 'claims');
});

test.each<[string, unknown, string[]]>([
  ['a list', ['a', 'b', 'a'], ['a', 'b']],
  ['a text with spaces', 'a  b', ['a', 'b']],
  ['nothing', undefined, []],
  ['things that are no names', [1, null, { a: 1 }, ['x'], '', 'a'], ['a']],
  ['a number', 5, []],
])('roles from %s', async (_, roles, expected) => {
  expect((await bearer(await good({ realm_access: { roles }, jti: crypto.randomUUID() }))).roles).toEqual(expected);
});

test.each([
  ['/realm_access/roles', { realm_access: { roles: ['x'] } }],
  ['realm_access.roles', { realm_access: { roles: ['x'] } }],
  ['https://example.com/roles', { 'https://example.com/roles': ['x'] }],
  ['/a~1b/c~0d', { 'a/b': { 'c~d': 'x' } }],
])('roles at %s', async (rolesClaim, claims) => {
  const own = new Authenticator({ config: { ...provider.config, rolesClaim }, keyRing, database, outbound });
  const principal = await own.authenticate({ authorization: `Bearer ${await good({ realm_access: undefined, ...claims })}` });
  expect(principal.roles).toEqual(['x']);
});

test('roles are read from claims only, not from what every object has', async () => {
  const own = new Authenticator({ config: { ...provider.config, rolesClaim: 'constructor.name' }, keyRing, database, outbound });
  expect((await own.authenticate({ authorization: `Bearer ${await good()}` })).roles).toEqual([]);
});

test('a token that was revoked is refused, within two seconds also where it was just used', async () => {
  const token = await good({ jti: 'to-revoke' });
  expect(await bearer(token)).toMatchObject({ subject: 'ann' });
  await new RevokedTokens(database.manager).revoke({ id: 'to-revoke', revokedBy: 'admin', expiresAt: new Date(Date.now() + 300_000) });
  const start = performance.now();
  await expect
    .poll(
      async () =>
        await bearer(token).then(
          () => 'accepted',
          () => 'refused',
        ),
      { timeout: 5_000 },
    )
    .toBe('refused');
  expect(performance.now() - start).toBeLessThan(3_000);
  await refused(token, 'revoked');
  await new RevokedTokens(database.manager).revoke({ id: 'to-revoke', revokedBy: 'admin' });
});

test('a provider that cannot be reached, or answers with an error, is UNAVAILABLE, and works when it is back', async () => {
  const other = await Provider.start();
  const pair = await other.addKey('ES256', 'k');
  const own = new Authenticator({ config: other.config, keyRing, database, outbound });
  const credentials = { authorization: `Bearer ${await signed(goodClaims(), 'ES256', pair.privateKey, 'k')}` };
  other.answer(500);
  await expect(own.authenticate(credentials)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  other.answer(200);
  expect(await own.authenticate(credentials)).toMatchObject({ subject: 'ann' });
  const { config } = other;
  await other.stop();
  const late = new Authenticator({ config, keyRing, database, outbound });
  await expect(late.authenticate(credentials)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  // Keys that were fetched serve on.
  expect(await own.authenticate({ authorization: `Bearer ${await signed(goodClaims({ jti: 'another' }), 'ES256', pair.privateKey, 'k')}` })).toMatchObject({
    subject: 'ann',
  });
});

test('keys are fetched once, not for each request', async () => {
  const before = provider.requests;
  for (let i = 0; i < 20; i++) await bearer(await good({ jti: `many-${i}` }));
  expect(provider.requests).toBe(before);
});
