import fc from 'fast-check';
import { parquetReadObjects } from 'hyparquet';
import pg from 'pg';
import { from } from 'pg-copy-streams';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GrantSpec } from '../../src/governance/index.js';
import { isHeadgateError } from '../../src/kernel/index.js';
import { exportOf, rowsOf } from '../support/exports.js';
import { House, principal, type Connection } from '../support/house.js';

/** An export holds what the pages of the same query hold, whatever the filter, the order and the grants; in each format. */
let house: House;
let reader: pg.Client;
const asker = principal({ subject: 'asker', roles: ['reader'], claims: { name: `O'Neil "\\' ß😀` } });

const TYPES = {
  id: 'bigint',
  name: 'text',
  amount: 'decimal',
  ratio: 'float',
  n: 'integer',
  flag: 'boolean',
  day: 'date',
  at: 'timestamp',
  clock: 'time',
  uid: 'uuid',
  doc: 'json',
  tags: 'text[]',
  nums: 'bigint[]',
  prices: 'decimal[]',
  moments: 'timestamp[]',
  days: 'date[]',
  ratios: 'float[]',
  clocks: 'time[]',
  uids: 'uuid[]',
} as const;
type Name = keyof typeof TYPES;
const NAMES = Object.keys(TYPES) as Name[];
const ORDERED = NAMES.filter((name) => !TYPES[name].endsWith('[]') && name !== 'doc');

const TEXTS = ['', ' ', `O'Neil "\\' ß😀`, 'a,b', 'line\nbreak', 'tab\tand "quotes"', '\\N', '\\.', 'NULL', '=1+1', '\u0001\u0002', 'x'.repeat(3000)];
const text = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ unit: 'grapheme', maxLength: 8 }));
const decimal = fc.oneof(
  fc.constantFrom('NaN', 'Infinity', '-Infinity', '0.00', '1e20', '123456789012345678901234567890.123456789'),
  fc.integer().map((i) => (i / 100).toFixed(2)),
);
const float = fc.oneof(fc.constantFrom('NaN', 'Infinity', '1e300', '-0.1', '5e-324'), fc.double({ noNaN: true, noDefaultInfinity: true }).map(String));
const day = fc.constantFrom('infinity', '-infinity', '0044-03-15 BC', '1969-12-31', '2024-02-29', '9999-12-31');
const moment = fc.constantFrom(
  'infinity',
  '-infinity',
  '0044-03-15 12:00:00+00 BC',
  '1969-12-31 23:59:59.999999+00',
  '2024-02-29 00:00:00+02',
  '2300-01-01 00:00:00.000001+00',
);
const clock = fc.constantFrom('00:00:00', '23:59:59.999999', '08:30:00');
const bigint = fc.constantFrom('9223372036854775807', '-9223372036854775808', '0', '9007199254740993');
const list = <T>(of: fc.Arbitrary<T>) => fc.option(fc.array(fc.option(of, { freq: 5 }), { maxLength: 4 }));
const row = fc.record({
  name: fc.option(text),
  amount: fc.option(decimal),
  ratio: fc.option(float),
  n: fc.option(fc.integer({ min: -5, max: 5 })),
  flag: fc.option(fc.boolean()),
  day: fc.option(day),
  at: fc.option(moment),
  clock: fc.option(clock),
  uid: fc.option(fc.uuid()),
  doc: fc.option(
    fc.oneof(
      fc.jsonValue({ maxDepth: 2, stringUnit: 'grapheme' }).map((value) => JSON.stringify(value)),
      fc.constantFrom('null', '{"big": 123456789012345678901234567890.5}', '"a\\nb"'),
    ),
  ),
  tags: list(text),
  nums: list(bigint),
  prices: list(decimal),
  moments: list(moment),
  days: list(day),
  ratios: list(float),
  clocks: list(clock),
  uids: list(fc.uuid()),
});

beforeAll(async () => {
  house = await House.open({ maxCost: 1e9 });
  await house.apply(`kind: Dataset
name: things
fields:
${NAMES.map((name) => `  - { name: ${name}, type: '${TYPES[name]}' }`).join('\n')}
key: [id]
relations:
  - { name: others, to: things, on: { n: n }, many: true }
  - { name: same, to: things, on: { id: id } }
`);
  const columns = NAMES.filter((name) => name !== 'id');
  const places = columns.map((_, i) => `$${i + 2}`).join(', ');
  const rows = fc.sample(row, { numRuns: 70, seed: 7 });
  for (const [i, values] of rows.entries()) {
    const bound = columns.map((name) => values[name as keyof typeof values]);
    await house.database.query(`INSERT INTO data.things (id, ${columns.join(', ')}) VALUES ($1, ${places})`, [i + 1, ...bound]);
  }
  reader = new pg.Client({ ...house.where, options: '-c timezone=UTC' });
  await reader.connect();
});
afterAll(async () => {
  await reader?.end();
  await house?.close();
});

const FILTERS = ['n > 0', "name = claim('name')", 'flag', 'id < 40', '100 / (n * n + 1) > 3'];
const MASKS: Readonly<Partial<Record<Name, unknown[]>>> = {
  name: [{ mask: 'hash' }, { mask: 'partial', last: 2 }],
  amount: [{ mask: 'round', step: 10 }],
  day: [{ mask: 'year' }],
};
const grant = fc.record(
  {
    rows: fc.constantFrom(...FILTERS),
    fields: fc
      .record(
        Object.fromEntries(
          NAMES.map((name) => [name, fc.constantFrom<unknown>('allow', 'allow', 'deny', { mask: 'redact' }, { mask: 'nullify' }, ...(MASKS[name] ?? []))]),
        ),
        { requiredKeys: [] },
      )
      .chain((some) => fc.constantFrom('allow', { mask: 'nullify' }).map((rest) => ({ id: 'allow', '*': rest, ...some }))),
  },
  { requiredKeys: ['fields'] },
);

const condition: fc.Arbitrary<unknown> = fc.oneof(
  fc.tuple(fc.constantFrom('eq', 'ne', 'contains', 'startsWithInsensitive', 'gte', 'inInsensitive'), text).map(([operator, value]) => ({
    name: { [operator]: operator === 'inInsensitive' ? [value, 'x'] : value },
  })),
  fc.constantFrom('^a', '\\\\', "'", '[[:alpha:]]').map((value) => ({ name: { matches: value } })),
  fc.tuple(fc.constantFrom('eq', 'lt', 'gte'), fc.integer({ min: -5, max: 40 })).map(([operator, value]) => ({ n: { [operator]: value } })),
  fc.constantFrom('1.5', '-10', '1e20').map((value) => ({ amount: { gt: value } })),
  fc.array(bigint, { maxLength: 3 }).map((value) => ({ nums: { overlaps: value } })),
  fc.array(text, { maxLength: 2 }).map((value) => ({ tags: { contains: value } })),
  fc.jsonValue({ maxDepth: 1 }).map((value) => ({ doc: { contains: value ?? {} } })),
  fc.tuple(fc.constantFrom(...NAMES), fc.boolean()).map(([name, isNull]) => ({ [name]: { isNull } })),
  fc.constantFrom<unknown>(
    { day: { lt: '2000-01-01' } },
    { at: { gte: '1970-01-01T00:00:00+02:00' } },
    { others: { some: { flag: { eq: true } } } },
    { others: { every: { id: { lt: '60' } } } },
  ),
);
const where = fc.oneof(
  condition,
  fc.tuple(condition, condition).map(([a, b]) => ({ or: [a, { not: b }] })),
);
const term = fc.tuple(fc.constantFrom(...ORDERED), fc.constantFrom('ASC', 'DESC', 'ASC_NULLS_FIRST', 'DESC_NULLS_LAST'));
const order = fc.array(
  fc.tuple(term, fc.boolean()).map(([[name, direction], through]): object => (through ? { same: { [name]: direction } } : { [name]: direction })),
  { maxLength: 3 },
);
const asked = fc.record({
  grants: fc.array(grant, { minLength: 1, maxLength: 3 }),
  where: fc.option(where, { nil: undefined }),
  order,
  fields: fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 10 }),
});

test('an export holds the rows of the pages of the same query, in each format', { timeout: 300_000 }, async () => {
  let rows = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(asked, async ({ grants, where, order, fields }) => {
      await house.grant(grants.map((spec, i) => GrantSpec.parse({ name: `g${i}`, to: { roles: ['reader'] }, on: { datasets: ['things'] }, ...spec })));
      const query = {
        fields: fields.join(','),
        ...(where !== undefined && { where: JSON.stringify(where) }),
        ...(order.length > 0 && { orderBy: JSON.stringify(order) }),
      };
      const pages = await readPages(fields, where, order);
      const exported = await exportOf(house, asker, 'things', query).catch((error: unknown) => error);
      if (exported instanceof Error) {
        if (!isHeadgateError(exported)) throw exported;
        // A field that is null in a page, with an error, refuses an export.
        expect(pages.code).toBe(exported.code);
        refused += 1;
        return;
      }
      expect(pages.code).toBeUndefined();
      const ndjson = rowsOf(exported as Awaited<ReturnType<typeof exportOf>>);
      // Without an order they come as they lie.
      const expected = order.length > 0 ? pages.rows : sorted(pages.rows);
      expect(order.length > 0 ? ndjson : sorted(ndjson)).toEqual(expected);
      expect((exported as { masked: string[] }).masked).toEqual(pages.masked);
      rows += ndjson.length;
      expect(JSON.parse((await exportOf(house, asker, 'things', { ...query, format: 'json' })).text)).toEqual(ndjson);
      expect(await csvRows(fields, (await exportOf(house, asker, 'things', { ...query, format: 'csv' })).bytes)).toEqual(ndjson);
      expect(await parquetRows((await exportOf(house, asker, 'things', { ...query, format: 'parquet' })).bytes)).toEqual(ndjson);
    }),
    { numRuns: 120 },
  );
  // The generator must not live on refusals alone, nor without them.
  expect(rows).toBeGreaterThan(300);
  expect(refused).toBeGreaterThan(5);
});

interface Pages {
  readonly rows: Readonly<Record<string, unknown>>[];
  readonly masked: readonly string[];
  readonly code?: unknown;
}

async function readPages(fields: readonly string[], where: unknown, order: unknown): Promise<Pages> {
  const rows: Readonly<Record<string, unknown>>[] = [];
  for (let after: string | null = null; ;) {
    const { data, errors, extensions } = await house.query(
      asker,
      `query ($where: ThingsWhere, $order: [ThingsOrderBy!], $after: String) {
        things(first: 30, where: $where, orderBy: $order, after: $after) { nodes { ${fields.join(' ')} } pageInfo { hasNextPage endCursor } } }`,
      { where, order, after },
    );
    if (errors) return { rows, masked: [], code: errors[0]?.extensions['code'] };
    const { nodes, pageInfo } = data['things'] as Connection;
    rows.push(...nodes);
    const masked = (extensions?.['governance'] as { masked?: string[] } | undefined)?.masked ?? [];
    if (!pageInfo.hasNextPage) return { rows, masked };
    after = pageInfo.endCursor;
  }
}

function sorted(rows: readonly object[]): string[] {
  return rows.map((value) => JSON.stringify(value)).toSorted();
}

/** PostgreSQL reads the file; texts become what the API shows. */
async function csvRows(fields: readonly Name[], bytes: Buffer): Promise<object[]> {
  await reader.query(`CREATE TEMP TABLE back (i bigserial, ${fields.map((name) => `"${name}" text`).join(', ')})`);
  try {
    const into = reader.query(from(`COPY back (${fields.map((name) => `"${name}"`).join(', ')}) FROM STDIN (FORMAT csv, HEADER match)`));
    await pipeline(Readable.from([bytes]), into);
    const { rows } = await reader.query<Record<string, string | null>>(`SELECT ${fields.map((name) => `"${name}"`).join(', ')} FROM back ORDER BY i`);
    return rows.map((read) => Object.fromEntries(fields.map((name) => [name, ofText(name, read[name] ?? null)])));
  } finally {
    await reader.query('DROP TABLE back');
  }
}

function ofText(name: Name, value: string | null): unknown {
  const type = TYPES[name];
  if (value === null) return null;
  if (type === 'integer' || type === 'float' || type === 'boolean' || type === 'json' || type.endsWith('[]')) return JSON.parse(value) as unknown;
  return value;
}

/** A reader of Parquet reads the file; numbers of days and microseconds become what the API shows. */
async function parquetRows(bytes: Buffer): Promise<object[]> {
  const raw = (value: unknown) => value as never;
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  const rows = await parquetReadObjects({ file, parsers: { timestampFromMicroseconds: raw, dateFromDays: raw } });
  const shown: object[] = [];
  for (const read of rows) {
    const values: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(read)) values[name] = await ofParquet(TYPES[name as Name], value);
    shown.push(values);
  }
  return shown;
}

async function ofParquet(type: string, value: unknown): Promise<unknown> {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) {
    const elements: unknown[] = [];
    for (const element of value) elements.push(await ofParquet(type.slice(0, -2), element));
    return elements;
  }
  if (type === 'json') return JSON.parse(value as string) as unknown;
  const shown = SHOWN[type];
  const number = `${value as bigint | number}`;
  if (type === 'bigint') return number;
  if (shown === undefined) return value;
  const key = `${type} ${number}`;
  if (!seen.has(key)) seen.set(key, (await reader.query<{ v: unknown }>(`SELECT to_json(${shown}) AS v`, [number])).rows[0]?.v);
  return seen.get(key);
}

const seen = new Map<string, unknown>();
const SHOWN: Readonly<Record<string, string>> = {
  date: "('1970-01-01'::date + $1::text::integer)",
  // An interval times a number goes by way of a float.
  timestamp: "('epoch'::timestamptz + ($1::text::bigint / 1000000) * interval '1 second' + ($1::text::bigint % 1000000) * interval '1 microsecond')",
  time: "('00:00'::time + $1::text::bigint * interval '1 microsecond')",
};
