import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createToken } from '../../src/identity/index.js';
import { KeyRing } from '../../src/store/index.js';
import { until } from '../support/processes.js';
import { Served } from '../support/served.js';

const MANIFESTS = `
kind: Dataset
name: people
fields:
  - { name: id, type: bigint, required: true }
  - { name: email, type: text }
key: [id]
cache: { ttl: 600s }
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [people] }
rights: [read, export, subscribe]
fields: { id: allow, email: { mask: hash } }
---
kind: Grant
name: openers
to: { roles: [opener] }
on: { datasets: [people] }
fields: { id: allow, email: allow }
`;

const PAGE = 'query ($after: String) { people(first: 1, after: $after, orderBy: [{ email: ASC }]) { nodes { id email } pageInfo { endCursor } } }';

interface Page {
  readonly people: { readonly nodes: readonly { id: string; email: string }[]; readonly pageInfo: { readonly endCursor: string } };
}

let served: Served;
let admin: string;
let reader: string;
let opener: string;

beforeAll(async () => {
  served = await Served.start();
  admin = await served.token('ada', ['admin']);
  reader = await served.token('ron', ['reader']);
  opener = await served.token('ona', ['opener']);
  const applied = await fetch(`${served.url}/manifests`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: JSON.stringify({ files: [{ file: 'people.yaml', text: MANIFESTS }] }),
  });
  expect(applied.status, await applied.clone().text()).toBe(200);
  expect((await served.upload(admin, 'people', 'id,email\n1,a@example.com\n2,b@example.com\n')).status).toBe(200);
});

afterAll(() => served.close());

const page = async (who: string, after?: string) => served.ask<Page>(who, PAGE, { ...(after !== undefined && { after }) });
const exported = async (): Promise<string> =>
  (await fetch(`${served.url}/export/people?format=csv&orderBy=id`, { headers: { authorization: `Bearer ${reader}` } })).text();
const rotate = async () => {
  const { data, errors } = await served.ask<{ rotateKeys: { from: { id: string }; to: { id: string } } }>(
    admin,
    'mutation { rotateKeys { from { id } to { id } } }',
  );
  expect(errors).toBeUndefined();
  return data.rotateKeys;
};

test('a rotation changes what is masked, wherever it is read, and no kept answer of before is given', async () => {
  const before = await page(reader);
  expect(before.data.people.nodes[0]?.email).toMatch(/^[0-9a-f]{64}$/);
  const file = await exported();
  await page(reader);
  await rotate();
  const after = await page(reader);
  const hashes = new Set(file.split('\n').flatMap((line) => line.split(',')[1] ?? []));
  expect(after.data.people.nodes[0]?.email).toMatch(/^[0-9a-f]{64}$/);
  expect(hashes.has(after.data.people.nodes[0]?.email ?? '')).toBe(false);
  const next = await exported();
  expect(next).not.toBe(file);
  // One file, one key.
  expect(next).toContain(after.data.people.nodes[0]?.email);
  // What is not masked is as it was.
  expect((await page(opener)).data.people.nodes[0]?.email).toBe('a@example.com');
});

test('a cursor with masked values is refused after a rotation, and one without goes on', async () => {
  const masked = (await page(reader)).data.people.pageInfo.endCursor;
  const plain = (await page(opener)).data.people.pageInfo.endCursor;
  await rotate();
  expect((await page(reader, masked)).errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
  expect((await page(opener, plain)).data.people.nodes).toEqual([{ id: '2', email: 'b@example.com' }]);
});

test('tokens of before stay good, new ones are signed by the new key, and those of a key that nobody has are refused', async () => {
  const old = served.app.keyRing.active;
  await rotate();
  const fresh = await served.token('new', ['reader']);
  const kid = (token: string): unknown => (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: unknown }).kid;
  expect(kid(fresh)).toBe(served.app.keyRing.signingKey('tokens').keyId);
  expect(kid(fresh)).not.toBe(old.signingKey('tokens').keyId);
  for (const token of [reader, fresh]) expect((await page(token)).errors).toBeUndefined();
  const foreign = (await createToken(new KeyRing(randomBytes(32)), { subject: 'x', roles: ['reader'], ttlSeconds: 60 })).token;
  expect((await page(foreign)).status).toBe(401);
  // Another process of the home has made a key that this one has not heard of.
  const waiting = await (await KeyRing.open(served.home)).add();
  const early = (
    await createToken({ signingKey: (label: string) => waiting.signingKey(label) } as KeyRing, { subject: 'e', roles: ['reader'], ttlSeconds: 60 })
  ).token;
  expect((await page(early)).errors).toBeUndefined();
});

test('keys are for admins alone, and refusals are on the record', async () => {
  for (const roles of [['steward'], ['engineer'], ['auditor'], ['reader']]) {
    const who = await served.token(`no-${roles[0]}`, roles);
    for (const query of ['{ masterKeys { id } }', 'mutation { rotateKeys { to { id } } }', 'mutation { retireMasterKey(id: "x") { id } }']) {
      expect((await served.ask(who, query)).errors?.[0]?.extensions['code'], query).toBe('FORBIDDEN');
    }
  }
  expect((await served.ask(null, '{ masterKeys { id } }')).errors?.[0]?.extensions['code']).toBe('UNAUTHENTICATED');
  const refused = await served.sql("SELECT DISTINCT action FROM headgate.audit_record WHERE principal = 'no-steward' AND decision = 'DENIED' ORDER BY 1");
  expect(refused).toEqual([{ action: 'masterKeys' }, { action: 'retireMasterKey' }, { action: 'rotateKeys' }]);
});

test('nothing that is told of keys holds one', async () => {
  await rotate();
  const told = JSON.stringify(await served.ask(admin, '{ masterKeys { id state activatedAt replacedAt retiredAt held dependents { name count } } }'));
  const record = JSON.stringify(await served.sql("SELECT * FROM headgate.audit_record WHERE action LIKE 'keys.%'"));
  const stored = JSON.stringify(await served.sql('SELECT * FROM headgate.master_key'));
  for (const key of served.app.keyRing.held) {
    const secrets = [key.derive('audit'), key.derive('tokens'), key.derive('mask/people.email')].flatMap((secret) => [
      secret.toString('hex'),
      secret.toString('base64'),
    ]);
    for (const secret of secrets) for (const text of [told, record, stored]) expect(text).not.toContain(secret.slice(0, 24));
    expect(told).toContain(key.keyId);
  }
});

test('a retired key ends its tokens, open subscriptions of theirs too, and the record stays good without it', async () => {
  const doomed = await served.token('doomed', ['reader']);
  const stays = served.app.keyRing.keyId;
  expect((await page(doomed)).errors).toBeUndefined();
  const socket = new WebSocket(`${served.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
  const closed = new Promise<number>((resolve) => socket.addEventListener('close', ({ code }) => resolve(code), { once: true }));
  const acknowledged = new Promise((resolve) => socket.addEventListener('message', resolve, { once: true }));
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${doomed}` } }));
  await acknowledged;
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: 'subscription { peopleChanged { nodes { id } } }' } }));

  await rotate();
  const fresh = await served.token('fresh', ['admin']);
  await served.sql("UPDATE headgate.master_key SET replaced_at = replaced_at - interval '1 hour' WHERE replaced_at IS NOT NULL");
  const { data } = await served.ask(fresh, `mutation { retireMasterKey(id: "${stays}") { state held } }`);
  expect(data).toEqual({ retireMasterKey: { state: 'RETIRED', held: false } });
  await until('its tokens are refused', async () => (await page(doomed)).status === 401, 4_000);
  expect(await closed).toBeGreaterThanOrEqual(4_400);
  const verified = (await (await fetch(`${served.url}/audit/verify`, { method: 'POST', headers: { authorization: `Bearer ${fresh}` } })).json()) as {
    valid: boolean;
  };
  expect(verified).toMatchObject({ valid: true });
});

test('while the active key is not held, nothing is answered, and readiness says so', async () => {
  const fresh = await served.token('late', ['reader']);
  await served.sql("UPDATE headgate.master_key SET replaced_at = now(), endorsed_by = 'x', endorsement = 'x' WHERE replaced_at IS NULL");
  await served.sql("INSERT INTO headgate.master_key (key_id, activated_by, audit_public_key) VALUES ('feedfeedfeedfeed', 'x', 'x')");
  await until('it has heard', async () => (await fetch(`${served.url}/readyz`)).status === 503, 2_000);
  expect((await fetch(`${served.url}/healthz`)).status).toBe(200);
  const answer = await page(fresh);
  expect(JSON.stringify(answer)).toContain('UNAVAILABLE');
  expect(JSON.stringify(answer)).not.toContain(served.home);
  expect((await fetch(`${served.url}/export/people?format=csv`, { headers: { authorization: `Bearer ${fresh}` } })).status).toBe(503);
  await served.sql("DELETE FROM headgate.master_key WHERE key_id = 'feedfeedfeedfeed'");
  await served.sql("UPDATE headgate.master_key SET replaced_at = NULL, endorsed_by = NULL, endorsement = NULL WHERE endorsement = 'x'");
  await until('it is back', async () => (await fetch(`${served.url}/readyz`)).status === 200, 4_000);
  expect((await page(fresh)).errors).toBeUndefined();
});
