import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { RecordMarks } from '../../src/ingestion/record-marks.js';
import { RowNumbers } from '../../src/ingestion/row-numbers.js';
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
        if (offset >= marks.due) marks.add({ offset, line: 2 * i + 1, sent: i, sentLines: 2 * i });
        offset += length;
      });
      for (let n = 1; n <= lengths.length; n += 1) {
        const stretch = marks.with('sent', n);
        expect(stretch).toEqual(marks.with('sentLines', 2 * n));
        expect(stretch?.from.sent).toBeLessThan(n);
        expect(stretch?.to?.sent ?? Infinity).toBeGreaterThanOrEqual(n);
      }
      const stretches = new Set(lengths.map((_, i) => marks.with('sent', i + 1)?.from.offset));
      expect(stretches.size).toBeLessThanOrEqual(most);
    }),
  );
});

test('where COPY does not number what it skips, rows are found by their numbers all the same', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (skipped) => {
      const numbers = new RowNumbers(skipped.flatMap((isSkipped, i) => (isSkipped ? [i + 1] : [])));
      let number = 0;
      skipped.forEach((isSkipped, i) => {
        expect(numbers.before(i)).toBe(number);
        if (isSkipped) return;
        number += 1;
        expect(numbers.sent(number)).toBe(i + 1);
      });
    }),
  );
});

test('so many bad rows that the quick way gives up in the middle of a file go the general way', async () => {
  const some = { ...target, maxQuarantine: { rows: 10 } };
  const note = 'a note that takes its place '.repeat(6);
  const rows = Array.from({ length: 40_000 }, (_, i) => `${i},2024-05-06,heavy,${note}`);
  expect(await it.refusal(some, ['id,sent,weight,note', ...rows].join('\n'))).toMatchObject({ code: 'DATA_REJECTED', details: { actual: 40_000 } });
});
