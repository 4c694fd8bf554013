import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Consents, forgetConsents } from '../../src/governance/index.js';
import type { Principal } from '../../src/identity/index.js';
import { subjectReference } from '../../src/vault/index.js';
import { exportOf } from '../support/exports.js';
import { House, principal } from '../support/house.js';

/**
 * A person who has not consented is one who is not there. Two stores are asked the same: in the one are those alone who have
 * consented, in the other as many again who have not, in every way in which one can not. The answers must be the same bytes.
 */
const MANIFESTS = `
kind: Purpose
name: marketing
---
kind: Purpose
name: billing
---
kind: Dataset
name: people
typeName: Person
fields:
  - { name: id, type: bigint }
  - { name: email, type: text }
  - { name: team, type: integer }
  - { name: boss, type: bigint }
key: [id]
subject: id
consent: { purposes: [marketing] }
cache: { ttl: 1h }
relations:
  - { name: visits, to: visits, on: { id: person_id }, many: true }
  - { name: home, to: teams, on: { team: id } }
---
kind: Dataset
name: visits
fields:
  - { name: id, type: bigint }
  - { name: person_id, type: bigint }
  - { name: pages, type: integer }
key: [id]
cache: { ttl: 1h }
relations:
  - { name: person, to: people, on: { person_id: id } }
---
kind: Dataset
name: teams
fields: [{ name: id, type: integer }, { name: title, type: text }]
key: [id]
cache: { ttl: 1h }
relations:
  - { name: members, to: people, on: { id: team }, many: true }
---
kind: Dataset
name: patients
visibility: secret
fields: [{ name: id, type: bigint }, { name: note, type: text }]
key: [id]
subject: id
consent: { purposes: [marketing] }
---
kind: Grant
name: promoters
to: { roles: [promoter] }
on: { datasets: [people, visits, teams] }
fields: { '*': allow }
---
kind: Grant
name: patients
to: { roles: [doctor] }
on: { datasets: [patients] }
fields: { '*': allow }
---
kind: Grant
name: masked
to: { roles: [masked] }
on: { datasets: [people] }
fields: { id: { mask: redact }, email: { mask: partial, first: 2 }, team: allow }
---
kind: Grant
name: of-the-team
to: { roles: [leader] }
on: { datasets: [people, visits] }
rows: id > 2
fields: { '*': allow }
---
kind: Grant
name: numbers
to: { roles: [planner] }
on: { datasets: [people] }
aggregateOnly: { dimensions: [team], measures: [boss], minGroup: 2 }
---
kind: Grant
name: may-raise
to: { roles: [fragile] }
on: { datasets: [people] }
rows: 10 / (team + 100) >= 0
fields: { '*': allow }
`;

const PEOPLE = 6;
let with_: House;
let without: House;
const houses = (): House[] => [with_, without];
const promoter = principal({ roles: ['promoter'], purposes: ['marketing', 'billing'], purpose: 'marketing' });
const ofRole = (role: string): Principal => ({ ...promoter, roles: [role] });
const actor = { subject: 'steward', roles: ['steward'] };
const consents = (house: House) =>
  new Consents({
    ...house,
    referenceOf: (one) => subjectReference(house.keyRing, one),
    audit: { record: async () => undefined, recordIn: async () => undefined },
  });

async function fill(house: House, ids: readonly number[]): Promise<void> {
  const { database } = house;
  await database.query(
    `INSERT INTO data.people (_rid, id, email, team, boss) SELECT sha256(('p' || i)::bytea), i, 'e' || i || '@example.com', i % 3, i - 1 FROM unnest($1::bigint[]) AS i`,
    [ids],
  );
  await database.query("INSERT INTO data.patients (_rid, id, note) SELECT sha256(('s' || i)::bytea), i, 'n' || i FROM unnest($1::bigint[]) AS i", [ids]);
}

beforeAll(async () => {
  [with_, without] = [await House.open(), await House.open()];
  for (const house of houses()) {
    await house.apply(MANIFESTS);
    await house.keepAnswers();
    await house.database.query("INSERT INTO data.teams (_rid, id, title) SELECT sha256(('t' || i)::bytea), i, 'Team ' || i FROM generate_series(0, 3) AS i");
    // Visits are open to all, those too of persons who are not there, or not to be seen.
    await house.database.query(
      "INSERT INTO data.visits (_rid, id, person_id, pages) SELECT sha256(('v' || i)::bytea), i, i % 13, i % 4 FROM generate_series(1, 40) AS i",
    );
    await fill(
      house,
      Array.from({ length: PEOPLE }, (_, i) => i + 1),
    );
    await consents(house).recordAll(
      Array.from({ length: PEOPLE }, (_, i) => ({ subject: String(i + 1), purpose: 'marketing' })),
      actor,
    );
  }
  await fill(with_, [7, 8, 9, 10, 11, 12, 13]);
  const others = consents(with_);
  const day = (n: number) => new Date(Date.now() + n * 86_400_000);
  // Of 7 nothing was ever recorded.
  await others.record({ subject: '8', purpose: 'marketing', from: day(-9), until: day(-1) }, actor);
  await others.record({ subject: '9', purpose: 'marketing', from: day(1) }, actor);
  await others.record({ subject: '10', purpose: 'billing' }, actor);
  await others.record({ subject: '11', purpose: 'marketing' }, actor);
  await others.withdraw({ subject: '11', purpose: 'marketing' }, actor);
  await others.record({ subject: ' 12', purpose: 'marketing' }, actor);
  await others.record({ subject: '012', purpose: 'marketing' }, actor);
  await others.record({ subject: '13', purpose: 'marketing' }, actor);
  await with_.database.transaction((tx) => forgetConsents(tx, with_.keyRing, '13'));
  for (const house of houses()) await house.database.query('ANALYZE');
});

afterAll(async () => {
  for (const house of houses()) await house?.close();
});

beforeEach(() => {
  for (const house of houses()) house.facts.length = 0;
});

const facts = ({ facts: all }: House) => all.map(({ durationMs: _, ...fact }) => JSON.stringify(fact)).toSorted();

describe('who has not consented is not there', () => {
  const ways = {
    'a page': '{ people { totalCount nodes { id email } pageInfo { hasNextPage endCursor } } }',
    'by key': '{ a: peopleByKey(id: "7") { id } b: peopleByKey(id: "8") { email } c: peopleByKey(id: "1") { email } }',
    'by one key': '{ peopleByKey(id: "11") { id email } }',
    'order and offset': '{ people(orderBy: [{ email: DESC }], first: 3, offset: 2) { totalCount edges { cursor node { id } } pageInfo { hasNextPage } } }',
    'last rows': '{ people(last: 4) { nodes { id } pageInfo { hasPreviousPage startCursor } } }',
    'filters of each kind':
      '{ a: people(where: { email: { like: "e1%" } }) { totalCount } b: people(where: { not: { id: { lt: "5" } } }) { totalCount nodes { id } } c: people(where: { email: { matches: "^e.*m$" } }) { totalCount } d: people(where: { id: { in: ["7", "8", "2"] } }) { nodes { id } } }',
    'to one': '{ visits(orderBy: [{ id: ASC }]) { totalCount nodes { id person { id email } } } }',
    'to many': '{ teams { nodes { title members { totalCount nodes { email visits(first: 2) { totalCount } } } } } }',
    'filters through to one':
      '{ a: visits(where: { person: { id: { gt: "0" } } }) { totalCount } b: visits(where: { not: { person: { email: { like: "e%" } } } }) { totalCount } c: visits(where: { person: { email: { isNull: true } } }) { totalCount } }',
    'some, every, none':
      '{ a: teams(where: { members: { some: { id: { gte: "7" } } } }) { totalCount } b: teams(where: { members: { every: { id: { lt: "7" } } } }) { totalCount nodes { id } } c: teams(where: { members: { none: { email: { contains: "e" } } } }) { nodes { id } } }',
    'order through a relation': '{ visits(orderBy: [{ person: { email: ASC_NULLS_FIRST } }, { id: ASC }]) { nodes { id } } }',
    aggregates: '{ people { aggregate { count countDistinct { team } min { id email } max { id email } avg { team } sum { team } stddev { id } } } }',
    groups:
      '{ people { groupBy(keys: [{ team: true }], having: { count: { gte: "1" } }, orderBy: [{ count: DESC }, { key: { team: ASC } }]) { keys { team } aggregate { count max { id } } } } }',
    'groups through a relation': '{ visits { groupBy(keys: [{ person: { email: true } }]) { keys { person { email } } aggregate { count sum { pages } } } } }',
    'aggregates of relations':
      '{ teams { nodes { id members { aggregate { count max { email } } groupBy(keys: [{ boss: true }]) { aggregate { count } } } } } }',
    entities:
      '{ _entities(representations: [{ __typename: "Person", id: "1" }, { __typename: "Person", id: "7" }, { __typename: "Person", id: "9" }]) { ... on Person { id email } } }',
  };

  test.each(Object.entries(ways))('%s', async (_, query) => {
    for (const who of [promoter, ofRole('fragile')]) {
      const [left, right] = [await with_.query(who, query), await without.query(who, query)];
      expect(left.text).toBe(right.text);
      expect(facts(with_)).toEqual(facts(without));
    }
    // It was an answer and no refusal.
    expect((await without.query(promoter, query)).errors).toBeUndefined();
  });

  test('with masks, and with the row filter of a grant', async () => {
    const page =
      '{ people(orderBy: [{ team: ASC }, { email: ASC }]) { totalCount nodes { id email team } edges { cursor } aggregate { count min { email } } } }';
    for (const role of ['masked', 'leader']) {
      const [left, right] = [await with_.query(ofRole(role), page), await without.query(ofRole(role), page)];
      expect(left.text).toBe(right.text);
      expect(left.data['people']?.totalCount).toBe(role === 'leader' ? PEOPLE - 2 : PEOPLE);
    }
  });

  test('in numbers over cells: nobody makes a group large enough who is not there', async () => {
    const query =
      '{ people { totalCount aggregate { count sum { boss } avg { boss } } groupBy(keys: [{ team: true }], orderBy: [{ key: { team: ASC } }]) { keys { team } aggregate { count sum { boss } } } } }';
    const planner = ofRole('planner');
    const [left, right] = [await with_.query(planner, query), await without.query(planner, query)];
    expect(left.text).toBe(right.text);
    expect(right.errors).toBeUndefined();
    expect(right.data['people']?.totalCount).toBe(PEOPLE);
    const { purpose: _, ...none } = planner;
    expect((await with_.query(none, query)).errors?.map(({ extensions }) => extensions['code'])).toEqual(['PURPOSE_REQUIRED']);
    // For what needs nobody's consent, all are counted.
    expect((await with_.query({ ...planner, purpose: 'billing' }, query)).data['people']?.totalCount).toBe(13);
  });

  test('in a file of each format', async () => {
    for (const format of ['csv', 'ndjson', 'json'] as const) {
      for (const asked of [{}, { orderBy: '[{ "email": "DESC" }]' }, { where: '{ "email": { "matches": "e" } }' }]) {
        const [left, right] = [
          await exportOf(with_, promoter, 'people', { format, ...asked }),
          await exportOf(without, promoter, 'people', { format, ...asked }),
        ];
        expect(left.text).toBe(right.text);
        expect(left.text).toContain('e6@example.com');
      }
    }
    const visits = { where: '{ "person": { "id": { "gt": "0" } } }' };
    expect((await exportOf(with_, promoter, 'visits', visits)).text).toBe((await exportOf(without, promoter, 'visits', visits)).text);
  });

  test('for a purpose that needs no consent they are', async () => {
    const billing = { ...promoter, purpose: 'billing' };
    const counts = await Promise.all(houses().map(async (house) => (await house.connection(billing, 'people', '{ people { totalCount } }')).totalCount));
    expect(counts).toEqual([PEOPLE + 7, PEOPLE]);
  });
});

describe('nothing gets round the purpose', () => {
  const query = '{ people { totalCount nodes { id } } }';
  const code = async (who: Principal, text = query) => (await with_.query(who, text)).errors?.[0]?.extensions['code'];

  test('none, one that is not held, one that nobody declared, and one that is written otherwise', async () => {
    const { purpose: _, ...none } = promoter;
    expect(await code(none)).toBe('PURPOSE_REQUIRED');
    expect(await code({ ...none, purposes: [] })).toBe('FORBIDDEN');
    for (const purpose of ['made-up', 'Marketing', 'marketing ', '', "marketing' OR '1'='1"]) {
      expect(await code({ ...promoter, purposes: [purpose], purpose })).toBe('FORBIDDEN');
      expect(await code({ ...promoter, purposes: [purpose, 'billing'], purpose })).toBe('PURPOSE_REQUIRED');
    }
  });

  test('by a relation, a filter, an order or a group from a dataset without consent', async () => {
    const { purpose: _, ...none } = promoter;
    expect((await with_.query(none, '{ visits { totalCount } }')).errors).toBeUndefined();
    for (const text of [
      '{ visits { nodes { person { id } } } }',
      '{ visits(where: { person: { id: { gt: "0" } } }) { totalCount } }',
      '{ visits(orderBy: [{ person: { email: ASC } }]) { totalCount } }',
      '{ visits { groupBy(keys: [{ person: { team: true } }]) { aggregate { count } } } }',
      '{ people { totalCount } }',
      '{ people { aggregate { count } } }',
      '{ people { __typename } }',
    ])
      expect(await code(none, text)).toBe('PURPOSE_REQUIRED');
    await expect(exportOf(with_, none, 'people')).rejects.toMatchObject({ code: 'PURPOSE_REQUIRED' });
  });

  test('a plan that was made for one purpose does not serve another', async () => {
    const counts: number[] = [];
    for (const purpose of ['billing', 'marketing', 'billing', 'marketing'])
      counts.push((await with_.connection({ ...promoter, purpose }, 'people', '{ people(where: { team: { gte: 0 } }) { totalCount } }')).totalCount);
    expect(counts).toEqual([PEOPLE + 7, PEOPLE, PEOPLE + 7, PEOPLE]);
  });

  test('a secret dataset with consent is one that is not there, for who has no grant on it', async () => {
    const { purpose: _, ...none } = promoter;
    for (const who of [promoter, none]) {
      const [hidden, absent] = [await with_.query(who, '{ patients { totalCount } }'), await with_.query(who, '{ patientz { totalCount } }')];
      expect(hidden.text.replaceAll('patients', 'x')).toBe(absent.text.replaceAll('patientz', 'x'));
    }
    expect((await with_.connection(ofRole('doctor'), 'patients', '{ patients { totalCount } }')).totalCount).toBe(PEOPLE);
  });
});

describe('a change holds at once', () => {
  const query = '{ people(orderBy: [{ id: ASC }]) { totalCount nodes { id } } visits(where: { person: { id: { eq: "3" } } }) { totalCount } }';
  const seen = async () => (await without.query(promoter, query)).data['people']?.nodes.map(({ id }) => id);

  test('although answers of all these datasets are kept', async () => {
    const all = ['1', '2', '3', '4', '5', '6'];
    // Those for a purpose that needs no consent.
    const kept = without.answers?.store.memory.size ?? 0;
    expect(await seen()).toEqual(all);
    for (let i = 0; i < 3; i++) {
      await consents(without).withdraw({ subject: '3', purpose: 'marketing' }, actor);
      expect(await seen()).toEqual(all.filter((id) => id !== '3'));
      await consents(without).record({ subject: '3', purpose: 'marketing' }, actor);
      expect(await seen()).toEqual(all);
    }
    expect(without.answers?.store.memory.size).toBe(kept);
    // What reads no person is kept still.
    await without.query(promoter, '{ teams { totalCount } }');
    expect(without.answers?.store.memory.size).toBe(kept + 1);
  });

  test('under a cursor from before, whose own row is gone too', async () => {
    const page = (after?: string) =>
      `{ people(first: 2, orderBy: [{ email: ASC }]${after ? `, after: "${after}"` : ''}) { nodes { id } pageInfo { endCursor hasNextPage } } }`;
    const { pageInfo } = await without.connection(promoter, 'people', page());
    for (const subject of ['2', '3']) await consents(without).withdraw({ subject, purpose: 'marketing' }, actor);
    expect((await without.connection(promoter, 'people', page(pageInfo.endCursor))).nodes).toEqual([{ id: '4' }, { id: '5' }]);
    for (const subject of ['2', '3']) await consents(without).record({ subject, purpose: 'marketing' }, actor);
    expect((await without.connection(promoter, 'people', page(pageInfo.endCursor))).nodes).toEqual([{ id: '3' }, { id: '4' }]);
  });

  test('when it begins and when it ends, without anybody doing anything', async () => {
    // By the clock of the database, which decides.
    const [clock] = await without.database.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    const now = clock?.now ?? new Date();
    await consents(without).withdraw({ subject: '5', purpose: 'marketing' }, actor);
    await consents(without).record({ subject: '5', purpose: 'marketing', from: new Date(now.getTime() + 300), until: new Date(now.getTime() + 700) }, actor);
    const states: boolean[] = [];
    without.asksTwice = false;
    while (states.at(-1) !== false || states.length < 3) {
      const isSeen = (await seen())?.includes('5') ?? false;
      if (states.at(-1) !== isSeen) states.push(isSeen);
    }
    without.asksTwice = true;
    expect(states).toEqual([false, true, false]);
  });
});

test('the role that reads data sees of consents who has consented now, and nothing else', async () => {
  const { reader } = with_.database;
  const column = async (text: string) => (await reader.query<(string | null)[]>({ text, values: [] })).map(([value]) => value);
  expect(await column("SELECT string_agg(DISTINCT subject, ',' ORDER BY subject) FROM consent.in_force WHERE purpose = 'billing'")).toEqual(['10']);
  for (const text of [
    'SELECT subject FROM headgate.consent',
    'SELECT recorded_by FROM consent.in_force',
    'DELETE FROM consent.in_force',
    "INSERT INTO consent.in_force VALUES ('7', 'marketing')",
    "UPDATE consent.in_force SET subject = '7'",
  ])
    await expect(column(text), text).rejects.toThrow(/permission denied|does not exist/);
});

test('what was recorded is neither changed nor removed, not by the owner of the table either', async () => {
  for (const text of [
    "DELETE FROM headgate.consent WHERE subject = '8'",
    "UPDATE headgate.consent SET valid_until = NULL WHERE subject = '8'",
    "UPDATE headgate.consent SET withdrawn_at = NULL, withdrawn_by = NULL WHERE subject = '11'",
    "UPDATE headgate.consent SET purpose = 'marketing' WHERE subject = '10'",
    "UPDATE headgate.consent SET subject = '7' WHERE subject = '10'",
  ])
    await expect(with_.database.query(text), text).rejects.toThrow(/consents are kept|is not changed/);
});
