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
import { Loader, QuarantinedRowEntity, type LoadMode, type LoadOutcome } from '../../src/ingestion/index.js';
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
