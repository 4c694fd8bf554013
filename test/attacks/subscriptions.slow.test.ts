import { request } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Listener, RawSocket, type Params } from '../support/live.js';
import { Served } from '../support/served.js';

/** Subscriptions without init, past limits, or past the rules of fields (CVE-2026-35523, CVE-2026-30241, CVE-2026-32098). */
const MANIFESTS = `
kind: Purpose
name: support
---
kind: Dataset
name: people
typeName: Person
fields:
  - { name: id, type: bigint }
  - { name: email, type: text }
  - { name: salary, type: integer }
  - { name: country, type: text }
  - { name: code, type: text, visibility: secret }
key: [id]
relations:
  - { name: notes, to: notes, on: { id: person_id }, many: true }
---
kind: Dataset
name: notes
fields:
  - { name: id, type: bigint }
  - { name: person_id, type: bigint }
  - { name: text, type: text }
key: [id]
relations:
  - { name: person, to: people, on: { person_id: id } }
---
kind: Dataset
name: watchlist
visibility: secret
fields: [{ name: id, type: bigint }]
key: [id]
---
kind: Grant
name: watchers
to: { roles: [watcher] }
on: { datasets: [watchlist] }
fields: { id: allow }
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [people] }
fields: { id: allow, country: allow, email: { mask: redact }, salary: deny }
---
kind: Grant
name: notes-read-only
to: { roles: [reader] }
on: { datasets: [notes] }
rights: [read, export]
fields: { '*': allow }
---
kind: Grant
name: read-only
to: { roles: [looker] }
on: { datasets: [people] }
rights: [read, export]
fields: { '*': allow }
---
kind: Grant
name: supporters
to: { roles: [supporter] }
on: { datasets: [people] }
purposes: [support]
fields: { id: allow }
---
kind: Grant
name: temporary
to: { roles: [temporary] }
on: { datasets: [people] }
fields: { id: allow, country: allow }
`;

const IDS = 'subscription { peopleChanged { nodes { id } } }';
const INIT = { type: 'connection_init' };
const subscribe = (id: string, query = IDS) => ({ id, type: 'subscribe', payload: { query } });

let served: Served;
let admin: string;
let reader: string;
const listeners: Listener[] = [];
const sockets: RawSocket[] = [];

beforeAll(async () => {
  served = await Served.start({ HEADGATE_MAX_SUBSCRIPTIONS: '5', HEADGATE_CORS_ORIGINS: 'https://app.example', HEADGATE_MAX_DEPTH: '6' });
  admin = await served.token('ada', ['admin']);
  reader = await served.token('ron', ['reader']);
  await apply(MANIFESTS);
});

afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
  sockets.splice(0).forEach((socket) => socket.terminate());
  await vi.waitFor(async () => expect([await gauge('headgate_subscriptions'), await gauge('headgate_websocket_connections')]).toEqual([0, 0]), {
    interval: 10,
    timeout: 15_000,
  });
});
afterAll(() => served?.close());

async function apply(m: string): Promise<void> {
  const { errors } = await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m });
  expect(errors).toBeUndefined();
}

async function gauge(name: string): Promise<number> {
  const text = await (await fetch(`${served.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

function raw(options?: ConstructorParameters<typeof RawSocket>[1]): RawSocket {
  const socket = new RawSocket(served.url, options);
  sockets.push(socket);
  return socket;
}

function listen(who: string | Params | undefined, query: string, variables?: Record<string, unknown>): Listener {
  const params = typeof who === 'string' ? { authorization: `Bearer ${who}` } : who;
  const listener = new Listener(served.url, params, { query, ...(variables && { variables }) });
  listeners.push(listener);
  return listener;
}

async function listening(who: string | Params | undefined, query = IDS): Promise<Listener> {
  const before = await gauge('headgate_subscriptions');
  const listener = listen(who, query);
  await vi.waitFor(async () => expect(await gauge('headgate_subscriptions')).toBe(before + 1), { interval: 5, timeout: 15_000 });
  return listener;
}

let people = 0;
async function load(...rows: readonly { email?: string; salary?: number; country?: string }[]): Promise<number[]> {
  const ids = rows.map(() => ++people);
  const lines = rows.map(({ email = 'a@example.com', salary = 1, country = 'DE' }, i) => `${ids[i]},${email},${salary},${country},x`);
  const { status } = await served.upload(admin, 'people', `id,email,salary,country,code\n${lines.join('\n')}\n`);
  expect(status).toBe(200);
  return ids;
}

async function codesOf(who: string | Params | undefined, query: string, variables?: Record<string, unknown>): Promise<string[]> {
  return (await listen(who, query, variables).end()).errors.map(({ extensions }) => extensions.code);
}

describe('the beginning of a connection', () => {
  test('nothing is executed before the connection said whose it is', async () => {
    for (const query of [IDS, '{ me { sub } }', 'mutation { deleteGrant(name: "readers") }']) {
      const socket = raw();
      await socket.send(subscribe('1', query));
      expect(await socket.closed()).toEqual({ code: 4401, reason: 'Unauthorized' });
      expect(socket.messages).toEqual([]);
    }
    const { data } = await served.ask<{ grants: { name: string }[] }>(admin, '{ grants { name } }');
    expect(data.grants.map(({ name }) => name)).toContain('readers');
  });

  test('nor while it is found out', async () => {
    const socket = raw();
    await socket.send({ ...INIT, payload: { authorization: `Bearer ${reader}` } }, subscribe('1'));
    expect((await socket.closed()).code).toBe(4401);
  });

  test('who says nothing is closed', { timeout: 15_000 }, async () => {
    expect(await raw().closed()).toMatchObject({ code: 4408 });
  });

  test('who says it twice is closed', async () => {
    const socket = raw();
    await socket.send(INIT, { ...INIT, payload: { authorization: `Bearer ${admin}` } });
    expect((await socket.closed()).code).toBe(4429);
  });

  test.each([
    ['another protocol', 'graphql-ws', 4406],
    ['no message of the protocol', 'graphql-transport-ws', 4400],
  ])('%s is closed', async (_what, protocol, code) => {
    const socket = raw({ protocol });
    if (protocol === 'graphql-transport-ws') await socket.send('{"type":"start"}');
    // A client that finds its protocol missing in the answer does not wait for the reason.
    expect([code, 1006]).toContain((await socket.closed()).code);
    expect(socket.messages).toEqual([]);
  });

  test('a bad, an expired and a foreign credential are refused and never taken for none, and the attempt is on the record', async () => {
    const [expired] = [await served.token('ron', ['reader'], { ttlSeconds: 1 })];
    const before = await logins();
    const bad: Params[] = [
      { authorization: `Bearer ${reader.slice(0, -8)}AAAAAAAA` },
      { authorization: 'Bearer nonsense' },
      { authorization: reader },
      { apiKey: `hg_${'a'.repeat(43)}` },
      { authorization: `Bearer ${reader}`, purpose: 'support' },
    ];
    for (const params of bad) {
      const { code, reason } = await listen(params, IDS).end();
      expect([code, reason]).toEqual([4403, expect.stringMatching(/^(UNAUTHENTICATED|FORBIDDEN): /)]);
      expect(reason).not.toContain(reader.slice(0, 20));
    }
    expect(await logins()).toBe(before + bad.length);
    await vi.waitFor(async () => expect((await served.ask(expired, '{ me { sub } }')).status).toBe(401), { interval: 50, timeout: 15_000 });
    expect(await listen({ authorization: `Bearer ${expired}` }, IDS).end()).toMatchObject({ code: 4403 });
  });

  test('a credential in a place where nobody looks for it is refused', async () => {
    for (const payload of [
      { headers: { authorization: `Bearer ${reader}` } },
      { token: reader },
      { authorization: [reader] },
      { Authorization: 'x', authorization: 'y' },
    ]) {
      const socket = raw();
      await socket.send({ ...INIT, payload });
      expect((await socket.closed()).code).toBe(4400);
    }
  });

  test('a program may send its credential as a header instead', async () => {
    const socket = raw({ headers: { authorization: `Bearer ${reader}` } });
    await socket.send(INIT);
    await socket.message('connection_ack');
    await socket.send(subscribe('1'));
    await vi.waitFor(async () => expect(await gauge('headgate_subscriptions')).toBe(1), { interval: 5, timeout: 15_000 });
    const refused = raw({ headers: { authorization: 'Bearer nonsense' } });
    await refused.send(INIT);
    expect((await refused.closed()).code).toBe(4403);
  });

  test('pages of other origins may not connect, and there is nothing at other paths', async () => {
    for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example', `${served.url}.evil.example`])
      expect(await raw({ headers: { origin } }).refused()).toBe(403);
    for (const origin of ['https://app.example', served.url]) {
      const socket = raw({ headers: { origin } });
      await socket.send(INIT);
      await socket.message('connection_ack');
    }
    const elsewhere = new RawSocket(`${served.url}/other`);
    expect(await elsewhere.refused()).toBe(404);
  });

  test('a request for another protocol than WebSocket is answered as if it asked for none', async () => {
    const status = await new Promise((resolve, reject) => {
      const asked = request(
        `${served.url}/healthz`,
        { headers: { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': '' } },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      asked.on('error', reject).end();
    });
    expect(status).toBe(200);
  });
});

async function logins(): Promise<number> {
  const { data } = await served.ask<{ auditEntries: { totalCount: number } }>(admin, '{ auditEntries(where: { action: "login" }) { totalCount } }');
  return Number(data.auditEntries.totalCount);
}

describe('limits', () => {
  test('a principal has so many subscriptions, on however many connections', async () => {
    const own = await served.token('greedy', ['reader']);
    for (let i = 0; i < 5; i++) await listening(own);
    const sixth = await listen(own, IDS).end();
    // It is the connection that is one too many.
    expect(sixth).toMatchObject({ code: 1013, reason: expect.stringMatching(/^RATE_LIMITED/) as string });
    await listening(reader);
  });

  test('and so many on one connection; what ends makes room', async () => {
    const socket = raw();
    await socket.send({ ...INIT, payload: { authorization: `Bearer ${await served.token('greedy', ['reader'])}` } });
    await socket.message('connection_ack');
    await socket.send(...Array.from({ length: 6 }, (_, i) => subscribe(String(i))));
    expect(await socket.message('error')).toMatchObject({ id: '5', payload: [{ extensions: { code: 'RATE_LIMITED' } }] });
    await vi.waitFor(async () => expect(await gauge('headgate_subscriptions')).toBe(5), { interval: 5, timeout: 15_000 });
    await socket.send({ id: '0', type: 'complete' });
    await vi.waitFor(async () => expect(await gauge('headgate_subscriptions')).toBe(4), { interval: 5, timeout: 15_000 });
    await socket.send(subscribe('6'));
    await vi.waitFor(async () => expect(await gauge('headgate_subscriptions')).toBe(5), { interval: 5, timeout: 15_000 });
  });

  test('two operations of one id are not', async () => {
    const socket = raw();
    await socket.send({ ...INIT, payload: { authorization: `Bearer ${reader}` } });
    await socket.message('connection_ack');
    await socket.send(subscribe('1'), subscribe('1'));
    expect((await socket.closed()).code).toBe(4409);
  });

  test('too large a message ends the connection', async () => {
    const socket = raw();
    await socket.send({ ...INIT, payload: { authorization: `Bearer ${reader}` } });
    await socket.message('connection_ack');
    await socket.send({ id: '1', type: 'subscribe', payload: { query: `${IDS} #${'x'.repeat(300_000)}` } });
    expect((await socket.closed()).code).toBe(1009);
  });

  const alias = (i: number) => `a${i}: id`;
  test.each([
    ['too deep', `subscription { peopleChanged { nodes { notes { nodes { person { notes { totalCount } } } } } } }`],
    ['too many aliases', `subscription { peopleChanged { nodes { ${Array.from({ length: 40 }, (_, i) => alias(i)).join(' ')} } } }`],
    ['too many tokens', `subscription { peopleChanged { nodes { ${'id '.repeat(2100)} } } }`],
    ['too many directives', `subscription { peopleChanged { nodes { ${'id @include(if: true) '.repeat(60)} } } }`],
    ['too expensive', 'subscription { peopleChanged { nodes { notes(first: 1000) { nodes { id } } } } }'],
  ])('%s is refused, as over HTTP', async (_what, query) => {
    expect(new Set(await codesOf(reader, query))).toEqual(new Set(['QUERY_TOO_COMPLEX']));
  });

  test('an id that is kept as long as the subscription is short', async () => {
    const socket = raw();
    await socket.send({ ...INIT, payload: { authorization: `Bearer ${reader}` } });
    await socket.message('connection_ack');
    await socket.send(subscribe('x'.repeat(300)));
    expect(await socket.message('error')).toMatchObject({ payload: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
  });
});

describe('the rules of fields and rows', () => {
  test('a hidden field steers nothing, and a masked one only by its mask', async () => {
    for (const where of ['{ salary: { gt: 1 } }', '{ not: { or: [{ salary: { isNull: true } }] } }', '{ notes: { some: { text: { eq: "x" } } } }'])
      expect(await codesOf(reader, `subscription { peopleChanged(where: ${where}) { totalCount } }`)).toEqual(['FORBIDDEN']);
    expect(await codesOf(reader, 'subscription ($w: PersonWhere) { peopleChanged(where: $w) { totalCount } }', { w: { salary: { eq: 1 } } })).toEqual([
      'FORBIDDEN',
    ]);
    const [found, all] = [
      await listening(reader, 'subscription { peopleChanged(where: { email: { eq: "find.me@example.com" } }) { totalCount nodes { email } } }'),
      await listening(reader, 'subscription { peopleChanged { nodes { email salary } } }'),
    ];
    await load({ email: 'find.me@example.com', salary: 9 });
    const [event] = await all.events(1);
    expect(event).toMatchObject({
      data: { peopleChanged: { nodes: [{ email: '***', salary: null }] } },
      errors: [{ extensions: { code: 'FORBIDDEN', field: 'salary' } }],
    });
    expect(found.results).toEqual([]);
    expect(all.texts.join()).not.toContain('find.me');
  });

  test('a right to read is none to subscribe, on the dataset and on those behind relations', async () => {
    const looker = await served.token('luke', ['looker']);
    expect((await served.ask(looker, '{ people { totalCount } }')).errors).toBeUndefined();
    const [error] = (await listen(looker, IDS).end()).errors;
    expect(error).toMatchObject({ message: expect.stringContaining('"subscribe"') as string, extensions: { code: 'FORBIDDEN', dataset: 'people' } });
    const listener = await listening(reader, 'subscription { peopleChanged { nodes { id notes(first: 1) { totalCount } } } }');
    await load({});
    expect((await listener.events(1))[0]).toMatchObject({
      data: { peopleChanged: { nodes: [{ notes: null }] } },
      errors: [{ extensions: { code: 'FORBIDDEN', dataset: 'people', field: 'notes' } }],
    });
  });

  test('nobody gets what needs a grant, an anonymous one is asked for a credential, and a purpose is a purpose', async () => {
    const supporter = await served.token('sue', ['supporter'], { purposes: ['support'] });
    expect(await codesOf(undefined, IDS)).toEqual(['UNAUTHENTICATED']);
    expect(await codesOf(admin, IDS)).toEqual(['FORBIDDEN']);
    expect(await codesOf(supporter, IDS)).toEqual(['PURPOSE_REQUIRED']);
    const listener = await listening({ authorization: `Bearer ${supporter}`, purpose: 'support' });
    await load({});
    await listener.events(1);
    const { data } = await served.ask<{ auditEntries: { nodes: unknown[] } }>(
      admin,
      '{ auditEntries(first: 1, where: { action: "subscribe", principal: "anonymous" }) { nodes { decision dataset details } } }',
    );
    expect(data.auditEntries.nodes).toMatchObject([{ decision: 'DENIED', dataset: 'people', details: { code: 'UNAUTHENTICATED' } }]);
  });

  test('a secret dataset, and a secret field, are told like such as never were', async () => {
    const messages = async (who: string, query: string) => JSON.stringify((await listen(who, query).end()).errors);
    const QUESTIONS = [
      (name: string) => `subscription { ${name}Changed { nodes { id } } }`,
      (name: string) => `subscription { datasetChanged(dataset: "${name}") { dataVersion } }`,
      (name: string) => `subscription { peopleChanged { nodes { ${name === 'watchlist' ? 'code' : 'cade'} } } }`,
      (name: string) => `subscription { peopleChanged(where: { ${name === 'watchlist' ? 'code' : 'cade'}: { eq: "x" } }) { totalCount } }`,
    ];
    for (const who of [reader, await served.token('stu', ['steward', 'auditor'])]) {
      for (const question of QUESTIONS) {
        const of = async (name: string) =>
          (await messages(who, question(name))).replaceAll(name, 'X').replaceAll('code', 'cade').replaceAll('"cade":', '"code":');
        const [secret, missing] = [await of('watchlist'), await of('watchpost')];
        expect(secret).toBe(missing.replaceAll('"cade":', '"code":'));
        expect(secret).not.toContain('INTERNAL');
      }
    }
    const { errors } = await served.ask(reader, '{ __type(name: "WatchlistChange") { name } }');
    expect(errors).toBeUndefined();
    expect(await codesOf(await served.token('wanda', ['watcher']), 'subscription { watchlistChanged { nodes { nope } } }')).toEqual([
      'GRAPHQL_VALIDATION_FAILED',
    ]);
  });

  test('datasetChanged is for who has a right to the dataset', async () => {
    const query = 'subscription { datasetChanged(dataset: "people") { dataVersion } }';
    expect(await codesOf(await served.token('nobody', ['none']), query)).toEqual(['FORBIDDEN']);
    expect(await codesOf(undefined, query)).toEqual(['UNAUTHENTICATED']);
  });
});

describe('what changes while a subscription is open', () => {
  test('grants that go end it; grants that change are those of the next event', async () => {
    const temporary = await served.token('tom', ['temporary']);
    const query = 'subscription { peopleChanged { nodes { id country } } }';
    const listener = await listening(temporary, query);
    await load({});
    expect((await listener.events(1))[0]?.errors).toBeUndefined();
    await apply(
      'kind: Grant\nname: temporary\nto: { roles: [temporary] }\non: { datasets: [people] }\nrows: "country = \'FR\'"\ndiscloses: [country]\nfields: { id: allow, country: deny }\n',
    );
    await load({ country: 'DE' });
    const [id] = await load({ country: 'FR' });
    expect((await listener.events(2))[1]).toMatchObject({
      data: { peopleChanged: { nodes: [{ id: String(id), country: null }] } },
      errors: [{ extensions: { field: 'country' } }],
    });
    await apply('kind: Grant\nname: temporary\nto: { roles: [temporary] }\non: { datasets: [people] }\nrights: [read]\nfields: { id: allow }\n');
    expect((await listener.end()).errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
    expect(listener.results).toHaveLength(2);
  });

  test('a token that is revoked ends its connection within two seconds, and nothing is told after', async () => {
    const token = await served.token('rob', ['reader']);
    const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string };
    const [listener, other] = [await listening(token), await listening(reader)];
    await load({});
    await listener.events(1);
    await served.ask(admin, 'mutation ($id: ID!) { revokeToken(id: $id) }', { id: jti });
    const revokedAt = performance.now();
    expect(await listener.end()).toMatchObject({ code: 4403, reason: expect.stringContaining('revoked') as string });
    // The second more is the test's own, for a machine that is busy.
    expect(performance.now() - revokedAt).toBeLessThan(3_000);
    await load({});
    await other.events(2);
    expect(listener.results).toHaveLength(1);
    expect(await listen(token, IDS).end()).toMatchObject({ code: 4403 });
  });

  test('so does an API key', async () => {
    const { data } = await served.ask<{ createApiKey: { secret: string; apiKey: { id: string } } }>(
      admin,
      'mutation { createApiKey(input: { name: "k", subject: "kim", roles: ["reader"] }) { secret apiKey { id } } }',
    );
    const { secret, apiKey } = data.createApiKey;
    const listener = await listening({ apiKey: secret });
    await served.ask(admin, 'mutation ($id: ID!) { revokeApiKey(id: $id) { id } }', { id: apiKey.id });
    expect(await listener.end(3_000)).toMatchObject({ code: 4403 });
  });

  test('a token that was revoked a moment ago opens no connection, although requests may still be answered', async () => {
    const token = await served.token('rob', ['reader']);
    expect((await served.ask(token, '{ me { sub } }')).status).toBe(200);
    const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string };
    await served.ask(admin, 'mutation ($id: ID!) { revokeToken(id: $id) }', { id: jti });
    expect(await listen(token, IDS).end()).toMatchObject({ code: 4403 });
  });

  test('a token that expires ends its connection', async () => {
    const listener = await listening(await served.token('eve', ['reader'], { ttlSeconds: 2 }));
    expect(await listener.end()).toMatchObject({ code: 4403, reason: expect.stringContaining('expired') as string });
  });
});
