import { afterAll, beforeAll, expect, test } from 'vitest';
import { Served } from '../support/served.js';

const MANIFESTS = `
kind: Purpose
name: support
---
kind: Dataset
name: people
typeName: Person
fields:
  - { name: id, type: bigint }
  - { name: email, type: text, tags: [pii.email] }
  - { name: country, type: text }
  - { name: code, type: text, visibility: secret }
key: [id]
---
kind: Dataset
name: hidden
visibility: secret
fields: [{ name: id, type: bigint }]
key: [id]
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [people] }
fields: { id: allow, country: allow, email: { mask: hash } }
---
kind: Grant
name: supporters
to: { roles: [reader] }
on: { datasets: [people] }
purposes: [support]
fields: { email: allow }
`;

const JSON_BODY = { 'content-type': 'application/json' };
const PEOPLE = '{ people(orderBy: [{ id: ASC }]) { nodes { id email } } }';

let served: Served;
let admin: string;
let reader: string;

beforeAll(async () => {
  served = await Served.start({ HEADGATE_CORS_ORIGINS: 'https://app.example', HEADGATE_MAX_REQUEST_BYTES: '20000' });
  admin = await served.token('ada', ['admin']);
  reader = await served.token('ron', ['reader'], { purposes: ['support'] });
  await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS });
  await served.upload(admin, 'people', 'id,email,country,code\n1,a@example.com,DE,x\n2,b@example.com,FR,y\n');
});

afterAll(() => served.close());

async function post(
  body: string,
  headers: Record<string, string> = JSON_BODY,
): Promise<{ status: number; headers: Headers; body: { data?: unknown; errors?: { message: string; extensions: { code: string } }[] } }> {
  const response = await fetch(`${served.url}/graphql`, { method: 'POST', headers, body });
  return { status: response.status, headers: response.headers, body: (await response.json()) as never };
}

test('a principal gets what grants give it, a purpose opens more, and nobody caches it', async () => {
  const masked = await served.ask<{ people: { nodes: { email: string }[] } }>(reader, PEOPLE);
  expect(masked.data.people.nodes[0]?.email).toMatch(/^[0-9a-f]{64}$/);
  expect(masked.extensions).toEqual({ governance: { masked: ['people.email'] } });
  const plain = await served.ask<{ people: { nodes: unknown[] } }>(reader, PEOPLE, {}, { 'x-purpose': 'support' });
  expect(plain.data.people.nodes).toEqual([
    { id: '1', email: 'a@example.com' },
    { id: '2', email: 'b@example.com' },
  ]);
  const { headers } = await post(JSON.stringify({ query: '{ me { sub } }' }));
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
});

test('a query comes by GET too, a mutation does not', async () => {
  const get = async (query: string) => fetch(`${served.url}/graphql?query=${encodeURIComponent(query)}`, { headers: { authorization: `Bearer ${reader}` } });
  expect(await (await get('{ me { sub } }')).json()).toEqual({ data: { me: { sub: 'ron' } } });
  expect((await get('mutation { deleteGrant(name: "readers") }')).status).toBe(405);
});

test('without a credential one is anonymous, with a bad one nobody, and the attempt is on the record', async () => {
  expect((await served.ask(null, '{ me { sub anonymous } }')).data).toEqual({ me: { sub: 'anonymous', anonymous: true } });
  const bad = await post(JSON.stringify({ query: '{ me { sub } }' }), { ...JSON_BODY, authorization: `Bearer ${reader.slice(0, -8)}AAAAAAAA` });
  expect(bad.status).toBe(401);
  expect(bad.headers.get('www-authenticate')).toContain('Bearer');
  expect(bad.body.errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED');
  expect(bad.body.data).toBeUndefined();
  const { data } = await served.ask(admin, '{ auditEntries(first: 1, where: { action: "login" }) { nodes { principal decision } } }');
  expect(data).toEqual({ auditEntries: { nodes: [{ principal: 'unknown', decision: 'DENIED' }] } });
});

test('a purpose that the token does not hold is refused', async () => {
  const { status, errors } = await served.ask(reader, PEOPLE, {}, { 'x-purpose': 'marketing' });
  expect(status).toBe(403);
  expect(errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
});

test('the operation hash of an entry is the SHA-256 of the query text', async () => {
  await served.ask(reader, PEOPLE);
  const { data } = await served.ask<{ auditEntries: { nodes: { operationHash: string }[] } }>(
    admin,
    '{ auditEntries(first: 1, where: { action: "read", principal: "ron" }) { nodes { operationHash } } }',
  );
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(PEOPLE));
  expect(data.auditEntries.nodes[0]?.operationHash).toBe(Buffer.from(hash).toString('hex'));
});

test('a query that was registered by its hash is answered by the hash alone, as for its text, and on the record as it', async () => {
  const query = 'query One($id: BigInt!) { peopleByKey(id: $id) { id country } }';
  const hash = Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(query))).toString('hex');
  const extensions = { persistedQuery: { version: 1, sha256Hash: hash } };
  const headers = { ...JSON_BODY, authorization: `Bearer ${reader}` };
  const ask = async (asked: object) => (await post(JSON.stringify({ variables: { id: '2' }, ...asked }), headers)).body;
  expect((await ask({ extensions })).errors?.[0]?.extensions.code).toBe('PERSISTED_QUERY_NOT_FOUND');
  const text = await ask({ query, extensions });
  expect(text.data).toEqual({ peopleByKey: { id: '2', country: 'FR' } });
  for (const _ of [1, 2, 3]) expect(await ask({ extensions })).toEqual(text);
  // What the quick way leaves to the server is answered in the server's words.
  expect((await ask({ extensions, variables: { id: 'x' } })).errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
  expect((await ask({ extensions: { persistedQuery: { version: 2, sha256Hash: hash } } })).errors).toHaveLength(1);
  const get = await fetch(`${served.url}/graphql?${new URLSearchParams({ extensions: JSON.stringify(extensions), variables: '{"id":"2"}' }).toString()}`, {
    headers,
  });
  expect(await get.json()).toEqual(text);
  const entries = await served.sql("SELECT operation_hash FROM headgate.audit_record WHERE action = 'read' AND principal = 'ron' ORDER BY at DESC LIMIT 4");
  expect(entries).toEqual(Array.from({ length: 4 }, () => ({ operation_hash: hash })));
});

test.each([
  ['half a JSON', '{"query": ', JSON_BODY, 400, 'BAD_USER_INPUT'],
  ['no body', '', JSON_BODY, 400, 'BAD_USER_INPUT'],
  ['a batch', '[{"query":"{ me { sub } }"}]', JSON_BODY, 400, 'BAD_USER_INPUT'],
  ['no query', '{}', JSON_BODY, 400, 'BAD_USER_INPUT'],
  ['another media type', 'query={me{sub}}', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'BAD_USER_INPUT'],
  ['bad syntax', '{"query":"{ me "}', JSON_BODY, 400, 'GRAPHQL_VALIDATION_FAILED'],
  ['an unknown field', '{"query":"{ nope }"}', JSON_BODY, 400, 'GRAPHQL_VALIDATION_FAILED'],
  ['too large a body', JSON.stringify({ query: `{ me { sub } } #${'x'.repeat(30_000)}` }), JSON_BODY, 413, 'QUERY_TOO_COMPLEX'],
])('%s is answered with a GraphQL error', async (_what, body, headers, status, code) => {
  const answer = await post(body, headers);
  expect(answer.status).toBe(status);
  expect(answer.body.errors?.[0]?.extensions.code).toBe(code);
  expect(JSON.stringify(answer.body)).not.toMatch(/node_modules|stack|at .*\.ts/);
});

test('a secret dataset answers like one that never was', async () => {
  const of = async (root: string) => (await served.ask(reader, `{ ${root} { totalCount } }`)).errors?.map(({ message }) => message.replaceAll(root, 'X'));
  expect(await of('hidden')).toEqual(await of('missing'));
  expect((await served.ask(admin, '{ hidden { totalCount } }')).errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
});

test('a browser gets GraphiQL with a policy that names no other origin, a client of GraphQL does not', async () => {
  const page = await fetch(`${served.url}/graphql`, { headers: { accept: 'text/html,application/xhtml+xml' } });
  expect(page.headers.get('content-type')).toContain('text/html');
  expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
  expect(await page.text()).toContain('GraphiQL');
  const api = await fetch(`${served.url}/graphql`, { headers: { accept: 'application/json' } });
  expect(api.status).toBe(400);
});

test('only the configured origins may ask from a browser', async () => {
  const preflight = async (origin: string) =>
    fetch(`${served.url}/graphql`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    });
  const allowed = await preflight('https://app.example');
  expect(allowed.status).toBe(204);
  expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example');
  expect(allowed.headers.get('access-control-allow-headers')).toContain('Authorization');
  expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
});

test('requests that run while the catalog changes are all answered', async () => {
  const apply = async (i: number) =>
    served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', {
      m: `kind: Dataset\nname: extra_${i}\nfields: [{ name: id, type: bigint }]\n`,
    });
  const asking = Array.from({ length: 10 }, async (_, i) => {
    const answers = [];
    for (let n = 0; n < 20; n++) answers.push(await served.ask(i % 2 ? reader : admin, i % 2 ? PEOPLE : '{ me { sub } }'));
    return answers;
  });
  for (let i = 0; i < 5; i++) await apply(i);
  for (const { status, errors } of (await Promise.all(asking)).flat()) expect([status, errors]).toEqual([200, undefined]);
});
