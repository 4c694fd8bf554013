import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openFixture } from '../cases/open-fixture.js';
import { PRINCIPALS } from '../cases/principals.js';
import type { House } from '../support/house.js';
import { Served } from '../support/served.js';

/** Who tries to get more than its share. */
const SPOOFED: readonly Readonly<Record<string, string>>[] = [
  { 'x-forwarded-for': '203.0.113.7' },
  { 'x-forwarded-for': '203.0.113.8, 10.0.0.1' },
  { forwarded: 'for=203.0.113.9' },
  { 'x-real-ip': '203.0.113.10' },
  { 'x-client-ip': '203.0.113.11', 'true-client-ip': '203.0.113.11' },
  { 'cf-connecting-ip': '203.0.113.12', 'x-cluster-client-ip': '203.0.113.12' },
  { 'x-user': 'somebody', 'x-api-key-id': 'x', cookie: 'session=other' },
  { 'user-agent': 'another', 'x-request-id': 'another', via: '1.1 another' },
  { 'x-purpose': '' },
];

describe('a bound is of who asks, never of what is in a header (CVE-2025-64526 Strapi)', () => {
  let served: Served;
  beforeAll(async () => {
    served = await Served.start({ HEADGATE_RATE_LIMIT: '8', HEADGATE_RATE_LIMIT_ANONYMOUS: '4' });
  });
  afterAll(() => served.close());

  const ME = '{ me { sub } }';
  const statusOf = async (who: string | null, headers: Readonly<Record<string, string>> = {}): Promise<number> =>
    (await served.ask(who, ME, {}, { ...headers })).status;
  async function statuses(times: number, ask: (i: number) => Promise<number>): Promise<number[]> {
    const all: number[] = [];
    for (let i = 0; i < times; i++) all.push(await ask(i));
    return all;
  }

  test('no header moves a request to another bucket, with or without a credential', async () => {
    expect(await statuses(4, () => statusOf(null))).toEqual([200, 200, 200, 200]);
    for (const headers of SPOOFED) expect([headers, await statusOf(null, headers)]).toEqual([headers, 429]);
    const eve = await served.token('eve', ['reader']);
    expect(new Set(await statuses(8, () => statusOf(eve)))).toEqual(new Set([200]));
    for (const headers of SPOOFED) expect([headers, await statusOf(eve, headers)]).toEqual([headers, 429]);
  });

  test('a new token, other roles, another purpose or a revoked token do not start anew', async () => {
    const tokens = await Promise.all(
      [['reader'], ['reader', 'agent'], []].map((roles) => served.token('mia', roles, { purposes: ['support'], claims: { country: String(roles.length) } })),
    );
    const ask = async (i: number) => statusOf(tokens[i % 3] ?? '', i % 2 ? { 'x-purpose': 'support' } : {});
    expect(new Set(await statuses(8, ask))).toEqual(new Set([200]));
    expect(new Set(await statuses(6, ask))).toEqual(new Set([429]));
  });

  test('whoever tries credentials is stopped by address, and a revoked token does not use up what the subject may', async () => {
    const [old, fresh] = [await served.token('kim', ['reader']), await served.token('kim', ['reader'])];
    const [, payload = ''] = old.split('.');
    const { jti, exp } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { jti: string; exp: number };
    await served.sql(`INSERT INTO headgate.revoked_token (id, expires_at, revoked_by, revoked_at) VALUES ('${jti}', to_timestamp(${exp}), 'test', now())`);
    expect(await statuses(4, () => statusOf(old))).toEqual([401, 401, 401, 401]);
    expect(await statuses(3, (i) => statusOf(i === 0 ? old : `${fresh.slice(0, -4)}AAA${i}`, SPOOFED[i]))).toEqual([429, 429, 429]);
    expect(new Set(await statuses(8, () => statusOf(fresh)))).toEqual(new Set([200]));
    expect(await statusOf(fresh)).toBe(429);
  });

  test('requests side by side do not slip through', async () => {
    const zoe = await served.token('zoe', ['reader']);
    const all = await Promise.all(Array.from({ length: 40 }, () => statusOf(zoe)));
    expect(all.filter((status) => status === 200)).toHaveLength(8);
  });

  test('several operations in one request are refused, or are one', async () => {
    const ann = await served.token('ann', ['reader']);
    const batch = await fetch(`${served.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${ann}` },
      body: JSON.stringify(Array.from({ length: 100 }, () => ({ query: ME }))),
    });
    expect(batch.status).toBe(400);
    expect((await served.ask(ann, `query A ${ME} query B ${ME}`)).status).toBe(400);
  });
});

describe('reads of one request side by side', () => {
  let house: House;
  const { analyst } = PRINCIPALS;
  beforeAll(async () => {
    house = await openFixture({ maxConcurrentReads: 3 });
  });
  afterAll(() => house?.close());
  beforeEach(() => {
    house.statements.length = 0;
  });

  const roots = `{ ${Array.from({ length: 10 }, (_, i) => `a${i}: countries { totalCount }`).join(' ')} }`;

  test('count one by one: ten aliases do not take ten places at a time', async () => {
    let most = 0;
    const enter = house.admission.tryEnter.bind(house.admission);
    house.admission.tryEnter = (...given) => {
      const leave = enter(...given);
      most = Math.max(most, house.admission.size);
      return leave;
    };
    expect((await house.query(analyst, roots)).errors).toBeUndefined();
    expect(most).toBe(3);
    expect(house.admission.size).toBe(0);
  });

  test('leave nothing behind when they fail', async () => {
    const bad =
      'query ($p: String) { a: customers(where: { name: { matches: $p } }) { totalCount } b: customers(where: { name: { matches: $p } }) { totalCount } }';
    for (let i = 0; i < 5; i++) expect((await house.query(analyst, bad, { p: '(' })).errors?.length).toBeGreaterThan(0);
    expect(house.admission.size).toBe(0);
  });

  test('beside those of another request without a place are refused, and the others stand', async () => {
    const places = [house.admission.enter(analyst), house.admission.enter(analyst), house.admission.enter(analyst)];
    const { errors, data } = await house.query(analyst, roots);
    expect(new Set(errors?.map(({ extensions }) => extensions['code']))).toEqual(new Set(['RATE_LIMITED']));
    expect(Object.values(data).filter(Boolean)).toEqual([]);
    expect(house.statements).toEqual([]);
    for (const leave of places) leave();
    expect((await house.query(analyst, roots)).errors).toBeUndefined();
  });
});
