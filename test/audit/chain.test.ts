import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalEntry, chainHash, rfc3339, type EntryText } from '../../src/audit/chain.js';
import { canonicalJson } from '../../src/kernel/index.js';

const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }).map((value) => value.toWellFormed()),
  fc.constantFrom('a"b', '\\', '\u2028', ' @x: y'),
);
const orNull = fc.option(text, { nil: null });
const list = fc.array(text, { maxLength: 4 });
const object = fc.dictionary(text, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 });
const number = fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 });

/** The entry as PostgreSQL would write it, and as JSON has it. */
test('the entry that is written out by hand is the canonical JSON of the entry, whatever is in it', () => {
  const entries = fc.record({
    at: fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true }),
    id: fc.uuid(),
    principal: text,
    roles: list,
    purpose: orNull,
    action: text,
    dataset: orNull,
    fields: list,
    masked: list,
    decision: fc.constantFrom('ALLOWED', 'DENIED', 'FAILED'),
    rowCount: fc.option(fc.maxSafeNat(), { nil: null }),
    operationHash: orNull,
    durationMs: fc.option(number, { nil: null }),
    details: object,
    seq: fc.maxSafeNat().map(String),
  });
  fc.assert(
    fc.property(entries, (entry) => {
      const row: EntryText = [
        entry.id,
        entry.at
          .toISOString()
          .replace('T', ' ')
          .replace(/\.?0*Z$/, '+00')
          .replace(/ (\d\d:\d\d)\+00$/, ' $1:00+00'),
        entry.principal,
        JSON.stringify(entry.roles),
        entry.purpose,
        entry.action,
        entry.dataset,
        JSON.stringify(entry.fields),
        JSON.stringify(entry.masked),
        entry.decision,
        entry.rowCount === null ? null : String(entry.rowCount),
        entry.operationHash,
        entry.durationMs === null ? null : String(entry.durationMs),
        JSON.stringify(entry.details),
        null,
        null,
        null,
      ];
      if (!/ \d\d:\d\d:\d\d(\.\d+)?\+00$/.test(row[1])) return;
      const general = { ...entry, at: entry.at.toISOString(), rowCount: entry.rowCount === null ? null : String(entry.rowCount) };
      expect(canonicalEntry(row, entry.seq)).toBe(canonicalJson(JSON.parse(JSON.stringify(general))));
    }),
    { numRuns: 2_000 },
  );
});

test('a time has three digits of milliseconds, as it has in the export', () => {
  expect(rfc3339('2026-01-31 08:00:00+00')).toBe('2026-01-31T08:00:00.000Z');
  expect(rfc3339('2026-01-31 08:00:00.5+00')).toBe('2026-01-31T08:00:00.500Z');
  expect(rfc3339('2026-01-31 08:00:00.05+00')).toBe('2026-01-31T08:00:00.050Z');
});

test('the hash is SHA-256 over the hex digits before and the text in UTF-8', () => {
  const canonical = '{"a":"ö"}';
  expect(chainHash('ab', canonical)).toBe(
    createHash('sha256')
      .update(Buffer.from(`ab${canonical}`, 'utf8'))
      .digest('hex'),
  );
});
