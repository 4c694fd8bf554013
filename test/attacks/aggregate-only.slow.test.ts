import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { GrantSpec } from '../../src/governance/index.js';
import { isHeadgateError } from '../../src/kernel/index.js';
import type { Principal } from '../../src/identity/index.js';
import { exportOf } from '../support/exports.js';
import { ANONYMOUS, House, principal, type Answer } from '../support/house.js';

/**
 * A grant with `aggregateOnly` gives numbers over cells with enough people in them, and nothing else by no way. What a series of answers
 * tells together is the matter of test/property/aggregate-only.slow.test.ts.
 */
const MANIFESTS = `
kind: Purpose
name: planning
---
kind: Purpose
name: care
---
kind: Dataset
name: staff
typeName: Person
subject: person
fields:
  - { name: id, type: integer, required: true }
  - { name: person, type: text }
  - { name: name, type: text }
  - { name: country, type: text }
  - { name: tier, type: integer }
  - { name: joined, type: date }
  - { name: salary, type: integer }
  - { name: bonus, type: decimal }
  - { name: prefs, type: json }
  - { name: team_id, type: integer }
key: [id]
relations:
  - { name: team, to: teams, on: { team_id: id } }
---
kind: Dataset
name: teams
typeName: Team
fields: [{ name: id, type: integer, required: true }, { name: name, type: text }]
key: [id]
relations:
  - { name: members, to: staff, on: { id: team_id }, many: true }
---
kind: Dataset
name: cases
typeName: Case
visibility: secret
subject: person
fields:
  - { name: id, type: integer, required: true }
  - { name: person, type: text }
  - { name: kind, type: text, visibility: secret }
  - { name: days, type: integer, visibility: secret }
  - { name: verdict, type: text, visibility: secret }
key: [id]
---
kind: Grant
name: planners
to: { roles: [planner], anonymous: true }
on: { datasets: [staff] }
aggregateOnly: { dimensions: [country, tier, joined], measures: [salary, bonus], minGroup: 3 }
---
kind: Grant
name: teams
to: { roles: ['*'] }
on: { datasets: [teams] }
fields: { '*': allow }
---
kind: Grant
name: boards
to: { roles: [board] }
on: { datasets: [cases] }
aggregateOnly: { dimensions: [kind], measures: [days], minGroup: 2 }
`;

const planner = principal({ subject: 'pia', roles: ['planner'] });
const board = principal({ subject: 'bea', roles: ['board'] });
const nobody = principal({ subject: 'nick', roles: ['other'] });

let house: House;

beforeAll(async () => {
  house = await House.open({ maxAliases: 500 });
  await house.apply(MANIFESTS);
  // DE: four people. FR: one person with many rows. IT: two people and a row of nobody, and of the salaries two are known.
  await house.database.query(`
INSERT INTO data.staff (id, person, name, country, tier, joined, salary, bonus, team_id) VALUES
  (1, 'p1', 'Anna', 'DE', 1, '2020-01-01', 1000, 1.50, 1),
  (2, 'p2', 'Bert', 'DE', 1, '2020-01-01', 2000, 2.25, 1),
  (3, 'p3', 'Cleo', 'DE', 1, '2020-01-01', 3000, NULL, 1),
  (4, 'p4', 'Dora', 'DE', 1, '2020-01-01', 4000, 3, 1),
  (5, 'p5', 'Emil', 'FR', 1, '2020-01-01', 777001, 777002, 2),
  (6, 'p5', 'Emil', 'FR', 1, '2020-01-01', 777001, 777002, 2),
  (7, 'p5', 'Emil', 'FR', 1, '2020-01-01', 777001, 777002, 2),
  (8, 'p6', 'Fred', 'IT', 2, '2021-01-01', 50, 1, 2),
  (9, 'p7', 'Gina', 'IT', 2, '2021-01-01', 60, 1, 2),
  (10, NULL, NULL, 'IT', 2, '2021-01-01', NULL, 1, 2)`);
  await house.database.query("INSERT INTO data.teams (id, name) VALUES (1, 'one'), (2, 'two')");
  await house.database.query(
    "INSERT INTO data.cases (id, person, kind, days, verdict) VALUES (1, 'p1', 'a', 3, 'x'), (2, 'p2', 'a', 4, 'y'), (3, 'p3', 'b', 5, 'z')",
  );
});

afterAll(() => house?.close());

beforeEach(() => {
  house.statements.length = 0;
  house.facts.length = 0;
});

function expectRefusal({ data, errors }: Answer, code = 'FORBIDDEN'): void {
  expect(Object.values(data).every((value) => value === null)).toBe(true);
  expect(errors?.map(({ extensions }) => extensions['code'])).toEqual([code]);
}

const OPEN = '{ staff { totalCount aggregate { count sum { salary bonus } avg { salary bonus } } } }';

describe('what is open', () => {
  test('numbers over cells with enough people; of a measure, over those in which enough have a value', async () => {
    const { data, errors } = await house.query(planner, OPEN);
    expect(errors).toBeUndefined();
    // Not the three rows of the one person in FR; and of IT the number of rows and the bonus, and no salary.
    expect(data['staff']).toEqual({
      totalCount: 7,
      aggregate: { count: '7', sum: { salary: '10000', bonus: '9.75' }, avg: { salary: '2500', bonus: '1.625' } },
    });
    expect(house.facts).toMatchObject([
      { action: 'read', dataset: 'staff', decision: 'ALLOWED', fields: ['salary', 'bonus'], details: { aggregateOnly: true } },
    ]);
  });

  test('in groups, filtered, ordered, chosen', async () => {
    const groups = `groupBy(keys: [{ country: true }, { joined: YEAR }], having: { count: { gt: "0" } }, orderBy: [{ sum: { salary: DESC_NULLS_LAST } }]) {
      keys { country joined } aggregate { count sum { salary bonus } } }`;
    const { data, errors } = await house.query(planner, `{ staff { ${groups} } }`);
    expect(errors).toBeUndefined();
    expect(data['staff']).toEqual({
      groupBy: [
        { keys: { country: 'DE', joined: '2020-01-01' }, aggregate: { count: '4', sum: { salary: '10000', bonus: '6.75' } } },
        { keys: { country: 'IT', joined: '2021-01-01' }, aggregate: { count: '3', sum: { salary: null, bonus: '3' } } },
      ],
    });
    const { data: one } = await house.query(planner, '{ staff(where: { or: [{ country: { like: "F_" } }, { not: { tier: { eq: 2 } } }] }) { totalCount } }');
    expect(one['staff']).toEqual({ totalCount: 4 });
  });

  test('a group that is too small is as one that is not there', async () => {
    const query = (country: string) => `{ staff(where: { country: { eq: "${country}" } }) {
      totalCount aggregate { count sum { salary } } groupBy(keys: [{ country: true }]) { keys { country } } } }`;
    const [small, absent] = [await house.query(planner, query('FR')), await house.query(planner, query('XX'))];
    expect(small.text).toBe(absent.text);
    expect(small.data['staff']).toEqual({ totalCount: 0, aggregate: { count: '0', sum: { salary: null } }, groupBy: [] });
  });

  test('a filter that leaves one person of a cell does not exist: it is over dimensions, which all in the cell have alike', async () => {
    const { data } = await house.query(
      planner,
      '{ staff(where: { joined: { lte: "2020-01-01" } }) { totalCount groupBy(keys: [{ tier: true }]) { keys { tier } } } }',
    );
    expect(data['staff']).toEqual({ totalCount: 4, groupBy: [{ keys: { tier: 1 } }] });
  });
});

const ROW = 'id name salary country';
const REFUSED = [
  `nodes { ${ROW} }`,
  'nodes { country }',
  'nodes { __typename }',
  'totalCount nodes { country tier }',
  'totalCount nodes: edges { node { country } }',
  'edges { cursor }',
  'edges { __typename }',
  'pageInfo { hasNextPage }',
  'pageInfo { startCursor endCursor }',
  'aggregate { min { salary } }',
  'aggregate { sum: max { salary } }',
  'aggregate { countDistinct { country } }',
  'aggregate { countDistinct { salary } }',
  'aggregate { stddev { salary } }',
  'aggregate { variance { bonus } }',
  'aggregate { sum { id } }',
  'aggregate { sum { tier } }',
  'aggregate { avg { teamId } }',
  'aggregate { min { country } }',
  'groupBy(keys: [{ salary: true }]) { aggregate { count } }',
  'groupBy(keys: [{ name: true }]) { keys { name } }',
  'groupBy(keys: [{ person: true }]) { aggregate { count } }',
  'groupBy(keys: [{ team: { name: true } }]) { aggregate { count } }',
  'groupBy(keys: [{ country: true }], having: { max: { salary: { gt: 1 } } }) { keys { country } }',
  'groupBy(keys: [{ country: true }], having: { not: { or: [{ min: { name: { isNull: true } } }] } }) { keys { country } }',
  'groupBy(keys: [{ country: true }], having: { sum: { tier: { gt: "1" } } }) { keys { country } }',
  'groupBy(keys: [{ country: true }], orderBy: [{ max: { salary: ASC } }]) { keys { country } }',
  'groupBy(keys: [{ country: true }], first: 0, orderBy: [{ min: { person: ASC } }]) { keys { country } }',
  'groupBy(keys: [{ country: true }]) { aggregate { max { bonus } } }',
];
const FILTERS = [
  '{ name: { eq: "Emil" } }',
  '{ salary: { gt: 1 } }',
  '{ salary: { isNull: true } }',
  '{ not: { person: { in: [] } } }',
  '{ or: [{ country: { eq: "FR" } }, { and: [{ id: { eq: 5 } }] }] }',
  '{ prefs: { path: { path: ["a"], eq: 1 } } }',
  '{ prefs: { hasKey: "a" } }',
  '{ team: { name: { eq: "two" } } }',
];

describe('what is not', () => {
  test.each(REFUSED)('%s', async (members) => {
    expectRefusal(await house.query(planner, `{ staff { ${members} } }`));
    expect(house.statements).toEqual([]);
    expect(new Set(house.facts.map(({ decision }) => decision))).toEqual(new Set(['DENIED']));
    // By aliases and fragments, beside what is open.
    expectRefusal(await house.query(planner, `{ x: staff { a: totalCount ... on PersonConnection { ...f } } } fragment f on PersonConnection { ${members} }`));
    expectRefusal(await house.query(planner, `query ($yes: Boolean = true) { staff { ... @include(if: $yes) { ${members} } } }`));
    expectRefusal(await house.query(ANONYMOUS, `{ staff { ${members} } }`), 'UNAUTHENTICATED');
    expect(house.statements).toEqual([]);
  });

  test.each(FILTERS)('where: %s', async (where) => {
    expectRefusal(await house.query(planner, `{ staff(where: ${where}) { totalCount } }`));
    expectRefusal(await house.query(planner, `{ staff(where: { and: [{ tier: { eq: 1 } }, ${where}] }, first: 0) { aggregate { count } } }`));
    expectRefusal(await house.query(planner, `{ staff(where: ${where}) { __typename } }`));
    expect(house.statements).toEqual([]);
  });

  test('an order by anything else', async () => {
    for (const order of ['{ name: ASC }', '{ salary: DESC }', '{ team: { name: ASC } }'])
      expectRefusal(await house.query(planner, `{ staff(orderBy: [${order}]) { totalCount } }`));
  });

  test('rows by their key, one or many, and as entities of a supergraph', async () => {
    expectRefusal(await house.query(planner, '{ staffByKey(id: 5) { name } }'));
    expectRefusal(await house.query(planner, '{ staffByKey(id: 5) { __typename } }'));
    const many = await house.query(planner, '{ a: staffByKey(id: 5) { country } b: staffByKey(id: 99) { country } }');
    expect(many.errors?.map(({ extensions }) => extensions['code'])).toEqual(['FORBIDDEN', 'FORBIDDEN']);
    const query = 'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Person { country } } }';
    const { data, errors } = await house.query(planner, query, { r: [{ __typename: 'Person', id: 5 }] });
    expect([data, errors?.map(({ extensions }) => extensions['code'])]).toEqual([null, ['FORBIDDEN']]);
    expect(house.statements).toEqual([]);
  });

  test('by way of a relation, into it or out of it', async () => {
    for (const members of [
      'totalCount',
      'aggregate { count sum { salary } }',
      'groupBy(keys: [{ country: true }]) { keys { country } }',
      'nodes { country }',
    ]) {
      const { data, errors } = await house.query(planner, `{ teams { nodes { id members { ${members} } } } }`);
      expect(data['teams']?.nodes).toEqual([
        { id: 1, members: null },
        { id: 2, members: null },
      ]);
      expect(errors?.map(({ extensions }) => [extensions['code'], extensions['field']])).toEqual([['FORBIDDEN', 'members']]);
    }
    for (const query of [
      '{ teams(where: { members: { some: { country: { eq: "FR" } } } }) { nodes { id } } }',
      '{ teams(where: { members: { none: {} } }) { totalCount } }',
    ])
      expectRefusal(await house.query(planner, query));
    expect(house.statements.some(({ text }) => text.includes('"staff"'))).toBe(false);
  });

  test('in a file', async () => {
    for (const asked of [{}, { fields: 'country' }, { fields: 'country,salary' }, { where: '{"country":{"eq":"FR"}}' }]) {
      const error = await exportOf(house, planner, 'staff', asked).catch((thrown: unknown) => thrown);
      expect(isHeadgateError(error) && error.code).toBe('FORBIDDEN');
    }
  });

  test('the refusal says what is open, and nothing of what is there', async () => {
    const { errors } = await house.query(planner, '{ staff { aggregate { max { salary } } } }');
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', dataset: 'staff', field: 'salary' });
    expect(errors?.[0]?.message).toBe(
      'You may not read staff.salary in this way. Open to you are numbers over many rows of staff: totalCount, count, and sum and avg of salary, bonus, with where and groupBy over country, tier, joined.',
    );
  });

  test('anything to somebody without the grant', async () => {
    expectRefusal(await house.query(nobody, OPEN));
    expectRefusal(await house.query(nobody, '{ staff { __typename } }'));
  });
});

describe('a secret dataset', () => {
  test('becomes known with its dimensions and measures, and with no other secret field', async () => {
    const schema = await house.schema(board);
    expect(Object.keys((schema.getType('Case') as { getFields?: () => object } | undefined)?.getFields?.() ?? {})).toEqual(['id', 'person', 'kind', 'days']);
    const { data } = await house.query(board, '{ cases { groupBy(keys: [{ kind: true }]) { keys { kind } aggregate { count avg { days } } } } }');
    expect(data['cases']).toEqual({ groupBy: [{ keys: { kind: 'a' }, aggregate: { count: '2', avg: { days: '3.5' } } }] });
    const { errors } = await house.query(board, '{ cases { nodes { verdict } } }').catch((thrown: unknown) => ({ errors: [{ message: String(thrown) }] }));
    expect(JSON.stringify(errors)).not.toContain('"z"');
    expect((await house.schema(planner)).getType('Case')).toBeUndefined();
  });
});

/** Grants beside that of the planners. */
async function withGrants(specs: readonly object[], work: () => Promise<void>): Promise<void> {
  const own = {
    name: 'planners',
    to: { roles: ['planner'] },
    on: { datasets: ['staff'] },
    aggregateOnly: { dimensions: ['country', 'tier'], measures: ['salary'], minGroup: 3 },
  };
  await house.grant(
    [own, ...specs.map((spec, i) => ({ name: `g${i}`, on: { datasets: ['staff'] }, to: { roles: ['planner'] }, ...spec }))].map((spec) =>
      GrantSpec.parse(spec),
    ),
  );
  await work();
}

const TOTAL = '{ staff { totalCount } }';

describe('together with other grants', () => {
  test.each([
    ['a row that is shown', { rows: "country = 'FR'", fields: { id: 'allow' } }],
    ['a masked one', { fields: { name: { mask: 'redact' } } }],
    ['one that can be exported', { rights: ['export'], fields: { country: 'allow' } }],
    ['one that can be subscribed to', { rights: ['subscribe'], fields: { country: 'allow' } }],
    ['rows that can be loaded, which would fill up a small cell', { rights: ['ingest'], fields: { '*': 'allow' } }],
  ])('there are no numbers over hidden rows for who is granted %s', async (_, spec) => {
    await withGrants([spec], async () => {
      const { data, errors } = await house.query(planner, `{ staff { totalCount } other: staff { aggregate { sum { salary } } } }`);
      expect(data['other']).toBeNull();
      // Of rows that may be read there is the count; of others nothing.
      expect(data['staff'] ?? null).toEqual('rights' in spec ? null : { totalCount: 'rows' in spec ? 3 : 10 });
      expect(errors?.length).toBe('rights' in spec ? 2 : 1);
    });
  });

  test.each([
    ['a dimension closes all', { fields: { tier: 'deny' } }, ['FORBIDDEN', 'FORBIDDEN']],
    ['a dimension in some rows closes all', { rows: "country = 'XX'", fields: { tier: 'deny' } }, ['FORBIDDEN', 'FORBIDDEN']],
    ['a tag or all fields closes all', { fields: { '*': 'deny' } }, ['FORBIDDEN', 'FORBIDDEN']],
    ['a measure closes the measure', { fields: { salary: 'deny' } }, [undefined, 'FORBIDDEN']],
    ['another field closes nothing', { fields: { name: 'deny' } }, [undefined, undefined]],
  ])('a denial of %s', async (_, spec, codes) => {
    await withGrants([spec], async () => {
      const found = [await house.query(planner, TOTAL), await house.query(planner, '{ staff { aggregate { sum { salary } } } }')];
      expect(found.map(({ errors }) => errors?.[0]?.extensions['code'])).toEqual(codes);
    });
  });

  test('cells of two kinds give none', async () => {
    for (const other of [
      { dimensions: ['country'], measures: ['salary'], minGroup: 3 },
      { dimensions: ['country', 'tier'], measures: [], minGroup: 2 },
    ]) {
      await withGrants([{ aggregateOnly: other }], async () => expectRefusal(await house.query(planner, TOTAL)));
      await withGrants([{ aggregateOnly: other, to: { roles: ['another'] } }], async () => expect((await house.query(planner, TOTAL)).errors).toBeUndefined());
    }
    await withGrants([{ rows: "country = 'DE'", aggregateOnly: { dimensions: ['country', 'tier'], measures: [], minGroup: 3 } }], async () =>
      expectRefusal(await house.query(planner, TOTAL)),
    );
  });

  test('measures of two grants add up', async () => {
    await withGrants([{ aggregateOnly: { dimensions: ['tier', 'country'], measures: ['bonus'], minGroup: 3 } }], async () => {
      const { data } = await house.query(planner, '{ staff { aggregate { sum { salary bonus } } } }');
      expect(data['staff']).toEqual({ aggregate: { sum: { salary: '10000', bonus: '9.75' } } });
    });
  });

  test('for one purpose numbers, for another rows: each for its own, and the code says where there is more', async () => {
    const who: Principal = { ...planner, purposes: ['planning', 'care'] };
    const grants = ['planning', 'care'].map((purpose, i) => ({
      name: `g${i}`,
      to: { roles: ['planner'] },
      on: { datasets: ['staff'] },
      purposes: [purpose],
      ...(i === 0 ? { aggregateOnly: { dimensions: ['country'], measures: ['salary'], minGroup: 3 } } : { fields: { id: 'allow' } }),
    }));
    await house.grant(grants.map((spec) => GrantSpec.parse(spec)));
    expect((await house.query({ ...who, purpose: 'planning' }, '{ staff { totalCount aggregate { sum { salary } } } }')).data['staff']).toEqual({
      totalCount: 7,
      aggregate: { sum: { salary: '10000' } },
    });
    expectRefusal(await house.query({ ...who, purpose: 'planning' }, '{ staff { nodes { id } } }'), 'PURPOSE_REQUIRED');
    expect((await house.query({ ...who, purpose: 'care' }, '{ staff { totalCount nodes { id } } }')).data['staff']?.nodes).toHaveLength(10);
    expectRefusal(await house.query({ ...who, purpose: 'care' }, '{ staff { aggregate { sum { salary } } } }'), 'PURPOSE_REQUIRED');
    expectRefusal(await house.query(who, TOTAL), 'PURPOSE_REQUIRED');
    expectRefusal(await house.query({ ...who, purposes: [] }, TOTAL));
  });
});

describe('values of hidden cells', () => {
  test('that would raise an error raise none, and change nothing', async () => {
    await withGrants([{ aggregateOnly: { dimensions: ['country', 'tier'], measures: ['bonus'], minGroup: 3 } }], async () => {
      const queries = [
        '{ staff { totalCount aggregate { sum { salary bonus } avg { bonus } } } }',
        '{ staff { groupBy(keys: [{ country: true }]) { aggregate { sum { bonus } } } } }',
      ];
      const before = await Promise.all(queries.map(async (query) => (await house.query(planner, query)).text));
      await house.database.query(
        "INSERT INTO data.staff (id, person, country, tier, bonus, salary) SELECT 100 + i, 'px', 'HU', 1, repeat('9', 131072)::numeric, 2147483647 FROM generate_series(1, 50) AS i",
      );
      await house.database.query(
        "INSERT INTO data.staff (id, person, country, tier, bonus) VALUES (200, 'py', 'AT', 1, 'Infinity'), (201, 'py', 'AT', 1, '-Infinity'), (202, 'py', 'CH', 1, 'NaN')",
      );
      try {
        expect(await Promise.all(queries.map(async (query) => (await house.query(planner, query)).text))).toEqual(before);
        // Of a cell that is given, what can't be added up has no sum.
        await house.database.query("INSERT INTO data.staff (id, person, country, tier, bonus) VALUES (300, 'p8', 'DE', 1, 'NaN')");
        const { data } = await house.query(
          planner,
          '{ staff { groupBy(keys: [{ country: true }]) { keys { country } aggregate { sum { bonus } avg { bonus } } } } }',
        );
        expect(data['staff']).toEqual({
          groupBy: [
            { keys: { country: 'DE' }, aggregate: { sum: { bonus: null }, avg: { bonus: null } } },
            { keys: { country: 'IT' }, aggregate: { sum: { bonus: '3' }, avg: { bonus: '1' } } },
          ],
        });
      } finally {
        await house.database.query('DELETE FROM data.staff WHERE id >= 100');
      }
    });
  });

  test('a pattern is not tried on their dimensions: it could take long on one', async () => {
    const query = '{ staff(where: { country: { matches: "^D" } }) { totalCount } }';
    await withGrants([], async () => expect((await house.query(planner, query)).data['staff']).toEqual({ totalCount: 4 }));
    const [statement] = house.statements.filter(({ text }) => text.includes('"staff"'));
    const plan = await house.database.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN (COSTS OFF) ${(statement?.text ?? '').replaceAll(/\$(\d+)::text/g, "'^D'::text")}`,
    );
    const lines = plan.map((row) => row['QUERY PLAN']).filter((line) => line.includes('~ '));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toMatch(/CASE WHEN \(+count\(DISTINCT/);
  });
});
