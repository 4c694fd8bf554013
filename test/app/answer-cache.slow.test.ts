import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { findRedis, openRedis } from '../support/redis.js';
import { Served } from '../support/served.js';

const MANIFESTS = `
kind: Dataset
name: people
typeName: Person
fields:
  - { name: id, type: bigint }
  - { name: email, type: text, tags: [pii.email] }
key: [id]
cache: { ttl: 10m }
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [people] }
fields: { id: allow, email: { mask: redact } }
---
kind: Grant
name: openers
to: { roles: [opener] }
on: { datasets: [people] }
fields: { id: allow, email: allow }
`;

/** Beside other tests a second is short. */
const PATIENT = { interval: 5, timeout: 20_000 };

const PEOPLE = '{ people(orderBy: [{ id: ASC }]) { totalCount nodes { id email } } }';

const redis = await findRedis();
let one: Served;
let two: Served;
let admin: string;
let reader: string;
let opener: string;
let tidy: () => Promise<void>;
let inRedis: () => Promise<number>;

beforeAll(async () => {
  const env = { HEADGATE_MASTER_KEY: randomBytes(32).toString('base64'), ...('url' in redis && { REDIS_URL: redis.url }) };
  one = await Served.start(env);
  two = await one.beside(env);
  const there = 'url' in redis ? await openRedis(redis.url, `headgate:${one.app.keyRing.derive('cache/namespace', 9).toString('base64url')}`) : undefined;
  tidy = async () => there?.close();
  inRedis = async () => (await there?.keys())?.length ?? 0;
  admin = await one.token('ada', ['admin']);
  reader = await one.token('ron', ['reader']);
  opener = await one.token('ona', ['opener']);
  await apply(MANIFESTS);
  await load('id,email\n1,a@example.com\n');
});

afterAll(async () => {
  await two?.close();
  await one?.close();
  await tidy?.();
});

async function apply(m: string): Promise<void> {
  await one.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m });
}

async function load(csv: string, mode = 'replace'): Promise<void> {
  const { status } = await one.upload(admin, 'people', csv, {}, `?mode=${mode}`);
  expect(status).toBe(200);
}

const read = async (where: Served, who: string) => {
  const { data, extensions, errors } = await where.ask<{ people: { totalCount: number; nodes: { email: string }[] } | null }>(who, PEOPLE);
  return { count: data.people?.totalCount, emails: data.people?.nodes.map(({ email }) => email), extensions, errors };
};

async function lookups(where: Served): Promise<Record<string, number>> {
  const text = await (await fetch(`${where.url}/metrics`)).text();
  return Object.fromEntries([...text.matchAll(/^headgate_answer_lookups_total\{result="(\w+)"\} (\d+)$/gm)].map(([, result, n]) => [result ?? '', Number(n)]));
}

test('who loaded sees it at once, in the other process it comes by itself', async () => {
  for (const where of [one, two]) await vi.waitFor(async () => expect((await read(where, reader)).count).toBe(1), PATIENT);
  for (let n = 2; n <= 5; n++) {
    await load(`id,email\n${n},n${n}@example.com\n`, 'append');
    expect((await read(one, reader)).count).toBe(n);
    await vi.waitFor(async () => expect((await read(two, reader)).count).toBe(n), PATIENT);
    expect((await read(two, reader)).count).toBe(n);
  }
});

test('what the one has read, the other need not', async ({ skip }) => {
  if ('reason' in redis) skip(redis.reason);
  await load('id,email\n1,a@example.com\n2,b@example.com\n');
  let asked = 0;
  await vi.waitFor(async () => {
    // Another one each time: what was read once, because Redis was slow, is not asked of it again.
    const query = `{ people(where: { id: { ne: ${1000 + asked++} } }) { totalCount } }`;
    const kept = await inRedis();
    await one.ask(reader, query);
    await vi.waitFor(async () => expect(await inRedis()).toBeGreaterThan(kept), { interval: 5 });
    const { redis: before = 0 } = await lookups(two);
    expect((await two.ask(reader, query)).data).toEqual({ people: { totalCount: 2 } });
    expect((await lookups(two))['redis']).toBe(before + 1);
  }, PATIENT);
});

test('one role never gets the answer of another, in either process', async () => {
  for (const _ of [1, 2, 3]) {
    for (const where of [one, two]) {
      expect((await read(where, reader)).emails).toEqual(['***', '***']);
      expect((await read(where, opener)).emails).toEqual(['a@example.com', 'b@example.com']);
      expect((await read(where, admin)).errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
    }
  }
});

test('a grant that changes closes in both what it closed', async () => {
  for (const where of [one, two]) expect((await read(where, opener)).emails).toContain('a@example.com');
  await apply('kind: Grant\nname: openers\nto: { roles: [opener] }\non: { datasets: [people] }\nfields: { id: allow, email: { mask: nullify } }\n');
  expect((await read(one, opener)).emails).toEqual([null, null]);
  await vi.waitFor(async () => expect((await read(two, opener)).emails).toEqual([null, null]), PATIENT);
  await apply('kind: Grant\nname: openers\nstate: absent\n');
  expect((await read(one, opener)).errors).toHaveLength(1);
  await vi.waitFor(async () => expect((await read(two, opener)).errors).toHaveLength(1), PATIENT);
});

test('each hit is on the record, and says that it was one; no answer tells a browser to keep it', async () => {
  await read(one, reader);
  const response = await fetch(`${one.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${reader}` },
    body: JSON.stringify({ query: PEOPLE }),
  });
  expect(response.headers.get('cache-control')).toBe('no-store');
  const [entry] = (await one.sql(
    "SELECT row_count::int AS rows, fields, masked, decision, details FROM headgate.audit_record WHERE action = 'read' AND principal = 'ron' ORDER BY at DESC LIMIT 1",
  )) as object[];
  expect(entry).toMatchObject({ rows: 2, fields: ['id'], masked: ['email'], decision: 'ALLOWED', details: { cached: true } });
});

test('the metrics tell what the caches do, and name no dataset', async () => {
  const text = await (await fetch(`${one.url}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, 'm').exec(text)?.[1]);
  expect(value('headgate_plans')).toBeGreaterThan(0);
  expect(value('headgate_plan_lookups_total\\{result="hit"\\}')).toBeGreaterThan(0);
  expect(value('headgate_plan_lookups_total\\{result="miss"\\}')).toBeGreaterThan(0);
  expect(value('headgate_plan_evictions_total')).toBe(0);
  expect(value('headgate_answer_cache_entries')).toBeGreaterThan(0);
  expect(value('headgate_answer_cache_bytes')).toBeGreaterThan(400);
  expect((await lookups(one))['memory']).toBeGreaterThan(0);
  expect(text).not.toContain('people');
});
