import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { House, principal } from '../support/house.js';

/** With the cache on, whatever is loaded, granted and asked in whatever order: every answer is the one without it. */
let house: House;

const MANIFESTS = `
kind: Dataset
name: people
typeName: Person
fields:
  - { name: id, type: integer, required: true }
  - { name: team, type: integer }
  - { name: name, type: text }
  - { name: salary, type: decimal }
key: [id]
relations:
  - { name: home, to: teams, on: { team: id } }
cache: { ttl: 1h }
---
kind: Dataset
name: teams
fields:
  - { name: id, type: integer, required: true }
  - { name: title, type: text }
key: [id]
relations:
  - { name: members, to: people, on: { id: team }, many: true }
cache: { ttl: 5m }
`;

const grant = (name: string, role: string, dataset: string, rest: string): string =>
  `kind: Grant\nname: ${name}\nto: { roles: [${role}] }\non: { datasets: [${dataset}] }\n${rest}\n---\n`;
/** What each grant may be; the last is not there. */
const GRANTS: Readonly<Record<string, readonly string[]>> = {
  staff: [
    grant('staff', 'staff', 'people', "rows: \"team = claim('team')::integer\"\nfields: { '*': allow }"),
    grant('staff', 'staff', 'people', 'fields: { id: allow, team: allow, name: { mask: redact }, salary: { mask: round, step: 100 } }'),
    grant('staff', 'staff', 'people', 'fields: { id: allow, team: allow, name: { mask: hash }, salary: deny }'),
    'kind: Grant\nname: staff\nstate: absent\n---\n',
  ],
  more: [
    grant('more', "'*'", 'people', 'rows: "team = 1"\nfields: { id: allow, team: allow, name: allow }'),
    grant('more', 'staff', 'people', 'rows: "team = 2"\ndiscloses: [team]\nfields: { name: deny }'),
    'kind: Grant\nname: more\nstate: absent\n---\n',
  ],
  teams: [grant('teams', "'*'", 'teams', 'fields: { id: allow, title: allow }'), grant('teams', "'*'", 'teams', 'fields: { id: allow }')],
};

const WHO = [
  principal({ subject: 'ada', roles: ['staff'], claims: { team: 1 } }),
  principal({ subject: 'bob', roles: ['staff'], claims: { team: 2 } }),
  principal({ subject: 'eve', roles: ['staff'], claims: { team: '1' } }),
  principal({ subject: 'dan', roles: ['staff'] }),
  principal({ subject: 'kim', roles: ['other'], claims: { team: 1 } }),
];

const QUERIES = [
  '{ people(orderBy: [{ id: ASC }]) { totalCount nodes { id team name salary } } }',
  '{ people(first: 2, orderBy: [{ id: DESC }]) { nodes { id home { id title } } pageInfo { hasNextPage endCursor } } }',
  '{ teams(orderBy: [{ id: ASC }]) { nodes { id title members(orderBy: [{ id: ASC }]) { totalCount nodes { id name } } } } }',
  '{ teams(where: { members: { some: { id: { gt: 3 } } } }, orderBy: [{ id: ASC }]) { nodes { id } } }',
  '{ peopleByKey(id: 1) { id name salary } a: peopleByKey(id: 4) { id } }',
  '{ people(where: { name: { eq: "N1" } }) { totalCount } }',
];

beforeAll(async () => {
  house = await House.open();
  await house.apply(MANIFESTS);
  // Small enough to drive some out.
  await house.keepAnswers({ maxBytes: 8_000 });
});
afterAll(() => house?.close());

type Step =
  | { readonly kind: 'read'; readonly who: number; readonly query: number; readonly times: number }
  | { readonly kind: 'load'; readonly dataset: 'people' | 'teams'; readonly rows: readonly (readonly [number, number])[] }
  | { readonly kind: 'grant'; readonly name: string; readonly variant: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      who: fc.nat(WHO.length - 1),
      query: fc.nat(QUERIES.length - 1),
      times: fc.constantFrom(1, 1, 2, 5),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('load' as const),
      dataset: fc.constantFrom('people' as const, 'teams' as const),
      rows: fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 3 })), { maxLength: 6, selector: ([id]) => id }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(...Object.keys(GRANTS))
      .chain((name) => fc.record({ kind: fc.constant('grant' as const), name: fc.constant(name), variant: fc.nat((GRANTS[name]?.length ?? 1) - 1) })),
  },
);

async function load(dataset: 'people' | 'teams', rows: readonly (readonly [number, number])[]): Promise<void> {
  await house.database.transaction(async (tx) => {
    await tx.query(`DELETE FROM data.${dataset}`);
    for (const [id, n] of rows) {
      if (dataset === 'teams') await tx.query('INSERT INTO data.teams (id, title) VALUES ($1, $2)', [id, `T${n}`]);
      else await tx.query('INSERT INTO data.people (id, team, name, salary) VALUES ($1, $2, $3, $4)', [id, n, `N${n}`, id * 1000 + n * 30]);
    }
    await tx.query('UPDATE headgate.dataset SET data_version = data_version + 1 WHERE name = $1', [dataset]);
  });
  await house.answers?.changes.refresh();
}

test('any sequence of loads, grants and reads gives the same answers with the cache as without', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      for (const one of steps) {
        if (one.kind === 'load') await load(one.dataset, one.rows);
        else if (one.kind === 'grant') await house.apply(GRANTS[one.name]?.[one.variant] ?? '');
        else {
          const who = WHO[one.who] ?? WHO[0];
          const query = QUERIES[one.query] ?? '';
          if (!who) throw new Error('nobody');
          const expected = (await house.ask(who, { query }, { fresh: true })).text;
          const answers = await Promise.all(Array.from({ length: one.times }, async () => house.ask(who, { query })));
          for (const { text } of answers) expect(text).toBe(expected);
        }
      }
    }),
    { numRuns: 40 },
  );
  // The cache was part of it.
  const counts = house.answers?.cache.counts;
  expect(counts?.hits).toBeGreaterThan(50);
  expect(counts?.joined).toBeGreaterThan(20);
  expect(counts?.misses).toBeGreaterThan(50);
}, 120_000);
