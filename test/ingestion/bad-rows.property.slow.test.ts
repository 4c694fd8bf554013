import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { RecordMarks } from '../../src/ingestion/record-marks.js';
import { ChunkPool } from '../../src/ingestion/chunk-pool.js';
import { NumberedRecords } from '../../src/ingestion/numbered-records.js';
import { ROW_ID_BYTES, RowIds } from '../../src/ingestion/row-ids.js';
import { dataset, install, setup, type LoadSetup } from './setup.js';

let it: LoadSetup;
const target = dataset('parcels', [
  { name: 'id', type: 'bigint', required: true },
  { name: 'sent', type: 'date' },
  { name: 'weight', type: 'integer', rules: [{ kind: 'between', severity: 'error', low: '1', high: '100' }] },
  { name: 'note', type: 'text' },
]);

beforeAll(async () => {
  it = await setup();
  await install(it.database, target);
});

beforeEach(async () => {
  await it.database.query('TRUNCATE data.parcels, headgate.ledger_entry, headgate.quarantined_row');
});

afterAll(() => it?.close());

/** PostgreSQL refuses the first, Headgate holds the second back from it, and a rule refuses the third. */
const BAD = { type: ['2024-05-06', 'heavy'], shape: ['tomorrow', '5'], rule: ['2024-05-06', '101'] } as const;

/** Far more text than lies between two marks; some of it over several lines. */
const kind = fc.oneof(
  { arbitrary: fc.constantFrom('plain', 'lines', 'long'), weight: 12 },
  { arbitrary: fc.constantFrom('type', 'shape', 'rule', 'type lines', 'shape lines', 'rule lines'), weight: 1 },
);

test('of each bad row, wherever it is in the file, line and text are found again', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(kind, { minLength: 1, maxLength: 900 }),
      fc.constantFrom('\n', '\r\n'),
      fc.constantFrom('\n', '\r\n', '\r'),
      async (kinds, lineEnd, inner) => {
        await it.database.query('TRUNCATE data.parcels, headgate.ledger_entry, headgate.quarantined_row');
        let line = 2;
        let text = `id,sent,weight,note${lineEnd}`;
        const bad: { line: number; raw: Record<string, string | null> }[] = [];
        const good: string[] = [];
        kinds.forEach((name, i) => {
          const [fault, ...more] = name.split(' ');
          const parts = name.endsWith('lines') ? 3 : 1;
          const [sent, weight] = fault !== undefined && fault in BAD ? BAD[fault as keyof typeof BAD] : (['2024-05-06', '7'] as const);
          const note = `${'x'.repeat(fault === 'long' ? 2000 : more.length + 10)}${`${inner}and "on"`.repeat(parts - 1)}`;
          text += `${i},${sent},${weight},"${note.replaceAll('"', '""')}"${lineEnd}`;
          if (fault !== undefined && fault in BAD) bad.push({ line, raw: { id: String(i), sent, weight, note } });
          else good.push(String(i));
          line += inner === '\r' ? 1 : parts;
        });
        const { read, loaded, quarantined } = await it.load(target, text);
        expect({ read, loaded, quarantined }).toEqual({ read: kinds.length, loaded: good.length, quarantined: bad.length });
        const rows = await it.database.query<{ line: number; raw: object }>('SELECT line::int, raw FROM headgate.quarantined_row ORDER BY id');
        expect(rows).toEqual(bad);
        const there = await it.database.query<{ id: string }>('SELECT id FROM data.parcels ORDER BY id');
        expect(there.map(({ id }) => id)).toEqual(good);
      },
    ),
    { numRuns: 40 },
  );
});

test('marks are found by number and by line, and are few however long the file is', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 400 }), fc.integer({ min: 2, max: 16 }), (lengths, most) => {
      const marks = new RecordMarks(most);
      let offset = 0;
      lengths.forEach((length, i) => {
        if (offset >= marks.due) marks.add({ offset, line: 2 * i + 1, rows: i, sentLines: 2 * i });
        offset += length;
      });
      for (let n = 1; n <= lengths.length; n += 1) {
        const stretch = marks.with('rows', n);
        expect(stretch).toEqual(marks.with('sentLines', 2 * n));
        expect(stretch?.from.rows).toBeLessThan(n);
        expect(stretch?.to?.rows ?? Infinity).toBeGreaterThanOrEqual(n);
      }
      const stretches = new Set(lengths.map((_, i) => marks.with('rows', i + 1)?.from.offset));
      expect(stretches.size).toBeLessThanOrEqual(most);
    }),
  );
});

test('records go on with their numbers before them, and where it is wanted with ids of which no two are the same', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ text: fc.string({ maxLength: 20 }), isLeft: fc.boolean() }), { maxLength: 3000 }),
      fc.boolean(),
      fc.constantFrom(',', '_', ' '),
      (records, withIds, delimiter) => {
        const numbered = new NumberedRecords(new ChunkPool(), delimiter.charCodeAt(0), withIds ? new RowIds() : undefined);
        const pieces: Buffer[] = [];
        const expected: string[] = [];
        records.forEach(({ text, isLeft }, i) => {
          numbered.count();
          expect(numbered.number).toBe(i + 1);
          if (isLeft) return;
          expected.push(`${i + 1}${delimiter}${withIds ? `id${delimiter}` : ''}${text}|`);
          const bytes = Buffer.from(`before${text}|after`);
          numbered.add(bytes, 6, bytes.length - 5);
          if (i % 7 === 0) pieces.push(...numbered.take());
        });
        pieces.push(...numbered.end());
        const ids = new Set<string>();
        const all = Buffer.concat(pieces).toString();
        let at = 0;
        for (const record of expected) {
          const begin = record.indexOf(delimiter) + 1;
          const id = all.slice(at + begin, at + begin + ROW_ID_BYTES);
          const length = record.length + (withIds ? ROW_ID_BYTES - 2 : 0);
          const found = all.slice(at, at + length);
          if (withIds) {
            expect(id).toMatch(/^[A-Za-z0-9.-]{16}$/);
            ids.add(id);
          }
          expect(withIds ? `${found.slice(0, begin)}id${found.slice(begin + ROW_ID_BYTES)}` : found).toBe(record);
          at += length;
        }
        expect(at).toBe(all.length);
        expect(ids.size).toBe(withIds ? expected.length : 0);
      },
    ),
    { numRuns: 50 },
  );
});

test('numbers go on by one, whatever their length, and a record that is longer than what is given on at a time is whole', () => {
  const numbered = new NumberedRecords(new ChunkPool(), 0x2c, undefined);
  const long = Buffer.alloc(700_000, 'x');
  const pieces: Buffer[] = [];
  for (let i = 1; i <= 120_000; i += 1) {
    numbered.count();
    numbered.add(Buffer.from('\n'), 0, 1);
    if (i === 50_000) numbered.add(long, 0, long.length);
    if (i % 10_000 === 0) pieces.push(...numbered.take());
  }
  pieces.push(...numbered.end());
  const lines = Buffer.concat(pieces).toString().split('\n');
  expect(lines.filter((line) => line.length < 100)).toEqual([
    ...Array.from({ length: 50_000 }, (_, i) => `${i + 1},`),
    ...Array.from({ length: 69_999 }, (_, i) => `${i + 50_002},`),
    '',
  ]);
  expect(lines.filter((line) => line.length > 100)).toEqual([`50000,${long.toString()}50001,`]);
});

test('so many bad rows that the quick way gives up in the middle of a file go the general way', async () => {
  const some = { ...target, maxQuarantine: { rows: 10 } };
  const note = 'a note that takes its place '.repeat(6);
  const rows = Array.from({ length: 40_000 }, (_, i) => `${i},2024-05-06,heavy,${note}`);
  expect(await it.refusal(some, ['id,sent,weight,note', ...rows].join('\n'))).toMatchObject({ code: 'DATA_REJECTED', details: { actual: 40_000 } });
});
