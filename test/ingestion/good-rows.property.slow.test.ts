import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Dataset } from '../../src/catalog/index.js';
import type { HeadgateError } from '../../src/kernel/index.js';
import { PATIENCE, runs } from '../property/support/runs.js';
import { dataset, install, setup, type LoadSetup } from './setup.js';

const FIELDS: Parameters<typeof dataset>[1] = [
  { name: 'id', type: 'bigint' },
  { name: 'small', type: 'integer', rules: [{ kind: 'between', severity: 'error', low: '0', high: '9' }] },
  { name: 'name', type: 'text', aliases: ['called'] },
  { name: 'amount', type: 'decimal' },
  { name: 'ratio', type: 'float' },
  { name: 'is_open', type: 'boolean' },
  { name: 'day', type: 'date' },
  { name: 'at', type: 'timestamp' },
  { name: 'hour', type: 'time' },
  { name: 'token', type: 'uuid' },
  { name: 'notes', type: 'json' },
  { name: 'tags', type: 'text', list: true },
  { name: 'days', type: 'date', list: true },
  { name: 'numbers', type: 'integer', list: true },
  { name: 'german', type: 'date', format: 'DD.MM.YYYY' },
  { name: 'kept', type: 'text', default: 'nothing came' },
];

type Drift = 'freeze' | 'quarantine';

let it: LoadSetup;
const [tried, careful] = [contracts('tried'), contracts('careful')];

beforeAll(async () => {
  it = await setup();
  for (const one of [...Object.values(tried), ...Object.values(careful)]) await install(it.database, one);
});

afterAll(() => it.close());

function contracts(name: string): Readonly<Record<Drift, Dataset>> {
  return { freeze: dataset(`${name}_freeze`, FIELDS), quarantine: dataset(`${name}_quarantine`, FIELDS, { drift: 'quarantine' }) };
}

/** Nothing is right with it, and it says so by itself. */
const BROKEN = ['no JSON', '{"id": 1', '[1, 2]', '7', '"text"', 'null', '{"name": "\\u0000"}', '{"amount": 1e200000}'];
const MISFIT = '{"id": "x", "at": "yesterday"}';

/** The same load with another row behind it that is broken, or one that does not fit, so that every row is looked at by itself. */
test('what is tried as if all were good ends as what is looked at row by row', { timeout: PATIENCE }, async () => {
  await fc.assert(fc.asyncProperty(batches(), fc.constantFrom(...BROKEN, MISFIT), fc.constantFrom<Drift[]>('freeze', 'quarantine'), same), {
    ...runs(250),
    examples: EXAMPLES.map((text): [string[], string, Drift] => [[text], MISFIT, 'quarantine']),
  });
});

async function same(lines: readonly string[], last: string, drift: Drift): Promise<void> {
  const [a, b] = [await outcomeOf(tried[drift], lines), await outcomeOf(careful[drift], [...lines, last])];
  expect(b.rows).toEqual(a.rows);
  if ('code' in a.counts) {
    expect(b.counts).toEqual(a.counts);
    return;
  }
  const own = b.quarantined.filter(({ line }) => line > lines.length);
  expect(own).toHaveLength(1);
  expect(b.quarantined.filter(({ line }) => line <= lines.length)).toEqual(a.quarantined);
  expect(b.counts).toEqual({ ...a.counts, read: a.counts.read + 1, quarantined: a.counts.quarantined + 1 });
}

/** What came of a load into the dataset, which is empty before. */
async function outcomeOf(into: Dataset, texts: readonly string[]) {
  await it.database.query(`TRUNCATE data."${into.name}"`);
  await it.database.query('DELETE FROM headgate.quarantined_row WHERE dataset_id = $1', [into.id]);
  const content = texts.map((text) => `${text}\n`).join('');
  const counts = await it.load(into, content, { format: 'ndjson', eachAlone: true, force: true }).then(
    ({ read, loaded, quarantined, deduplicated }) => ({ read, loaded, quarantined, deduplicated }),
    ({ code, message, details }: HeadgateError) => ({ code, message: message.replaceAll(into.name, ''), details }),
  );
  const columns = FIELDS.map(({ name }) => `${name}::text AS ${name}`).join(', ');
  const rows = await it.database.query(`SELECT ${columns} FROM data."${into.name}" ORDER BY ctid`);
  return { counts, rows, quarantined: (await it.quarantined(into)).toSorted((one, other) => one.line - other.line) };
}

function batches(): fc.Arbitrary<string[]> {
  const good = row(GOOD);
  const any = fc.oneof({ arbitrary: good, weight: 6 }, row(ANY), fc.constantFrom(...BROKEN));
  // Most loads have no bad row at all, others a few.
  return fc.oneof(fc.array(good, { minLength: 1, maxLength: 8 }), fc.array(any, { minLength: 1, maxLength: 8 }));
}

type Values = Readonly<Record<string, fc.Arbitrary<string>>>;

function row(values: Values): fc.Arbitrary<string> {
  return fc.record(values, { requiredKeys: [] }).map((members) => {
    const given = Object.entries(members).filter(([, text]) => text !== undefined);
    return `{${given.map(([name, text]) => `${JSON.stringify(name)}: ${text}`).join(', ')}}`;
  });
}

const quoted = (...texts: string[]) => fc.constantFrom(...texts.map((text) => JSON.stringify(text)));
const json = fc.json({ maxDepth: 2 }).filter((text) => !text.includes('\\u0000'));
const text = fc.oneof(
  fc
    .string({ maxLength: 8 })
    .filter((one) => !one.includes('\0'))
    .map((one) => JSON.stringify(one)),
  quoted('', '{', '[1', '{"a": 1}', '[]', ' {}', 'null'),
);

const TIMES = [
  '2026-01-31T10:20:30Z',
  '2026-01-31T10:20:30.123Z',
  '2026-01-31T10:20:30.120Z',
  '2026-01-31 10:20',
  '2026-01-31',
  '2026-01-31T24:00:00Z',
  '2026-01-31T10:20:30+02',
  '2026-12-31T23:59:60Z',
];
const ODD_TIMES = [
  'infinity',
  'now',
  '2026-02-30T00:00:00Z',
  '10000-01-01T00:00:00Z',
  '2026-01-31T10:20:30ZZ',
  '2026-01-31T10:20:30+00',
  '2026-01-31 10:20:30Z',
  ' 2026-01-31T10:20:30Z',
  '2026-1-1T00:00:00Z',
  '0044-03-15 BC',
  '20260131T102030Z',
  '2026-01-31T10:20:30 Z',
  '0000-01-01T00:00:00Z',
];

const GOOD: Values = {
  id: fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String), quoted('12', '', ' 7 '), fc.constant('null')),
  small: fc.integer({ min: 0, max: 9 }).map(String),
  name: text,
  amount: fc.oneof(quoted('1.50', '1e3'), fc.constantFrom('1.50', '1e2', '-0', '0.1', '123456789012345678901234567890.5')),
  ratio: fc.constantFrom('1.5', '1e-7', '"2"'),
  is_open: fc.constantFrom('true', 'false', '"yes"', '"0"', '""', 'null'),
  day: quoted('2026-01-31', '0001-01-01', ''),
  at: quoted(...TIMES, ''),
  hour: quoted('10:20', '10:20:30', '10:20:30.5', '24:00'),
  token: quoted('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'A0EEBC999C0B4EF8BB6D6BB9BD380A11', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'),
  notes: json,
  tags: fc.oneof(
    fc.constant('null'),
    fc.array(text, { maxLength: 3 }).map((all) => `[${all.join(', ')}]`),
  ),
  days: quoted('2026-01-31').map((day) => `[${day}, null]`),
  numbers: fc.constantFrom('[]', '[1, null, "2"]', 'null'),
  german: quoted('31.01.2026', ''),
  kept: text,
};

const ANY: Values = {
  ...GOOD,
  ...Object.fromEntries(Object.keys(GOOD).map((name) => [name, fc.oneof(GOOD[name] ?? json, json, quoted(...TIMES, ...ODD_TIMES, 'x', '1', '{}', '[1]'))])),
  called: text,
  unknown: json,
};

/** Each odd text alone, in each field that might take it for another one. */
const EXAMPLES = [
  ...[...TIMES, ...ODD_TIMES].flatMap((one) => ['day', 'at', 'hour'].map((name) => `{"${name}": ${JSON.stringify(one)}}`)),
  ...['{}', '[]', '{"a": 1}', '[1]', '"{}"', '"[]"', '"{"'].flatMap((one) => FIELDS.map(({ name }) => `{"${name}": ${one}}`)),
  '{"days": ["2026-01-31", "tomorrow"]}',
  '{"tags": ["a", {"b": 1}]}',
  '{"tags": ["a", [1]]}',
  '{"numbers": [1.5]}',
  '{"called": "x", "name": "y"}',
  '{"a": 1, "a": 2}',
  '{"unknown": null}',
];
