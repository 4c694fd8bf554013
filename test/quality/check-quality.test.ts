import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Dataset } from '../../src/catalog/index.js';
import type { QualityResult } from '../../src/quality/index.js';
import { timeCursor } from '../../src/store/index.js';
import { copyAirports, createTable, createWorld, dataset, field, type World } from './setup.js';

let world: World;
const actor = { subject: 'ann', roles: ['engineer'] };

beforeAll(async () => {
  world = await createWorld();
});
afterAll(async () => {
  await world?.close();
});

async function made(it: Dataset, values = ''): Promise<Dataset> {
  await createTable(world.database, it);
  if (values) await world.database.query(`INSERT INTO data.${it.name} VALUES ${values}`);
  return it;
}

async function check(it: Dataset): Promise<QualityResult> {
  return world.reports.check(it, actor);
}

const brief = (result: QualityResult) => result.checks.map(({ name, dimension, status, failingRows }) => [name, dimension, status, failingRows]);

test('every rule of a contract is counted, and put into its dimension', async () => {
  await made(dataset('countries', [field('code', 'text')]), "('DE'), ('FR')");
  const people = await made(
    dataset(
      'people',
      [
        field('id', 'bigint', { required: true }),
        field('email', 'text', { rules: [{ kind: 'matches', pattern: '^[^@ ]+@[^@ ]+$', severity: 'error' }] }),
        field('age', 'integer', { required: true, rules: [{ kind: 'between', low: '0', high: '120', severity: 'warn' }] }),
        field('country', 'text', {
          rules: [
            { kind: 'length', low: 2, high: 2, severity: 'warn' },
            { kind: 'references', dataset: 'countries', field: 'code', severity: 'error' },
          ],
        }),
        field('tier', 'text', { rules: [{ kind: 'in', values: ['gold', 'silver'], severity: 'error' }] }),
        field('nick', 'text', { rules: [{ kind: 'unique', severity: 'warn' }] }),
      ],
      {
        key: ['id'],
        rules: [
          { name: 'adult_gold', kind: 'check', expression: "tier <> 'gold' OR age >= 18", severity: 'error' },
          { name: 'enough', kind: 'rowCount', low: 10, severity: 'warn' },
        ],
      },
    ),
    `(1, 'a@b.c', 30, 'DE', 'gold', 'x'), (2, 'nonsense', 200, 'DEU', 'gold', 'y'), (3, NULL, NULL, 'XX', 'bronze', 'y'), (3, 'd@e.f', 12, NULL, 'gold', NULL)`,
  );
  const result = await check(people);
  expect(brief(result)).toEqual([
    ['id.required', 'completeness', 'PASSED', '0'],
    ['email.matches', 'accuracy', 'FAILED', '1'],
    ['age.required', 'completeness', 'FAILED', '1'],
    ['age.between', 'accuracy', 'WARNED', '1'],
    ['country.length', 'accuracy', 'WARNED', '1'],
    ['country.references', 'consistency', 'FAILED', '2'],
    ['tier.in', 'accuracy', 'FAILED', '1'],
    ['adult_gold', 'consistency', 'FAILED', '1'],
    ['enough', 'completeness', 'WARNED', null],
    ['key', 'consistency', 'FAILED', '2'],
    ['nick.unique', 'consistency', 'WARNED', '2'],
    ['schema', 'consistency', 'PASSED', null],
  ]);
  // accuracy: (0.75 + 0.5 * 0.75 + 0.5 * 0.75 + 0.75) / 3; completeness: (1 + 0.75 + 0.5 * 0.4) / 2.5; consistency: (0.5 + 0.75 + 0.5 + 0.5 * 0.5 + 1) / 4.5
  expect(result.report).toMatchObject({ accuracy: 0.75, timeliness: null, rowCount: '4', dataVersion: '0' });
  expect(result.report.completeness).toBeCloseTo(1.95 / 2.5);
  expect(result.report.consistency).toBeCloseTo(3 / 4.5);
  expect(result.report.score).toBeCloseTo((0.75 + 1.95 / 2.5 + 3 / 4.5) / 3);
  expect(result.checks.find(({ name }) => name === 'age.between')).toMatchObject({
    observed: '1 of 4 rows do not (25%)',
    expected: 'between 0 and 120',
    fields: ['age'],
  });
});

test('an index answers for the rows that it keeps apart, and for no others', async () => {
  const unique = [{ kind: 'unique', severity: 'error' }] as const;
  const it = await made(
    dataset('kept', [field('id', 'bigint'), field('code', 'text', { rules: unique }), field('slug', 'text', { rules: unique })], { key: ['id'] }),
    "(1, 'a', 'x'), (2, 'a', 'x'), (3, 'b', 'y')",
  );
  await world.database.query('ALTER TABLE data.kept ADD PRIMARY KEY (id)');
  // An index of a part of the rows, or over more columns than the rule, says nothing of all of them.
  await world.database.query('CREATE UNIQUE INDEX ON data.kept (code) WHERE id > 1');
  await world.database.query('CREATE UNIQUE INDEX ON data.kept (slug, id)');
  const repeats = brief(await check(it)).filter(([name]) => name === 'key' || String(name).endsWith('.unique'));
  expect(repeats).toEqual([
    ['key', 'consistency', 'PASSED', '0'],
    ['code.unique', 'consistency', 'FAILED', '2'],
    ['slug.unique', 'consistency', 'FAILED', '2'],
  ]);
});

test('no value of the data is in a report', async () => {
  const it = await made(
    dataset('private', [
      field('email', 'text', {
        rules: [
          { kind: 'matches', pattern: '@', severity: 'error' },
          { kind: 'unique', severity: 'error' },
        ],
      }),
    ]),
    "('jane-secret'), ('jane-secret'), ('joe@secret')",
  );
  const result = await check(it);
  expect(JSON.stringify(result)).not.toContain('secret');
});

test('an empty dataset without rules has scores for completeness and consistency, and no others', async () => {
  const { report, checks } = await check(await made(dataset('empty', [field('a', 'text')])));
  expect(report).toMatchObject({ accuracy: null, completeness: 0, consistency: 1, timeliness: null, score: 0.5 });
  expect(checks.map(({ name, status }) => [name, status])).toEqual([
    ['row_count', 'WARNED'],
    ['schema', 'PASSED'],
  ]);
});

test('freshness is judged by the newest row, and says its age only', async () => {
  const freshness = { field: 'at', withinSeconds: 3600 };
  const old = await check(await made(dataset('old', [field('at', 'timestamp')], { freshness }), "(now() - interval '2 hours'), (now() - interval '3 days')"));
  expect(old.checks.at(-1)).toMatchObject({
    name: 'freshness',
    status: 'FAILED',
    observed: expect.stringMatching(/^720\d seconds old$/),
    expected: 'at most 3600 seconds old',
  });
  expect(old.report.timeliness).toBeCloseTo(0.5, 2);
  const fresh = await check(await made(dataset('fresh', [field('at', 'timestamp')], { freshness }), '(now())'));
  expect(fresh.report.timeliness).toBe(1);
  const none = await check(await made(dataset('none', [field('at', 'timestamp')], { freshness })));
  expect(none.report.timeliness).toBe(0);
});

test('a check that raises on a row fails alone', async () => {
  const it = await made(
    dataset('ratios', [field('a', 'integer', { required: true }), field('b', 'integer')], {
      rules: [
        { name: 'ratio', kind: 'check', expression: 'a / b > 1', severity: 'error' },
        { name: 'positive', kind: 'check', expression: 'a > 0', severity: 'error' },
      ],
    }),
    '(4, 2), (4, 0), (-1, 1)',
  );
  const { checks } = await check(it);
  expect(checks.find(({ name }) => name === 'ratio')).toMatchObject({
    status: 'FAILED',
    failingRows: null,
    observed: 'the expression raises an error on some row',
  });
  expect(checks.find(({ name }) => name === 'positive')).toMatchObject({ status: 'FAILED', failingRows: '1' });
  expect(checks.find(({ name }) => name === 'a.required')).toMatchObject({ status: 'PASSED', failingRows: '0' });
});

test('a table that is not as the contract says is told', async () => {
  const it = dataset('drifted', [field('a', 'integer'), field('at', 'timestamp'), field('t', 'time'), field('n', 'decimal', { list: true })]);
  await made(it, "(1, now(), '10:00', '{1.5}')");
  expect((await check(it)).checks.find(({ name }) => name === 'schema')).toMatchObject({ status: 'PASSED' });
  await world.database.query('ALTER TABLE data.drifted ALTER a TYPE text');
  expect((await check(it)).checks.find(({ name }) => name === 'schema')).toMatchObject({ status: 'FAILED', observed: '3 of 4 columns' });
});

test('the airports are as good as they are', async () => {
  const iata = field('iata', 'text', { required: true, rules: [{ kind: 'matches', pattern: '^[0-9A-Z]{3}$', severity: 'warn' }] });
  const texts = ['name', 'city', 'state', 'country'].map((name) => field(name, 'text'));
  const places = [
    field('latitude', 'float', { rules: [{ kind: 'between', low: '-90', high: '90', severity: 'error' }] }),
    field('longitude', 'float', { rules: [{ kind: 'between', low: '-180', high: '180', severity: 'error' }] }),
  ];
  const airports = await made(dataset('airports', [iata, ...texts, ...places], { key: ['iata'] }));
  await copyAirports(world.database, 'data.airports');
  const { report, checks } = await check(airports);
  expect(report).toMatchObject({ rowCount: '3376', completeness: 1, consistency: 1, timeliness: null });
  const [counted] = await world.database.query<{ n: string }>("SELECT count(*) AS n FROM data.airports WHERE iata !~ '^[0-9A-Z]{3}$'");
  expect(checks.find(({ name }) => name === 'iata.matches')?.failingRows).toBe(counted?.n);
});

test('reports are listed from the newest, page by page, and read in batches', async () => {
  const it = await made(dataset('watched', [field('a', 'text')]), "('x')");
  const ids = [await check(it), await check(it), await check(it)].map(({ report }) => report.id);
  const first = await world.reports.list({ dataset: 'watched', first: 2 });
  expect(first.hasNextPage).toBe(true);

  const last = first.nodes.at(-1);
  const second = await world.reports.list({ dataset: 'watched', first: 2, ...(last && { after: timeCursor(last) }) });
  expect([...first.nodes, ...second.nodes].map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  const latest = await world.reports.latest(['watched', 'nowhere']);
  expect([latest[0]?.id, latest[1]]).toEqual([first.nodes[0]?.id, undefined]);
  const [none, checks] = await world.reports.checksOf(['00000000-0000-7000-8000-000000000000', ids[0] ?? '']);
  expect([none?.length, checks?.map(({ name }) => name)]).toEqual([0, ['row_count', 'schema']]);
  await expect(world.reports.list({ after: '???' })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
});

test('a report and its audit entry are kept together', async () => {
  const it = await made(dataset('recorded', [field('a', 'text')]));
  const { report } = await check(it);
  const entries = await world.database.query("SELECT principal, action, decision, details FROM headgate.audit_record WHERE dataset = 'recorded'");
  expect(entries).toEqual([{ principal: 'ann', action: 'quality.check', decision: 'ALLOWED', details: { report: report.id } }]);
});
