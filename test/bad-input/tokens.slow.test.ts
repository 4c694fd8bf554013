import { SignJWT } from 'jose';
import { createSecretKey } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KeyRing } from '../../src/store/index.js';
import { Served } from '../support/served.js';
import { applied, expectPlain, expectProblem, Witness } from './refusal.js';

let served: Served;
let witness: Witness;

beforeAll(async () => {
  served = await Served.start();
  witness = await Witness.of(served);
  await applied(served, 'kind: Dataset\nname: orders\nfields: [{ name: id, type: bigint }]\n');
});

afterAll(async () => {
  await witness.close();
  await served.close();
});

const now = (): number => Math.floor(Date.now() / 1000);
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const CLAIMS = { iss: 'headgate', aud: 'headgate', sub: 'mallory', roles: ['admin'], jti: 'j' };
const good = (): Record<string, unknown> => ({ ...CLAIMS, iat: now(), exp: now() + 600 });

/** An admin's token by the right key, with other claims. */
async function signed(claims: Record<string, unknown>, ring: KeyRing = served.app.keyRing): Promise<string> {
  const { privateKey, keyId } = ring.signingKey('tokens');
  return new SignJWT({ ...good(), ...claims }).setProtectedHeader({ alg: 'EdDSA', kid: keyId }).sign(privateKey);
}

const publicKey = (): Buffer => served.app.keyRing.signingKey('tokens').publicKey.export({ format: 'der', type: 'spki' });
const ring = (byte: number): KeyRing => new KeyRing(Buffer.alloc(32, byte));

type Headers = Record<string, string>;
const bearer = async (token: string | Promise<string>): Promise<Headers> => ({ authorization: `Bearer ${await token}` });

const CREDENTIALS: readonly (readonly [what: string, headers: () => Promise<Headers>, reason: string, says: RegExp])[] = [
  ['expired', () => bearer(signed({ exp: now() - 1 })), 'expired', /has expired\. Get a new one/],
  ['not valid yet', () => bearer(signed({ nbf: now() + 600 })), 'not-yet-valid', /not valid yet\. Check the clocks/],
  ['forged with another key', () => bearer(signed({}, ring(7))), 'signature', /not signed by the key that is expected/],
  [
    'changed after it was signed',
    async () => bearer((await signed({ roles: [] })).replace(/\.[^.]+\./, `.${part(good())}.`)),
    'signature',
    /not signed by the key/,
  ],
  ['alg: none', () => bearer(`${part({ alg: 'none' })}.${part(good())}.`), 'signature', /not signed, or with an algorithm that is not accepted/],
  ['alg: None', () => bearer(`${part({ alg: 'None' })}.${part(good())}.`), 'signature', /not signed, or with an algorithm/],
  [
    'alg: none over a good signature',
    async () => bearer(`${part({ alg: 'none' })}.${(await signed({})).split('.').slice(1).join('.')}`),
    'signature',
    /not signed, or with an algorithm/,
  ],
  [
    'HS256 with the public key for a secret',
    () => bearer(new SignJWT(good()).setProtectedHeader({ alg: 'HS256' }).sign(createSecretKey(publicKey()))),
    'signature',
    /algorithm that is not accepted/,
  ],
  ['of another audience', () => bearer(signed({ aud: 'billing' })), 'audience', /not meant for the audience "headgate"/],
  ['of no audience', () => bearer(signed({ aud: undefined })), 'audience', /not meant for the audience/],
  ['of another issuer', () => bearer(signed({ iss: 'https://idp.example' })), 'issuer', /another issuer than "headgate"/],
  ['without an end', () => bearer(signed({ exp: undefined })), 'claims', /claim "exp" is missing/],
  ['without a subject', () => bearer(signed({ sub: undefined })), 'claims', /claim "sub" is missing/],
  ['no JWT', () => bearer('hunter2'), 'malformed', /expected "Bearer <JWT>"\. An API key goes into X-Api-Key/],
  ['half a JWT', async () => bearer((await signed({})).split('.').slice(0, 2).join('.')), 'malformed', /expected "Bearer <JWT>"/],
  ['a password', async () => ({ authorization: `Basic ${Buffer.from('ada:secret').toString('base64')}` }), 'malformed', /expected "Bearer <JWT>"/],
  ['an API key that there is not', async () => ({ 'x-api-key': `hg_${'a'.repeat(43)}` }), 'unknown', /there is no such key/],
  ['a JWT as API key', async () => ({ 'x-api-key': await signed({}) }), 'malformed', /expected a key that starts with "hg_"/],
  ['two credentials', async () => ({ ...(await bearer(signed({}))), 'x-api-key': `hg_${'a'.repeat(43)}` }), 'two-credentials', /send one of them/],
];

const json = { 'content-type': 'application/json' };
const DOORS: Readonly<Record<string, (headers: Headers) => Promise<Response>>> = {
  'POST /ingest': (headers) => served.upload(null, 'orders', 'id\n1\n', headers),
  'POST /manifests': (headers) =>
    fetch(`${served.url}/manifests`, {
      method: 'POST',
      headers: { ...json, ...headers },
      body: JSON.stringify({ files: [{ file: 'p.yaml', text: 'kind: Purpose\nname: mine\n' }] }),
    }),
  'GET /manifests': (headers) => fetch(`${served.url}/manifests`, { headers }),
  'GET /audit/export': (headers) => fetch(`${served.url}/audit/export`, { headers }),
  'POST /audit/verify': (headers) => fetch(`${served.url}/audit/verify`, { method: 'POST', headers }),
};

const MUTATION = `mutation { applyManifest(manifest: "kind: Purpose\\nname: mine") { version } }`;

describe('a credential that is not good opens no door, and is on the record', () => {
  test.each(CREDENTIALS)('%s', async (_what, headersOf, reason, says) => {
    const headers = await headersOf();
    const runs = await witness.runs();
    await witness.changingNothing(async () => {
      for (const knock of Object.values(DOORS)) {
        const response = await knock(headers);
        expect(response.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
        await expectProblem(response, 401, { code: 'UNAUTHENTICATED', says, details: { reason } });
      }
      const { status, data, errors } = await served.ask(null, MUTATION, {}, headers);
      expectPlain(JSON.stringify(errors));
      expect({ status, data, errors }).toEqual({
        status: 401,
        data: undefined,
        errors: [{ message: expect.stringMatching(says) as string, extensions: { reason, code: 'UNAUTHENTICATED' } }],
      });
      for (const secret of Object.values(headers)) expect(JSON.stringify(errors)).not.toContain(secret.split(' ').at(-1));
    });
    expect(await witness.runs()).toBe(runs);
    expect(await witness.lastEntry()).toEqual({ action: 'login', decision: 'DENIED', code: 'UNAUTHENTICATED' });
  });

  test('the same claims, signed by the right key, open the doors', async () => {
    const headers = await bearer(signed({ sub: 'ada' }));
    for (const [door, knock] of Object.entries(DOORS)) expect([door, (await knock(headers)).status]).toEqual([door, 200]);
  });

  test('revoked', async () => {
    const headers = await bearer(signed({ jti: 'gone' }));
    await served.sql("INSERT INTO headgate.revoked_token (id, revoked_by, expires_at) VALUES ('gone', 'ada', now() + interval '1 hour')");
    await witness.changingNothing(async () =>
      expectProblem(await served.upload(null, 'orders', 'id\n2\n', headers), 401, {
        code: 'UNAUTHENTICATED',
        says: /was revoked/,
        details: { reason: 'revoked' },
      }),
    );
  });

  test('a purpose that the token does not hold', async () => {
    const headers = { ...(await bearer(signed({ purposes: ['support'] }))), 'x-purpose': 'marketing' };
    await witness.changingNothing(async () =>
      expectProblem(await served.upload(null, 'orders', 'id\n3\n', headers), 403, { code: 'FORBIDDEN', says: /"marketing" can't be declared.*"support"/ }),
    );
  });
});

describe('what is no HTTP request of ours is told so', () => {
  async function send(bytes: string): Promise<string> {
    const { hostname, port } = new URL(served.url);
    const socket = connect(Number(port), hostname);
    socket.write(bytes);
    return text(socket);
  }

  test.each([
    ['noise', 'NOISE\r\n\r\n', 400, /not an HTTP request/],
    ['a TLS greeting', '\u0016\u0003\u0001\u0002\0\u0001', 400, /not an HTTP request/],
    ['headers without end', `GET / HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${'a'.repeat(40_000)}\r\n\r\n`, 431, /headers of the request are too large/],
  ])('%s', async (_what, bytes, status, says) => {
    const answer = await send(bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expectPlain(answer);
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({
      status,
      code: 'BAD_USER_INPUT',
      detail: expect.stringMatching(says) as string,
    });
  });

  test('a body that is no JSON, and a route that there is not', async () => {
    const headers = { ...json, ...(await bearer(signed({}))) };
    const manifests = (body: string) => fetch(`${served.url}/manifests`, { method: 'POST', headers, body });
    await expectProblem(await manifests('{"files": ['), 400, { code: 'BAD_USER_INPUT', says: /not JSON/ });
    await expectProblem(await manifests('{"files": []}'), 400, { code: 'BAD_USER_INPUT', says: /Expected \{ files: \[\{ file, text \}\]/ });
    await expectProblem(await fetch(`${served.url}/ingest/orders`), 404, { code: 'NOT_FOUND', says: /no route GET \/ingest\/orders/ });
    await expectProblem(await fetch(`${served.url}/ingest`, { method: 'POST' }), 404, { code: 'NOT_FOUND', says: /no route POST \/ingest/ });
  });
});
