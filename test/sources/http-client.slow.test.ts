import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SourceSpec } from '../../src/catalog/index.js';
import { HeadgateError, silentLog } from '../../src/kernel/index.js';
import { Outbound } from '../../src/outbound/index.js';
import { HttpClient, HttpClients, type HttpSourceSpec } from '../../src/sources/index.js';
import { ApiServer, json } from '../support/api-server.js';

const SECRET = 's3cret-of-the-api';
let api: ApiServer;
let outbound: Outbound;
let secrets: Map<string, string>;

beforeEach(async () => {
  api = await ApiServer.start((_, response) => json(response, { ok: true }));
  outbound = new Outbound({ allow: [], log: silentLog });
  secrets = new Map([
    ['HEADGATE_SECRET_URL', `${api.url}/v1?api_key=${SECRET}`],
    ['HEADGATE_SECRET_TOKEN_URL', `${api.url}/token`],
    ['HEADGATE_SECRET_KEY', SECRET],
  ]);
});

afterEach(async () => {
  await outbound.close();
  await api.close();
});

function source(more: object = {}): HttpSourceSpec {
  return SourceSpec.parse({ name: 'shop', type: 'http', url: '${HEADGATE_SECRET_URL}', ...more }) as HttpSourceSpec;
}

function client(more: object = {}, options: { restMs?: number; now?: () => number } = {}): HttpClient {
  return new HttpClient({ source: source(more), secrets, outbound, log: silentLog, restMs: 50, ...options });
}

async function failure(promise: Promise<unknown>): Promise<HeadgateError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof HeadgateError)) throw new Error('expected a HeadgateError', { cause: error });
  const told = `${error.message} ${JSON.stringify(error.details)}`;
  expect(told).not.toContain(SECRET);
  expect(told).not.toContain('127.0.0.1');
  expect(error.details['source']).toBe('shop');
  return error;
}

describe('what is asked', () => {
  test('goes below the URL of the source, and keeps its parameters', async () => {
    const answer = await client().send({ path: '/orders', query: { page: '2', tag: ['a', 'b'] } });
    expect(answer.json()).toEqual({ ok: true });
    expect(api.asked[0]).toMatchObject({ method: 'GET', path: '/v1/orders' });
    expect(api.asked[0]?.query.toString()).toBe(`api_key=${SECRET}&page=2&tag=a&tag=b`);
  });

  test.each(['/../admin', '/%2e%2E/admin', '/a b', '/a\\..\\b', '/a#b'])('never leaves the source by a path: %s', async (path) => {
    expect(await failure(client().send({ path }))).toMatchObject({ code: 'BAD_USER_INPUT' });
    expect(api.asked).toHaveLength(0);
  });

  test('goes to where the source leads for the next page, and to no other host', async () => {
    const shop = client();
    const answer = await shop.send({ path: '/orders' });
    expect(shop.placeOf(`/v1/orders?cursor=x&access_token=${SECRET}&api_key=${SECRET}`, answer)).toBe('./orders?cursor=x');
    expect(shop.placeOf('/other?cursor=a%26b', answer)).toBe('/other?cursor=a%26b');
    expect(shop.placeOf('?page=2', { url: `${api.url}/v1` })).toBe('?page=2');
    for (const place of ['./orders?cursor=x', '/other?cursor=a%26b', '?page=2']) await shop.send({ place });
    expect(api.asked.slice(1).map(({ path, query }) => `${path}?${query.toString()}`)).toEqual([
      `/v1/orders?cursor=x&api_key=${SECRET}`,
      `/other?cursor=a%26b&api_key=${SECRET}`,
      `/v1?page=2&api_key=${SECRET}`,
    ]);
    for (const elsewhere of ['http://127.0.0.2/', 'https://evil.example/v1/orders', '//evil.example/', 'http://a:b@evil.example/', 'file:///etc/passwd']) {
      expect(await failure(Promise.resolve().then(() => shop.placeOf(elsewhere, answer)))).toMatchObject({ code: 'DATA_REJECTED' });
      expect(await failure(shop.send({ place: elsewhere }))).toMatchObject({ code: 'DATA_REJECTED' });
    }
    expect(api.asked).toHaveLength(4);
  });

  test('is not sent to this machine because a manifest says so', async () => {
    const shop = new HttpClient({ source: source({ url: `${api.url}/v1` }), secrets, outbound, log: silentLog });
    const error = await shop.send({}).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'BAD_USER_INPUT', details: { source: 'shop' } });
    expect(api.asked).toHaveLength(0);
  });

  test('is in characters that can be read, whatever the set is', async () => {
    api.answer = (_, response) => response.writeHead(200, { 'content-type': 'application/json; charset=iso-8859-1' }).end(Buffer.from('"\xe9"', 'latin1'));
    expect((await client().send({})).json()).toBe('é');
    api.answer = (_, response) => response.writeHead(200).end(Buffer.from('"\xe9"', 'latin1'));
    expect(await failure(client().send({}))).toMatchObject({ code: 'DATA_REJECTED' });
    api.answer = (_, response) => response.writeHead(200).end(`{"${SECRET}": oops`);
    const answer = await client().send({});
    expect(await failure(Promise.resolve().then(() => answer.json()))).toMatchObject({ code: 'DATA_REJECTED' });
  });
});

describe('who asks', () => {
  test.each([
    [{ bearer: '${HEADGATE_SECRET_KEY}' }, 'authorization', `Bearer ${SECRET}`],
    [{ basic: { user: 'ü:', password: '${HEADGATE_SECRET_KEY}' } }, 'authorization', `Basic ${Buffer.from(`ü::${SECRET}`).toString('base64')}`],
    [{ header: { name: 'X-Api-Key', value: '${HEADGATE_SECRET_KEY}' } }, 'x-api-key', SECRET],
  ])('is said as the document declares: %j', async (auth, name, value) => {
    await client({ auth, headers: { 'X-Tenant': 'acme' } }).send({});
    expect(api.asked[0]?.headers).toMatchObject({ [name]: value, 'x-tenant': 'acme' });
  });

  test('names the variable that is not set, and asks nobody', async () => {
    const error = await failure(client({ auth: { bearer: '${HEADGATE_SECRET_MISSING}' } }).send({}));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', details: { variable: 'HEADGATE_SECRET_MISSING' } });
    expect(api.asked).toHaveLength(0);
  });

  test('is a token of OAuth 2: asked for once, renewed before it ends, and once when it is refused', async () => {
    let now = 0;
    let tokens = 0;
    let valid = '';
    api.answer = (asked, response) => {
      if (asked.path === '/token') {
        valid = `token-${++tokens}`;
        return json(response, { access_token: valid, token_type: 'Bearer', expires_in: 100 });
      }
      return json(response, {}, {}, asked.headers.authorization === `Bearer ${valid}` ? 200 : 401);
    };
    const oauth2 = { tokenUrl: '${HEADGATE_SECRET_TOKEN_URL}', clientId: 'me&you', clientSecret: '${HEADGATE_SECRET_KEY}', scopes: ['a', 'b'] };
    const shop = client({ auth: { oauth2 } }, { now: () => now });
    await Promise.all([shop.send({}), shop.send({}), shop.send({})]);
    expect(tokens).toBe(1);
    const [token] = api.asked.filter(({ path }) => path === '/token');
    expect(token?.body).toBe('grant_type=client_credentials&scope=a+b');
    expect(token?.headers.authorization).toBe(`Basic ${Buffer.from(`me%26you:${SECRET}`).toString('base64')}`);
    now = 91_000;
    await shop.send({});
    expect(tokens).toBe(2);
    valid = 'withdrawn';
    await shop.send({});
    expect(tokens).toBe(3);
    api.answer = (asked, response) => json(response, { access_token: 'never right', token_type: 'bearer' }, {}, asked.path === '/token' ? 200 : 401);
    expect(await failure(shop.send({}))).toMatchObject({ code: 'CONTRACT_VIOLATION', details: { status: 401 } });
    api.answer = (_, response) => json(response, { error: 'invalid_client' }, {}, 400);
    expect(await failure(client({ auth: { oauth2 } }).send({}))).toMatchObject({ code: 'CONTRACT_VIOLATION', details: { status: 401 } });
  });
});

describe('what fails', () => {
  test.each([429, 502, 503, 504])('for a while is asked for again: HTTP %i', async (status) => {
    let left = 2;
    api.answer = (_, response) => (left-- > 0 ? json(response, 'no', { 'retry-after': '0' }, status) : json(response, [1]));
    expect((await client().send({})).json()).toEqual([1]);
    expect(api.asked).toHaveLength(3);
  });

  test('in the middle of an answer is asked for again as a whole', async () => {
    let left = 1;
    api.answer = (_, response) => {
      if (left-- <= 0) return json(response, [1, 2]);
      response.writeHead(200, { 'content-length': '100' }).write('[1,');
      setImmediate(() => response.destroy());
    };
    expect((await client().send({})).json()).toEqual([1, 2]);
  });

  test('is not asked for again when that could do harm', async () => {
    api.answer = (_, response) => json(response, 'no', {}, 503);
    expect(await failure(client().send({ method: 'POST', body: '{}' }))).toMatchObject({ code: 'UNAVAILABLE' });
    expect(api.asked).toHaveLength(1);
    await failure(client().send({ method: 'POST', body: '{}', repeatable: true, retries: 1 }));
    expect(api.asked).toHaveLength(3);
  });

  test('is told when the source asks for more time than is waited for', async () => {
    api.answer = (_, response) => json(response, SECRET, { 'retry-after': new Date(Date.now() + 600_000).toUTCString() }, 429);
    const error = await failure(client().send({}));
    expect(error.code).toBe('RATE_LIMITED');
    expect(error.details['retryAfter']).toBeGreaterThan(500);
    expect(error.details['retryAfter']).toBeLessThanOrEqual(600);
    expect(api.asked).toHaveLength(1);
  });

  test.each([
    [400, 'CONTRACT_VIOLATION'],
    [401, 'CONTRACT_VIOLATION'],
    [403, 'CONTRACT_VIOLATION'],
    [404, 'CONTRACT_VIOLATION'],
    [500, 'UNAVAILABLE'],
    [304, 'CONTRACT_VIOLATION'],
  ])('for good is asked for once, and told without a word of the answer: HTTP %i', async (status, code) => {
    api.answer = (_, response) => json(response, `"${SECRET}"`, {}, status);
    expect(await failure(client().send({}))).toMatchObject({ code, details: { status } });
    expect(api.asked).toHaveLength(1);
  });

  test('again and again is left alone for a while, and nobody waits for it', async () => {
    api.answer = (_, response) => json(response, 'no', {}, 503);
    const shop = client({}, { restMs: 100 });
    for (let i = 0; i < 5; i += 1) await failure(shop.send({ retries: 0 }));
    expect((await failure(shop.send({ retries: 0 }))).message).toContain('left alone');
    expect(api.asked).toHaveLength(5);
    api.answer = (_, response) => json(response, []);
    await expect
      .poll(() =>
        shop.send({ retries: 0 }).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(200);
  });

  test('by its size or time ends', async () => {
    api.answer = (_, response) => json(response, `"${'x'.repeat(1_000)}"`);
    expect(await failure(client().send({ maxBytes: 100 }))).toMatchObject({ code: 'DATA_REJECTED' });
    api.answer = () => undefined;
    expect(await failure(client().send({ timeoutMs: 50, retries: 0 }))).toMatchObject({ code: 'TIMEOUT' });
    const reason = new Error('enough');
    await expect(client().send({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

test('no more is sent in a time than the document allows, by all who use the source', async () => {
  const clients = new HttpClients({ secrets, outbound, log: silentLog });
  const limited = source({ rate: { requests: 3, per: '1s' } });
  const times: number[] = [];
  api.answer = (_, response) => {
    times.push(performance.now());
    json(response, []);
  };
  await Promise.all(Array.from({ length: 7 }, () => clients.of({ ...limited }).send({})));
  times.sort((a, b) => a - b);
  // The server sees them a moment after they were let through.
  for (let i = 3; i < times.length; i += 1) expect((times[i] ?? 0) - (times[i - 3] ?? 0)).toBeGreaterThan(900);
});

test('a process asks a source for so many things at a time only', async () => {
  let most = 0;
  let now = 0;
  api.answer = async (_, response) => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setTimeout(resolve, 5));
    now -= 1;
    json(response, []);
  };
  const shop = client();
  await Promise.all(Array.from({ length: 40 }, () => shop.send({})));
  expect(most).toBe(8);
  const leaving = new AbortController();
  api.answer = () => undefined;
  const waiting = Array.from({ length: 20 }, () => shop.send({ signal: leaving.signal }));
  leaving.abort(new Error('gone'));
  expect(new Set((await Promise.allSettled(waiting)).map(({ status }) => status))).toEqual(new Set(['rejected']));
});
