import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseManifests, type ManifestKind } from '../../src/catalog/index.js';
import { accessDiff, buildPolicy, explain, exposuresOf, GrantSpec, grantKind, processingActivities } from '../../src/governance/index.js';
import { isHeadgateError } from '../../src/kernel/index.js';
import { House, principal } from '../support/house.js';

const DATASETS = `
kind: Purpose
name: planning
---
kind: Dataset
name: staff
subject: person
fields:
  - { name: id, type: integer, required: true }
  - { name: person, type: text }
  - { name: person_no, type: integer }
  - { name: country, type: text }
  - { name: tier, type: integer }
  - { name: note, type: text }
  - { name: rate, type: decimal }
  - { name: weight, type: float }
  - { name: salary, type: integer }
  - { name: tags, type: 'text[]' }
  - { name: prefs, type: json }
  - { name: secret, type: text, encrypted: true }
key: [id]
---
kind: Dataset
name: visits
fields: [{ name: site, type: text }, { name: minutes, type: integer }]
---
kind: Dataset
name: numbered
subject: person_no
fields: [{ name: person_no, type: integer }, { name: site, type: text }]
`;

const grant = (body: string, name = 'planners') => `kind: Grant\nname: ${name}\nto: { roles: [planner] }\n${body}\n`;
const numbers = (of: string, more = '', dataset = 'staff') => grant(`on: { datasets: [${dataset}] }\n${more}aggregateOnly: { ${of} }`);
const GOOD = 'dimensions: [tier, country], measures: [salary], minGroup: 3';

let house: House;

beforeAll(async () => {
  house = await House.open();
  await house.apply(DATASETS);
});

afterAll(() => house?.close());

async function refusal(text: string): Promise<{ code: string; message: string; path: unknown; line: unknown }> {
  try {
    await house.apply(text);
  } catch (error) {
    if (!isHeadgateError(error)) throw error;
    const { path, line } = error.details;
    return { code: error.code, message: error.message, path, line };
  }
  throw new Error('it was applied');
}

describe('a grant with aggregateOnly is refused when it is applied', () => {
  test.each([
    [
      'with fields beside it',
      grant('on: { datasets: [staff] }\nfields: { id: allow }\naggregateOnly: { dimensions: [tier], minGroup: 3 }'),
      'aggregateOnly',
      /either fields or aggregateOnly/,
    ],
    ['with neither', grant('on: { datasets: [staff] }'), 'fields', /or give aggregateOnly/],
    ['with another right', numbers(GOOD, 'rights: [read, export]\n'), 'rights', /one right, read/],
    ['without minGroup', numbers('dimensions: [tier]'), 'aggregateOnly.minGroup', /missing/],
    ['with a group of one', numbers('dimensions: [tier], minGroup: 1'), 'aggregateOnly.minGroup', /at least 2/],
    ['without a dimension', numbers('dimensions: [], minGroup: 2'), 'aggregateOnly.dimensions', /at least 1/],
    ['with a word too many', numbers('dimensions: [tier], minGroup: 2, maxGroup: 3'), 'aggregateOnly.maxGroup', /unknown key "maxGroup".*minGroup/],
    ['on all datasets', numbers(GOOD, '', "'*'"), 'on', /by name/],
    ['on tags', grant(`on: { tags: [pii] }\naggregateOnly: { ${GOOD} }`), 'on', /by name/],
    ['of a field that there is not', numbers('dimensions: [planet], minGroup: 2'), 'aggregateOnly.dimensions', /no field "planet"/],
    ['by decimals, whose equal values are not the same', numbers('dimensions: [rate], minGroup: 2'), 'aggregateOnly.dimensions', /"rate" is decimal/],
    ['by floats', numbers('dimensions: [weight], minGroup: 2'), 'aggregateOnly.dimensions', /"weight" is float/],
    ['by a list', numbers('dimensions: [tags], minGroup: 2'), 'aggregateOnly.dimensions', /a list of text/],
    ['by json', numbers('dimensions: [prefs], minGroup: 2'), 'aggregateOnly.dimensions', /"prefs" is json/],
    ['by an encrypted field', numbers('dimensions: [secret], minGroup: 2'), 'aggregateOnly.dimensions', /encrypted/],
    ['of a text', numbers('dimensions: [tier], measures: [note], minGroup: 2'), 'aggregateOnly.measures', /"note" is text/],
    ['by the subject', numbers('dimensions: [person], minGroup: 2'), 'aggregateOnly.dimensions', /whom a row is about/],
    ['of the subject', numbers('dimensions: [site], measures: [person_no], minGroup: 2', '', 'numbered'), 'aggregateOnly.measures', /whom a row is about/],
    ['with a field as both', numbers('dimensions: [tier], measures: [tier], minGroup: 2'), 'aggregateOnly.measures', /named twice/],
    ['with a field twice', numbers('dimensions: [tier, tier], minGroup: 2'), 'aggregateOnly.dimensions', /named twice/],
    ['with rows of the moment', numbers(GOOD, 'rows: "now() > \'2020-01-01\'"\n'), 'rows', /time/],
    ['with rows that may raise an error', numbers(GOOD, 'rows: 1 / tier > 0\n'), 'rows', /raise an error/],
    ['with rows of who asks, outside of the dimensions', numbers(GOOD, "rows: note = claim('note')\ndiscloses: [note]\n"), 'rows', /Make it a dimension/],
    ['with rows by a hidden field', numbers(GOOD, "rows: note = 'x'\n"), 'rows', /discloses: \[note\]/],
    ['for a purpose that there is not', numbers(GOOD, 'purposes: [fun]\n'), 'purposes[0]', /no purpose "fun"/],
  ])('%s', async (_, text, path, message) => {
    const found = await refusal(text);
    expect(found).toMatchObject({ code: 'BAD_USER_INPUT', path });
    expect(found.message).toMatch(message);
    expect(found.message).toContain('test.yaml');
  });

  test('when another has other cells, rows or a smaller group on the dataset, whoever it is for', async () => {
    await house.apply(numbers(GOOD));
    for (const [of, more] of [
      ['dimensions: [country], minGroup: 3', ''],
      ['dimensions: [country, tier], minGroup: 2', ''],
      ['dimensions: [country, tier], minGroup: 3', 'rows: tier > 1\n'],
    ]) {
      const other = `kind: Grant\nname: others\nto: { roles: [other] }\non: { datasets: [staff] }\n${more}aggregateOnly: { ${of} }\n`;
      const found = await refusal(other);
      expect(found).toMatchObject({ code: 'CONFLICT', path: 'aggregateOnly' });
      expect(found.message).toContain('planners');
    }
    // Both at once can change; and what is equal but for the order of its names is equal.
    const pair = (of: string) => `${numbers(of)}---\n${grant(`on: { datasets: [staff] }\naggregateOnly: { ${of} }`, 'others')}`;
    await house.apply(pair('dimensions: [country], measures: [weight], minGroup: 4'));
    await house.apply(
      `${numbers('dimensions: [country, tier], minGroup: 3')}---\n${grant('on: { datasets: [staff] }\naggregateOnly: { dimensions: [tier, country], measures: [rate], minGroup: 3 }', 'others')}`,
    );
    await house.apply('kind: Grant\nname: others\nstate: absent\n---\nkind: Grant\nname: planners\nstate: absent\n');
  });

  test('and a contract can not change under it', async () => {
    await house.apply(numbers(GOOD));
    const found = await refusal(
      DATASETS.replace('{ name: tier, type: integer }', '{ name: tier, type: decimal }').replace('kind: Purpose\nname: planning\n---\n', ''),
    );
    expect(found).toMatchObject({ code: 'BAD_USER_INPUT', path: 'aggregateOnly.dimensions' });
    const subject = await refusal(DATASETS.replace('subject: person\n', 'subject: country\n'));
    expect(subject.message).toContain('whom a row is about');
    await house.apply('kind: Grant\nname: planners\nstate: absent\n');
  });
});

test('what is exported reads as what was applied', () => {
  const kinds = [grantKind] as unknown as ManifestKind[];
  const specOf = (text: string) => parseManifests([{ file: 'g.yaml', text }], kinds)[0]?.spec as GrantSpec;
  const spec = specOf(numbers(GOOD, "rows: country <> 'XX'\npurposes: [planning]\n"));
  expect(spec).toMatchObject({ rights: ['read'], fields: {}, aggregateOnly: { dimensions: ['country', 'tier'], measures: ['salary'], minGroup: 3 } });
  const document = grantKind.toDocument?.(spec) ?? {};
  expect(document).not.toHaveProperty('fields');
  expect(specOf(JSON.stringify({ kind: 'Grant', ...document }))).toEqual(spec);
});

describe('explained', () => {
  const planner = principal({ roles: ['planner'] });
  const explained = async (...specs: object[]) => {
    const base = { to: { roles: ['planner'] }, on: { datasets: ['staff'] } };
    await house.grant(specs.map((spec, i) => GrantSpec.parse({ name: `g${i}`, ...base, ...spec })));
    const { catalog, authorizer } = await house.world();
    const staff = catalog.datasets.get('staff');
    if (!staff) throw new Error('no staff');
    return { ...explain(authorizer.policy, planner, staff), decision: authorizer.decide(planner, staff), other: authorizer.decide(planner, staff, 'export') };
  };
  const aggregateOnly = { dimensions: ['tier', 'country'], measures: ['salary'], minGroup: 3 };

  test('no row, no field, and of what there are numbers', async () => {
    const { rows, fields, aggregate, grants, decision, other } = await explained({ aggregateOnly, rows: "country <> 'XX'" });
    expect([rows, grants]).toEqual(['none', ['g0']]);
    expect(new Set(fields.map(({ access, code }) => `${access} ${code}`))).toEqual(new Set(['forbidden FORBIDDEN']));
    expect(aggregate).toEqual({ dimensions: ['country', 'tier'], measures: ['salary'], minGroup: 3, rowFilters: ["country <> 'XX'"], grants: ['g0'] });
    // Whoever does not ask for numbers gives nothing.
    expect([decision.rows, [...decision.fields.values()].some(({ access }) => access !== 'forbidden')]).toEqual(['none', false]);
    expect([other.rows, other.aggregate]).toEqual(['none', undefined]);
  });

  test('not where rows are shown, by whatever right', async () => {
    expect((await explained({ aggregateOnly }, { fields: { id: 'allow' } })).aggregate).toBeUndefined();
    expect((await explained({ aggregateOnly }, { rights: ['export'], fields: { id: 'allow' } })).aggregate).toBeUndefined();
  });

  test('what decides is in the fingerprint, under which plans and answers are kept', async () => {
    const all = [
      await explained({ aggregateOnly }),
      await explained({ aggregateOnly: { ...aggregateOnly, minGroup: 4 } }),
      await explained({ aggregateOnly: { ...aggregateOnly, measures: [] } }),
      await explained({ aggregateOnly: { ...aggregateOnly, dimensions: ['tier'] } }),
      await explained({ aggregateOnly, rows: 'tier > 1' }),
      await explained({ aggregateOnly }, { fields: { salary: 'deny' } }),
      await explained({ aggregateOnly }, { rights: ['ingest'], fields: { id: 'allow' } }),
    ];
    expect(new Set(all.map(({ decision }) => decision.fingerprint)).size).toBe(all.length);
  });
});

test('reviews tell of it: who gains numbers, who has them, and for what', async () => {
  const { catalog } = await house.world();
  const staff = catalog.datasets.get('staff');
  if (!staff) throw new Error('no staff');
  const tagged = { ...staff, fields: staff.fields.map((field) => (field.name === 'salary' ? { ...field, tags: ['financial'] } : field)) };
  const policyOf = (...specs: object[]) =>
    buildPolicy(
      { ...catalog, datasets: new Map([['staff', tagged]]) },
      specs.map((spec) => GrantSpec.parse({ name: 'planners', to: { roles: ['planner'] }, on: { datasets: ['staff'] }, ...spec })),
      (_, error) => {
        throw error;
      },
    );
  const of = (minGroup: number) => policyOf({ aggregateOnly: { dimensions: ['tier'], measures: ['salary'], minGroup } });
  const gained = accessDiff(policyOf(), of(10));
  expect(gained.map(({ field, movement, after, rights }) => [field, movement, after, rights])).toEqual([
    ['tier', 'GAINED', 'aggregateOnly (dimension, 10 different values of person with equal tier)', ['read']],
    ['salary', 'GAINED', 'aggregateOnly (measure, 10 different values of person with equal tier)', ['read']],
  ]);
  expect(accessDiff(of(10), of(2)).map(({ movement }) => movement)).toEqual(['CHANGED', 'CHANGED']);
  expect(accessDiff(of(10), policyOf()).map(({ movement }) => movement)).toEqual(['LOST', 'LOST']);
  expect(exposuresOf(of(10), 'financial')).toEqual([]);
  expect(exposuresOf(of(10), 'financial', { unmasked: false })).toMatchObject([
    { field: 'salary', plain: false, grants: ['planners'], audience: 'role planner' },
  ]);
  expect(processingActivities(of(10)).flatMap(({ datasets }) => datasets)).toMatchObject([
    { dataset: 'staff', plain: [], masked: ['tier', 'salary'], grants: ['planners'] },
  ]);
});
