import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from } from 'pg-copy-streams';
import { canonicalEntry, chainHash, GENESIS, type EntryText } from '../../src/audit/chain.js';

export interface Many {
  readonly count: number;
  readonly start: Date;
  readonly everyMs: number;
}

const COLUMNS =
  'id, at, principal, roles, purpose, action, dataset, fields, masked, decision, row_count, operation_hash, duration_ms, details, seq, prev_hash, hash';

/**
 * A chain of many entries as the sealer would have made it, written at once: mostly reads, and among them what is rare. One in
 * a thousand is about a subject, one in two hundred is a refusal, one in five hundred another act than a read. Some fields are
 * read often and most of them rarely.
 */
export async function writeMany(client: pg.ClientBase, { count, start, everyMs }: Many): Promise<void> {
  let prevHash = GENESIS;
  function* lines(): Generator<string> {
    let text = '';
    for (let i = 1; i <= count; i++) {
      const entry = anEntry(i, new Date(start.getTime() + i * everyMs));
      const hash = chainHash(prevHash, canonicalEntry(entry, String(i)));
      text += `${entry.slice(0, 15).map(column).join('\t')}\t${prevHash}\t${hash}\n`;
      prevHash = hash;
      if (i % 1000 > 0 && i < count) continue;
      yield text;
      text = '';
    }
  }
  await pipeline(lines(), client.query(from(`COPY headgate.audit_entry (${COLUMNS}) FROM STDIN`)));
  await client.query('ANALYZE headgate.audit_entry');
}

function anEntry(i: number, time: Date): EntryText {
  const at = time.toISOString().replace('T', ' ').replace('Z', '+00');
  const action = i % 500 === 0 ? 'grant' : 'read';
  const details = i % 1000 === 0 ? `{"subject":"subject-${i % 7000}"}` : '{}';
  const id = `01900000-0000-7000-8000-${String(i).padStart(12, '0')}`;
  const fields = i % 20_000 === 0 ? '["id","iban"]' : `["id","country","column_${Math.floor(1000 / (1 + (i % 997)))}"]`;
  return [
    id,
    at,
    `reader-${i % 1000}`,
    '["analyst"]',
    i % 100 === 0 ? 'support' : null,
    action,
    i % 300 === 0 ? 'payments' : 'passengers',
    fields,
    '["email"]',
    i % 200 === 0 ? 'DENIED' : 'ALLOWED',
    String(i % 50),
    'ab'.repeat(32),
    '1.25',
    details,
    String(i),
    null,
    null,
  ];
}

/** As COPY reads it; the lists are of plain names. */
function column(value: string | null, i: number): string {
  if (value === null) return '\\N';
  return i === 3 || i === 7 || i === 8 ? `{${value.slice(1, -1)}}` : value;
}
