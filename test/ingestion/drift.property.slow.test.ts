import { Readable } from 'node:stream';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  catalogEntities,
  classificationKind,
  datasetKind,
  loadCatalog,
  purposeKind,
  saveDataset,
  type Dataset,
  type ManifestKind,
} from '../../src/catalog/index.js';
import { AccessGrantEntity, ContractKeeper, grantKind } from '../../src/governance/index.js';
import { infer, Loader, QuarantinedRowEntity, type LoadMode, type LoadOutcome } from '../../src/ingestion/index.js';
import { newId, silentLog } from '../../src/kernel/index.js';
import { prepareParser } from '../../src/sql/index.js';
import { Database } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';
import { temporaryHome } from './service.js';
import { LIMITS } from './setup.js';

let database: Database;
let loader: Loader;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  await prepareParser();
  const { connection, drop } = await createTestDatabase();
  const { home, remove } = await temporaryHome();
  database = await Database.open({ connection, entities: [...catalogEntities, AccessGrantEntity, QuarantinedRowEntity], statementTimeoutMs: 10_000 });
  const kinds = [purposeKind, classificationKind, datasetKind, grantKind] as unknown as readonly ManifestKind[];
  const contracts = new ContractKeeper({ kinds, audit: { recordIn: async () => undefined }, log: silentLog });
  loader = new Loader({ database, config: { home, filesDir: home, limits: LIMITS }, log: silentLog, contracts });
  closers.push(() => database.close(), drop, remove);
});
afterAll(async () => {
  for (const close of closers) await close();
});

const value = fc.constantFrom('', '1', '7', '3000000000', '1.5', 'x', '2024-01-01', '2024-01-01T10:00:00Z', 'true', '{}');
const file = fc.record({
  format: fc.constantFrom('csv', 'ndjson'),
  mode: fc.constantFrom<LoadMode>('append', 'replace', 'merge'),
  /** Columns beside the key. */
  columns: fc.uniqueArray(fc.constantFrom('n', 'Number', 'day', 'word', 'extra', 'Other One'), {
    minLength: 1,
    selector: (name) => (name === 'Number' ? 'n' : name),
  }),
  rows: fc.array(fc.tuple(fc.constantFrom('1', '2', '3', ''), fc.array(value, { minLength: 6, maxLength: 6 })), { maxLength: 6 }),
});

function textOf({ format, columns, rows }: { format: string; columns: readonly string[]; rows: readonly (readonly [string, readonly string[]])[] }): string {
  if (format === 'csv') return [['id', ...columns].join(','), ...rows.map(([id, values]) => [id, ...columns.map((_, i) => values[i])].join(','))].join('\n');
  return rows
    .map(([id, values]) => JSON.stringify(Object.fromEntries([['id', id], ...columns.map((name, i) => [name, values[i] === '' ? null : values[i]])])))
    .concat('{"id":"9"}')
    .join('\n');
}

async function target(name: string): Promise<Dataset> {
  const dataset = (await database.transaction(loadCatalog)).datasets.get(name);
  if (!dataset) throw new Error('no dataset');
  return dataset;
}

/** What a load says it did, or why it refused. */
async function outcomeOf(load: Promise<LoadOutcome>): Promise<unknown> {
  try {
    const { read, loaded, quarantined, deduplicated, rowCount, drift = null } = await load;
    expect(read).toBe(loaded + quarantined + deduplicated);
    return { read, loaded, quarantined, deduplicated, rowCount, drift };
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

test('whatever columns come, the rows add up, and a preview says exactly what the load then does', { timeout: 240_000 }, async () => {
  let n = 0;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('freeze', 'quarantine', 'evolve'), fc.array(file, { minLength: 1, maxLength: 3 }), async (drift, files) => {
      n += 1;
      const name = `things_${n}`;
      await database.transaction((tx) =>
        saveDataset(
          tx,
          {
            name,
            typeName: `Thing${n}`,
            key: ['id'],
            drift: drift as 'evolve',
            fields: [
              { name: 'id', type: 'bigint' },
              { name: 'n', type: 'integer', aliases: ['Number'], default: 5 },
              { name: 'day', type: 'date', default: 'today' },
              { name: 'word', type: 'text', default: 'none' },
            ],
          },
          { appliedBy: 'test' },
        ),
      );
      for (const one of files) {
        const request = async () => ({
          dataset: await target(name),
          runId: newId(),
          source: { content: textOf(one) },
          format: one.format,
          mode: one.mode,
          force: true,
        });
        const state = () =>
          database.query(`SELECT (SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM data.${name} t) AS rows, (SELECT count(*) FROM headgate.quarantined_row) AS refused,
          (SELECT contract_version FROM headgate.dataset WHERE name = '${name}') AS version, (SELECT count(*) FROM headgate.ledger_entry) AS loads`);
        const before = await state();
        const foretold = await outcomeOf(loader.load({ ...(await request()), preview: { rows: 2 } }));
        expect(await state()).toEqual(before);
        expect(await outcomeOf(loader.load(await request()))).toEqual(foretold);
        const [left] = await database.query<{ n: number }>(`SELECT count(*)::int AS n FROM data.${name} WHERE day IS NULL OR word IS NULL OR n IS NULL`);
        expect(left?.n).toBe(0);
      }
    }),
    { numRuns: 25 },
  );
});

/** Values of which it matters what their column is called, how they are written, and what stands beside them. */
const NUMBERS = ['0', '1', '7', '-3', '+5', '007', '01234', '90210', '3000000000', '-2147483648', '2147483648', '9223372036854775807', '12345678901234567890'];
const VALUES = {
  whole: NUMBERS,
  number: [...NUMBERS, '1.5', '.5', '2.', '-0.10', '48.137154', '1e5', '2.5E-3', '1234567890123456.25', '9'.repeat(45)],
  flag: ['0', '1', 'true', 'false', 'yes', 'No'],
  moment: ['2024-02-29', '2024-01-01T10:00:00Z', '2024-01-01 10:00', '08:15', '23:59:59'],
  text: ['x', 'a7', '1,234', '12 ', 'NA', 'a4b5c6d7-0000-4000-8000-000000000001', 'A4B5C6D7-0000-4000-8000-000000000002', '1e999', '1e-400', '2024-02-30'],
} as const;
const COLUMNS = ['amount', 'zip', 'Postal Code', 'phone_2', 'lat', 'Longitude', 'is_open', 'ratio', 'sku', 'Day'];
const column = fc.record({
  name: fc.constantFrom(...COLUMNS),
  /** Of CSV they are all texts; in JSON numbers may be numbers or stand in quotes. */
  isQuoted: fc.boolean(),
  values: fc
    .constantFrom(...Object.values(VALUES), Object.values(VALUES).flat())
    .chain((pool) => fc.array(fc.constantFrom(...pool), { minLength: 1, maxLength: 5 })),
});

/** A number of JSON with an exponent lands as the number that it is, 1e5 as 100000: here such stand in quotes. */
function cellOf(text: string, isQuoted: boolean): string {
  const isNumber = /^-?(0|[1-9]\d*)(\.\d+)?$/.test(text);
  const isBoolean = text === 'true' || text === 'false';
  return !isQuoted && (isNumber || isBoolean) ? text : JSON.stringify(text);
}

function written(format: 'csv' | 'ndjson', columns: readonly { name: string; isQuoted: boolean; values: readonly string[] }[]): string {
  const length = Math.max(...columns.map(({ values }) => values.length));
  const lines = Array.from({ length }, (_, i) => columns.map(({ values, isQuoted }) => ({ text: values[i % values.length] ?? '', isQuoted })));
  if (format === 'csv')
    return [['id', ...columns.map(({ name }) => name)], ...lines.map((cells, i) => [i, ...cells.map(({ text }) => `"${text}"`)])].join('\n');
  return lines
    .map((cells, i) => `{"id":${i},${cells.map(({ text, isQuoted }, at) => `${JSON.stringify(columns[at]?.name)}:${cellOf(text, isQuoted)}`).join(',')}}`)
    .join('\n');
}

test('a column that comes later gets the type that it would have got from the start, and all its values are in it', { timeout: 240_000 }, async () => {
  let n = 0;
  const columns = fc.uniqueArray(column, { minLength: 1, maxLength: 4, selector: ({ name }) => name });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('csv' as const, 'ndjson' as const), columns, async (format, came) => {
      n += 1;
      const name = `later_${n}`;
      const spec = { name, typeName: `Later${n}`, key: ['id'], drift: 'evolve', fields: [{ name: 'id', type: 'integer' }] } as const;
      await database.transaction((tx) => saveDataset(tx, { ...spec, key: [...spec.key], fields: [...spec.fields] }, { appliedBy: 'test' }));
      const text = written(format, came);
      const outcome = await loader.load({ runId: newId(), dataset: await target(name), source: { content: text }, format, mode: 'append' });
      expect({ text, quarantined: outcome.quarantined }).toEqual({ text, quarantined: 0 });
      const types = ({ fields }: { readonly fields: readonly { readonly name: string; readonly type: string }[] }) =>
        Object.fromEntries(fields.filter((field) => field.name !== 'id').map((field) => [field.name, field.type]));
      const inferred = await infer({
        files: [{ name: `later.${format}`, open: async () => Readable.from([Buffer.from(text)]) }],
        dialect: { delimiter: ',', quote: 'double', header: true, decimal: 'point' },
        maxValueBytes: 1_000_000,
      });
      expect({ text, types: types(await target(name)) }).toEqual({ text, types: types(inferred.dataset) });
    }),
    {
      numRuns: 60,
      examples: [
        [
          'csv',
          [
            { name: 'zip', isQuoted: false, values: ['90210', '10001'] },
            { name: 'amount', isQuoted: false, values: ['007', '8'] },
          ],
        ],
      ],
    },
  );
});
