import fc, { type GeneratorValue } from 'fast-check';
import { parse, validate, type GraphQLSchema } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GrantSpec } from '../../src/governance/index.js';
import { House, principal } from '../support/house.js';
import { AggregateQuestions } from './support/aggregate-questions.js';
import { drawTwin, keptRows, type CellRule } from './support/cells.js';
import { written, type SelectionNode } from './support/documents.js';
import { difference } from './support/matching.js';
import { cellOf, type Cell, type DatasetModel, type FieldModel, type Row } from './support/model.js';
import { Oracle } from './support/oracle.js';
import { rowId } from './support/rows.js';
import { PATIENCE, runs } from './support/runs.js';
import { Seen } from './support/seen.js';
import { insert } from './support/stage.js';

/**
 * The attacker: somebody with a grant that has `aggregateOnly`, who asks whatever they like, about data in which many groups are small.
 * - Each answer is what naive resolvers give over the rows of kept cells alone (support/cells.ts says which).
 * - Two stores that differ only in what is in no kept cell give the same bytes for every question.
 * - The difference of the counts of two overlapping answers is nobody or enough of them.
 */
const SETTINGS = 24;
const QUESTIONS = 12;

const SAMPLES: Readonly<Record<string, readonly [Cell, ...Cell[]]>> = {
  person: ['p0', 'p1', 'p2', 'p3', 'p4', 'p5', null],
  country: ['a', 'A', 'ä', '', null],
  tier: [1, 2, null],
  code: [9_007_199_254_740_993n, 2n, null],
  member: [true, false, null],
  joined: ['1984-05-06', '1984-05-31', 'infinity', null],
  seen: ['1984-05-06T07:08:09.000000', '2000-01-01T00:00:00.000000', null],
  shift: ['07:08:09.500000', '12:30:00.000000', null],
  site: ['6ba7b810-9dad-41d1-80b4-00c04fd430c8', '00000000-0000-4000-8000-000000000000', null],
  salary: [1000, 2500, -7, 2_147_483_647, null, null],
  points: [9_223_372_036_854_775_807n, 5n, -6n, null, null],
  bonus: ['1.50', '-2.25', '99999999999999999999.01', '0', null, null],
  score: [0.5, -1.25, 100, 1e200, Number.NaN, null, null],
  note: ['x', 'y', null],
};
const TYPES: Readonly<Record<string, FieldModel['type']>> = {
  person: 'text',
  country: 'text',
  tier: 'integer',
  code: 'bigint',
  member: 'boolean',
  joined: 'date',
  seen: 'timestamp',
  shift: 'time',
  site: 'uuid',
  salary: 'integer',
  points: 'bigint',
  bonus: 'decimal',
  score: 'float',
  note: 'text',
};
const DIMENSIONS = ['country', 'tier', 'code', 'member', 'joined', 'seen', 'shift', 'site'];
const MEASURES = ['salary', 'points', 'bonus', 'score'];

const FIELDS = Object.entries(TYPES).map(([name, type]): FieldModel => ({
  name,
  graphqlName: name,
  type,
  list: false,
  required: false,
  tags: [],
  visibility: 'listed',
}));
const model = (name: string, typeName: string): DatasetModel => ({
  name,
  graphqlName: name,
  typeName,
  visibility: 'listed',
  fields: FIELDS,
  key: [],
  relations: [],
});
/** Visits say not whom they are about. */
const PEOPLE = model('people', 'Person');
const VISITS = model('visits', 'Visit');

const asker = principal({ subject: 'asker', roles: ['reader'], claims: { country: 'a' } });

let house: House;
let schema: GraphQLSchema;

beforeAll(async () => {
  house = await House.open({ maxCost: 1e9, maxDepth: 40, maxAliases: 1_000, maxTokens: 50_000 });
  const documents = [PEOPLE, VISITS].map(({ name, typeName }) => ({
    kind: 'Dataset',
    name,
    typeName,
    fields: FIELDS.map((field) => ({ name: field.name, type: field.type })),
    ...(name === 'people' && { subject: 'person' }),
  }));
  await house.apply(documents.map((document) => JSON.stringify(document)).join('\n---\n'));
  schema = await house.schema(asker);
});

afterAll(() => house.close());

interface Setting {
  readonly dataset: DatasetModel;
  readonly rule: CellRule;
  readonly specs: readonly GrantSpec[];
  readonly rows: readonly Row[];
  readonly twin: readonly Row[];
}

function drawRow(g: GeneratorValue, index: number): Row {
  const cells = Object.fromEntries(FIELDS.map(({ name }) => [name, g(fc.constantFrom, ...(SAMPLES[name] ?? [null]))]));
  return { rid: rowId('row', index), cells };
}

const FILTERS: readonly { readonly rows: string; readonly needs?: string; readonly holds: CellRule['holds'] }[] = [
  { rows: "note <> 'x'", holds: ({ note }) => (note === null ? null : note !== 'x') },
  { rows: 'tier = 2 OR note IS NULL', holds: ({ tier, note }) => tier === 2 || note === null || (tier === null ? null : false) },
  { rows: "country = claim('country')", needs: 'country', holds: ({ country }) => (country === null ? null : country === 'a') },
];

function drawSetting(g: GeneratorValue): Setting {
  const dataset = g(fc.constantFrom, PEOPLE, VISITS);
  const dimensions = g(fc.subarray, DIMENSIONS, { minLength: 1, maxLength: 3 });
  const measures = g(fc.subarray, MEASURES, { minLength: 1 });
  const filter = g(fc.constantFrom, undefined, undefined, ...FILTERS.filter(({ needs }) => needs === undefined || dimensions.includes(needs)));
  const minGroup = g(fc.constantFrom, 2, 3, 4);
  const rule: CellRule = { dimensions, measures, minGroup, holds: filter?.holds ?? (() => true), ...(dataset === PEOPLE && { subject: 'person' }) };
  const rows = Array.from({ length: g(fc.constantFrom, 0, 20, 40, 60) }, (_, i) => drawRow(g, i));
  // Two grants with the same cells are as one with the measures of both.
  const parts = g(fc.boolean) ? [measures] : [measures.slice(1), measures.slice(0, 2)];
  const specs = parts.map((part, i) =>
    GrantSpec.parse({
      name: `g${i}`,
      to: { roles: ['reader'] },
      on: { datasets: [dataset.name] },
      ...(filter && { rows: filter.rows }),
      aggregateOnly: { dimensions, measures: part, minGroup },
    }),
  );
  return { dataset, rule, specs, rows, twin: drawTwin(g, rows, rule, (index) => drawRow(g, index)) };
}

async function store({ dataset }: Setting, rows: readonly Row[]): Promise<void> {
  await house.database.query(`TRUNCATE data.${dataset.name}`);
  await insert(house, dataset, rows);
}

/** Naive resolvers over the rows that are left. */
function oracleOf({ dataset, rule }: Setting, rows: readonly Row[]): Oracle {
  const fields = Object.fromEntries([...rule.dimensions, ...rule.measures].map((name) => [name, 'allow' as const]));
  const grants = [{ name: 'g', to: { roles: ['reader'] }, on: { datasets: [dataset.name] }, fields }];
  const world = { datasets: [dataset], rows: { [dataset.name]: keptRows(rows, rule) }, grants, askers: [asker] };
  return new Oracle(world, schema, new Seen(world, asker, () => Buffer.alloc(0)));
}

async function answersTo(questions: readonly ReturnType<typeof written>[]): Promise<string[]> {
  const texts: string[] = [];
  for (const { query, variables } of questions) texts.push((await house.query(asker, query, variables)).text);
  return texts;
}

const settings = fc.sample(fc.gen(), runs(SETTINGS)).map((g, i) => ({ seed: runs(0).seed + i, setting: drawSetting(g) }));
const tally = { answers: 0, groups: 0, numbers: 0, hidden: 0, untold: 0 };

test.for(settings)('an answer is of kept cells alone (setting $seed)', { timeout: PATIENCE }, async ({ seed, setting }) => {
  const { dataset, rule, rows, twin, specs } = setting;
  await house.grant(specs);
  const named = (names: readonly string[]) => FIELDS.filter(({ name }) => names.includes(name));
  const arbitrary = new AggregateQuestions(dataset, named(rule.dimensions), named(rule.measures));
  const questions = fc.sample(arbitrary.question(), { seed, numRuns: QUESTIONS }).map((nodes: SelectionNode[]) => written(nodes));

  await store(setting, rows);
  const oracle = oracleOf(setting, rows);
  const answers = await answersTo(questions);
  questions.forEach(({ query, variables }, i) => {
    const context = `${JSON.stringify(specs)} asked ${query} with ${JSON.stringify(variables)}`;
    const document = parse(query);
    expect(validate(schema, document), context).toEqual([]);
    const expected = oracle.answer(document, variables);
    const { data, errors } = JSON.parse(answers[i] ?? '') as { data: unknown; errors?: unknown };
    expect(errors, context).toBeUndefined();
    expect(difference(expected.data, data, new Map()), context).toBeUndefined();
    tally.answers += 1;
    tally.groups += (answers[i]?.match(/"keys"|"a":\{/g) ?? []).length;
    tally.numbers += (answers[i]?.match(/"(salary|points|bonus|score)":"?-?\d/g) ?? []).length;
  });
  const kept = keptRows(rows, rule);
  const rids = new Set(kept.map(({ rid }) => rid));
  tally.hidden += rows.filter((row) => rule.holds(row.cells) === true && !rids.has(row.rid)).length;
  tally.untold += rows.filter(
    (row) =>
      rids.has(row.rid) && rule.measures.some((name) => cellOf(row, name) !== null && cellOf(kept.find(({ rid }) => rid === row.rid) ?? row, name) === null),
  ).length;

  await store(setting, twin);
  // The twin is one: otherwise the next line would say nothing.
  const sorted = (all: readonly Row[]) =>
    keptRows(all, rule)
      .map((row) => FIELDS.map(({ name }) => `${name} ${String(cellOf(row, name) as string | null)}`).join(', '))
      .toSorted();
  expect(sorted(twin)).toEqual(sorted(rows));
  expect(await answersTo(questions)).toEqual(answers);
});

test('what was asked would have told, had it been answered', () => {
  expect(tally.answers).toBe(settings.length * QUESTIONS);
  expect(tally.groups).toBeGreaterThan(tally.answers / 10);
  expect(tally.numbers).toBeGreaterThan(tally.answers / 2);
  expect(tally.hidden).toBeGreaterThan(settings.length);
  expect(tally.untold).toBeGreaterThan(settings.length);
});

test.for(settings.slice(0, 12))('no two answers differ by a few (setting $seed)', { timeout: PATIENCE }, async ({ seed, setting }) => {
  const { dataset, rule, rows, specs } = setting;
  await house.grant(specs);
  await store(setting, rows);
  const where = new AggregateQuestions(
    dataset,
    FIELDS.filter(({ name }) => rule.dimensions.includes(name)),
    [],
  ).where();
  for (const [a, b] of fc.sample(fc.tuple(where, where), { seed, numRuns: 10 })) {
    const type = `${dataset.typeName}Where`;
    const both = { kind: 'object', type, as: 'literal', entries: [['and', { kind: 'list', type: `[${type}!]`, as: 'literal', items: [a, b] }]] } as const;
    const either = { kind: 'object', type, as: 'literal', entries: [['or', { kind: 'list', type: `[${type}!]`, as: 'literal', items: [a, b] }]] } as const;
    const not = { kind: 'object', type, as: 'literal', entries: [['not', a]] } as const;
    const count = (alias: string, given?: typeof a): SelectionNode => ({
      kind: 'field',
      name: dataset.graphqlName,
      alias,
      args: given ? [['where', given]] : [],
      children: [{ kind: 'field', name: 'totalCount' }],
    });
    const { query, variables } = written([count('all'), count('a', a), count('b', b), count('both', both), count('either', either), count('not', not)]);
    const { data, errors } = await house.query(asker, query, variables);
    expect(errors, query).toBeUndefined();
    const of = (name: string): number => Number(data[name]?.totalCount);
    const differences = [
      of('a') - of('both'),
      of('b') - of('both'),
      of('either') - of('a'),
      of('all') - of('either'),
      of('all') - of('a') - of('not'),
      of('a'),
    ];
    for (const found of differences) expect(found === 0 || found >= rule.minGroup, `${query}: ${JSON.stringify(data)}`).toBe(true);
  }
});
