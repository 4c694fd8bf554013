import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openFixture } from '../cases/open-fixture.js';
import { PRINCIPALS } from '../cases/principals.js';
import { principal, type Answer, type House } from '../support/house.js';

const MEMORY = 200_000;
let house: House;
const { agent, analyst, anonymous, desk, partner, researcher } = PRINCIPALS;

/** All datasets opt in but the watch list. */
const optIn = (text: string): string => text.replaceAll(/^typeName: (Country|Customer|Order)$/gm, '$&\ncache: { ttl: 1h }');

beforeAll(async () => {
  house = await openFixture({}, optIn);
  await house.keepAnswers({ maxBytes: MEMORY });
});
afterAll(() => house?.close());
beforeEach(() => {
  house.facts.length = 0;
  house.statements.length = 0;
});

const details = (): unknown[] => house.facts.map((fact) => fact.details?.['cached'] ?? false);

async function raise(dataset: string, change: string): Promise<void> {
  await house.database.transaction(async (tx) => {
    await tx.query(change);
    await tx.query('UPDATE headgate.dataset SET data_version = data_version + 1 WHERE name = $1', [dataset]);
  });
  await house.answers?.changes.refresh();
}

test('a second read asks no database, gives the same bytes, and is on the record like the first', async () => {
  const query = '{ customers(first: 2, orderBy: [{ id: ASC }]) { totalCount nodes { id name email passportNo orders { nodes { id amount } } } } }';
  const ask = async () => {
    house.facts.length = 0;
    house.statements.length = 0;
    const { text } = await house.ask({ ...agent, subject: 'one' }, { query });
    return { text, statements: house.statements.length, facts: house.facts.map(({ durationMs: _, details: told, ...fact }) => ({ ...fact, told })) };
  };
  const refused = { query: '{ customers(first: 2) { nodes { name email } } }' };
  const first = await ask();
  const second = await ask();
  expect(second.text).toBe(first.text);
  expect([first.statements, second.statements]).toEqual([1, 0]);
  expect(second.facts).toEqual(first.facts.map((fact) => ({ ...fact, told: { cached: true } })));
  expect(first.facts.map(({ dataset, rowCount }) => [dataset, rowCount])).toEqual([
    ['customers', 2],
    ['orders', first.facts[1]?.rowCount],
  ]);

  // What is refused or masked is told again too.
  const before = await house.ask(analyst, refused);
  const after = await house.ask(analyst, refused);
  expect(after.text).toBe(before.text);
  expect([after.errors?.length, after.extensions]).toEqual([1, { governance: { masked: ['customers.email'] } }]);
  expect(house.facts.filter(({ decision }) => decision === 'DENIED')).toHaveLength(2);
});

describe('answers never pass to who may see less or other (CVE-2025-31485 API Platform, CVE-2025-27097 GraphQL Mesh)', () => {
  const query = '{ customers(orderBy: [{ id: ASC }]) { totalCount nodes { id country email } } }';

  test('other claims, roles, purposes or none: each gets what they get without a cache', async () => {
    const everyone = [
      agent,
      { ...agent, claims: { country: 'FR' } },
      { ...agent, claims: { country: 'XX' } },
      { ...agent, claims: {} },
      { ...agent, claims: { country: ['DE'] } },
      analyst,
      desk,
      partner,
      anonymous,
      { ...researcher },
      principal({ roles: ['researcher'], purposes: ['research', 'billing'], purpose: 'billing' }),
    ];
    const fresh: string[] = [];
    for (const who of everyone) fresh.push((await house.ask(who, { query }, { fresh: true })).text);
    expect(new Set(fresh).size).toBeGreaterThan(6);
    for (const _ of [1, 2]) {
      const texts: string[] = [];
      for (const who of everyone) texts.push((await house.ask(who, { query })).text);
      expect(texts).toEqual(fresh);
      const atOnce = await Promise.all(everyone.map((who) => house.ask(who, { query })));
      expect(atOnce.map(({ text }) => text)).toEqual(fresh);
    }
  });

  test('those who may see the same share one answer, each on the record', async () => {
    const mine = '{ customers(orderBy: [{ id: DESC }]) { nodes { id } } }';
    await house.ask({ ...agent, subject: 'ada' }, { query: mine });
    house.statements.length = 0;
    house.facts.length = 0;
    await house.ask({ ...agent, subject: 'bob', claims: { country: 'DE', other: 'thing' } }, { query: mine });
    expect(house.statements).toHaveLength(0);
    expect(house.facts.map(({ actor, details: told }) => [actor.subject, told])).toEqual([['bob', { cached: true }]]);
  });

  test('other values of arguments, in any place, and values that look alike', async () => {
    const list = 'query L($names: [String!]) { customers(where: { country: { in: $names } }, orderBy: [{ id: ASC }]) { nodes { id } } }';
    for (const names of [['DE'], ['FR'], ['DE', 'FR'], ['DE,FR'], ['DE","FR'], []]) {
      const fresh = await house.ask(desk, { query: list, variables: { names } }, { fresh: true });
      for (const _ of [1, 2]) expect((await house.ask(desk, { query: list, variables: { names } })).text).toBe(fresh.text);
    }
    for (const query of [
      '{ a: customers(first: 1, orderBy: [{ id: ASC }]) { x: totalCount } }',
      '{ a: customers(first: 1, orderBy: [{ id: ASC }]) { y: totalCount } }',
      '{ a: customers(first: 1, orderBy: [{ id: ASC }]) { x: nodes { id } } }',
      '{ a: customers(first: 2, orderBy: [{ id: ASC }]) { x: nodes { id } } }',
      '{ a: customersByKey(id: 1) { id } b: customersByKey(id: 2) { id } c: customersByKey(id: 99) { id } }',
    ])
      for (const _ of [1, 2]) expect((await house.ask(desk, { query })).text).toBe((await house.ask(desk, { query }, { fresh: true })).text);
  });

  test('a refused cursor and a bad pattern are refused as ever', async () => {
    const bad = '{ customers(where: { country: { matches: "(" } }) { totalCount } }';
    const good = '{ customers(where: { country: { matches: "^D" } }) { totalCount } }';
    for (const query of [good, good, bad, bad]) {
      const fresh = await house.ask(desk, { query }, { fresh: true });
      expect((await house.ask(desk, { query })).text).toBe(fresh.text);
    }
    expect((await house.ask(desk, { query: bad })).errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
    const page = await house.ask(desk, { query: '{ customers(first: 1) { nodes { id } pageInfo { endCursor } } }' });
    const after = page.data['customers']?.pageInfo.endCursor;
    const next = `{ customers(first: 1, after: "${after}") { nodes { id } } }`;
    expect((await house.ask(desk, { query: next })).errors).toBeUndefined();
    // Of somebody with other grants: refused, although the answer under it is there.
    for (const _ of [1, 2]) expect((await house.ask(analyst, { query: next })).errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
  });
});

describe('what makes an answer void', () => {
  const query = '{ countries(orderBy: [{ code: ASC }]) { totalCount nodes { code } } }';
  const count = (answer: Answer) => answer.data['countries']?.totalCount;

  test('a load of any dataset in it', async () => {
    const before = count(await house.ask(analyst, { query }));
    await raise('countries', "INSERT INTO data.countries (code, name) VALUES ('ZZ', 'Nowhere')");
    expect(count(await house.ask(analyst, { query }))).toBe((before ?? 0) + 1);
    // Of another one it stays.
    house.statements.length = 0;
    await raise('orders', "UPDATE data.orders SET status = 'sent' WHERE id = (SELECT min(id) FROM data.orders)");
    await house.ask(analyst, { query });
    expect(house.statements).toHaveLength(0);

    const nested = '{ customers(orderBy: [{ id: ASC }]) { nodes { orders { nodes { id status } } } } }';
    await house.ask(analyst, { query: nested });
    await raise('orders', "UPDATE data.orders SET status = 'lost' WHERE id = (SELECT min(id) FROM data.orders)");
    expect((await house.ask(analyst, { query: nested })).text).toContain('lost');
    const filtered = '{ customers(where: { orders: { some: { status: { eq: "found" } } } }) { totalCount } }';
    expect((await house.ask(analyst, { query: filtered })).data['customers']?.totalCount).toBe(0);
    await raise('orders', "UPDATE data.orders SET status = 'found' WHERE id = (SELECT min(id) FROM data.orders)");
    expect((await house.ask(analyst, { query: filtered })).data['customers']?.totalCount).toBe(1);
  });

  test('a grant that came, changed or went', async () => {
    const who = principal({ roles: ['temp'] });
    const mine = '{ orders(first: 1, orderBy: [{ id: ASC }]) { nodes { id amount } } }';
    const grant = (fields: string) => house.apply(`kind: Grant\nname: temp\nto: { roles: [temp] }\non: { datasets: [orders] }\nfields: ${fields}\n`);
    const refused = (await house.ask(who, { query: mine })).text;
    await grant('{ id: allow, amount: allow }');
    const plain = (await house.ask(who, { query: mine })).text;
    expect((await house.ask(who, { query: mine })).text).toBe(plain);
    await grant('{ id: allow, amount: { mask: nullify } }');
    const masked = (await house.ask(who, { query: mine })).text;
    expect(masked).toContain('"amount":null');
    await house.apply('kind: Grant\nname: temp\nstate: absent\n');
    expect((await house.ask(who, { query: mine })).text).toBe(refused);
    expect(plain).not.toBe(masked);
  });

  test('its time', async () => {
    const mine = '{ countries(first: 3, orderBy: [{ code: DESC }]) { nodes { code } } }';
    await house.ask(analyst, { query: mine });
    house.statements.length = 0;
    await house.ask(analyst, { query: mine });
    expect(house.statements).toHaveLength(0);
    const now = Date.now();
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now + 3_600_001);
    try {
      await house.ask(analyst, { query: mine });
      expect(house.statements).toHaveLength(1);
    } finally {
      clock.mockRestore();
    }
  });
});

describe('what is never kept', () => {
  const reads = async (who: Parameters<House['ask']>[0], query: string) => {
    house.statements.length = 0;
    for (const _ of [1, 2, 3]) await house.ask(who, { query });
    return house.statements.length;
  };

  test('an answer with a dataset in it that did not opt in, wherever it is', async () => {
    expect(await reads(PRINCIPALS.investigator, '{ watchlist { nodes { id } } }')).toBe(3);
    expect(await reads(PRINCIPALS.investigator, '{ customers { nodes { id alerts { nodes { id } } } } }')).toBe(3);
    expect(await reads(PRINCIPALS.investigator, '{ customers(where: { alerts: { some: { id: { gt: 0 } } } }) { nodes { id } } }')).toBe(3);
    expect(await reads(PRINCIPALS.investigator, '{ customers { nodes { id tier } } }')).toBe(1);
  });

  test('an answer under a grant whose rows depend on the time, in its rows or in a mask', async () => {
    await house.apply(
      `kind: Grant\nname: clock\nto: { roles: [clock] }\non: { datasets: [orders] }\nrows: "placed_at < now()"\nfields: { id: allow, status: allow, placed_at: allow }\n`,
    );
    const who = principal({ roles: ['clock'] });
    expect(await reads(who, '{ orders { nodes { id } } }')).toBe(3);
    await house.apply('kind: Grant\nname: always\nto: { roles: [clock] }\non: { datasets: [orders] }\nfields: { id: allow, status: { mask: redact } }\n');
    expect(await reads(who, '{ orders { nodes { id status } } }')).toBe(3);
  });

  test('a failure', async () => {
    const huge = '{ customersByKey(id: 1) { id } customers(where: { balance: { gt: "1e999" } }) { totalCount } }';
    const first = await house.ask(desk, { query: huge });
    expect((await house.ask(desk, { query: huge })).text).toBe(first.text);
  });
});

test('a stampede is one query, and each request is on the record', async () => {
  const query = '{ orders(orderBy: [{ id: ASC }], first: 7) { totalCount nodes { id } } }';
  await raise('orders', "UPDATE data.orders SET status = 'new' WHERE id = (SELECT min(id) FROM data.orders)");
  const answers = await Promise.all(Array.from({ length: 50 }, async () => house.ask(analyst, { query })));
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  expect(house.statements).toHaveLength(1);
  expect(house.facts).toHaveLength(50);
  expect(details().filter((cached) => cached === false)).toHaveLength(1);
});

test('memory is bounded, by bytes', async () => {
  const store = house.answers?.store;
  const query = 'query Q($id: BigInt!) { orders(where: { id: { ne: $id } }) { nodes { id customerId status amount placedAt details } } }';
  for (let i = 0; i < 200; i++) await house.ask(analyst, { query, variables: { id: String(i) } });
  expect(store?.memory.evictions).toBeGreaterThan(0);
  expect(store?.memory.bytes).toBeLessThanOrEqual(MEMORY);
  expect(store?.memory.size).toBeGreaterThan(10);
});
