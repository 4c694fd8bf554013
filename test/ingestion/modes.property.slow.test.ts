import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { LoadMode } from '../../src/ingestion/index.js';
import { dataset, install, setup, type LoadSetup } from './setup.js';

let it: LoadSetup;
const target = dataset(
  'things',
  [
    { name: 'id', type: 'bigint', required: true },
    { name: 'name', type: 'text' },
    { name: 'n', type: 'integer' },
  ],
  { key: ['id'] },
);

beforeAll(async () => {
  it = await setup();
  await install(it.database, target);
});

beforeEach(async () => {
  await it.database.query('TRUNCATE data.things, headgate.ledger_entry, headgate.quarantined_row');
});

afterAll(() => it?.close());

/** What a dataset should hold after a load, and the counts, by the plain reading of api.md. */
function expected(rows: Map<string, string>, mode: LoadMode, file: readonly (readonly [string, string])[]) {
  const counts = { read: file.length, loaded: 0, quarantined: 0, deduplicated: 0 };
  const before = mode === 'replace' ? new Map<string, string>() : rows;
  const valid = file.filter(([id, value]) => {
    const good = id !== '' && !value.endsWith(',x');
    if (!good) counts.quarantined += 1;
    return good;
  });
  const kept = new Map<string, string>();
  for (const [id, value] of valid) {
    const there = kept.get(id);
    if (there === undefined) kept.set(id, value);
    else if (mode === 'merge') {
      kept.set(id, value);
      counts.deduplicated += 1;
    } else counts[there === value ? 'deduplicated' : 'quarantined'] += 1;
  }
  const after = new Map(before);
  for (const [id, value] of kept) {
    const there = before.get(id);
    if (there === value) counts.deduplicated += 1;
    else if (there !== undefined && mode === 'append') counts.quarantined += 1;
    else {
      after.set(id, value);
      counts.loaded += 1;
    }
  }
  return { after, counts };
}

const row = fc.tuple(fc.constantFrom('', '1', '2', '3', '4'), fc.constantFrom('a,1', 'b,2', ',', '"x ""y""",', 'a,x'));
const step = fc.record({
  mode: fc.constantFrom<LoadMode>('append', 'replace', 'merge'),
  file: fc.array(row, { maxLength: 8 }),
  format: fc.constantFrom('csv', 'tsv'),
});

test('loads in any order leave what the modes say, and their rows add up', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
      await it.database.query('TRUNCATE data.things, headgate.ledger_entry, headgate.quarantined_row');
      let rows = new Map<string, string>();
      for (const { mode, file, format } of steps) {
        const text = ['id,name,n', ...file.map(([id, value]) => `${id},${value}`)].join('\n');
        const outcome = await it.load(target, format === 'tsv' ? text.replaceAll(',', '\t') : text, { mode, format, force: true });
        const { after, counts } = expected(rows, mode, file);
        expect(outcome).toMatchObject(counts);
        rows = after;
        const stored = await it.database.query<{ id: string; name: string | null; n: number | null }>('SELECT id, name, n FROM data.things');
        const shown = stored.map(({ id, name, n }) => [id, `${name === 'x "y"' ? '"x ""y"""' : (name ?? '')},${n ?? ''}`]);
        expect(new Map(shown as [string, string][])).toEqual(rows);
        expect(outcome.rowCount).toBe(await countOf());
      }
    }),
    { numRuns: 40 },
  );
});

async function countOf(): Promise<number> {
  const [found] = await it.database.query<{ n: number }>('SELECT count(*)::int AS n FROM data.things');
  return found?.n ?? -1;
}
