import type { Database } from '../store/index.js';
import { AS_TEXT, canonicalEntry, ENTRY_COLUMNS, type EntryText } from './chain.js';

export interface ExportOptions {
  /** First and last number, inclusive; all when absent. */
  readonly from?: bigint;
  readonly to?: bigint;
}

const LAST = 2n ** 63n - 1n;

/**
 * The sealed entries as lines of JSON, in the order of `seq`. A line without `prevHash` and `hash`, written as canonical
 * JSON (RFC 8785), is what was hashed after `prevHash`: whoever has the lines can compute the chain.
 * Sealed entries never change, so pages of a growing record fit together without a long transaction.
 */
export async function* exportAudit(database: Database, { from = 1n, to = LAST }: ExportOptions = {}): AsyncGenerator<string> {
  for (let after = String(from - 1n); ;) {
    const page = await database.pool.query<EntryText & unknown[]>({
      text: `SELECT ${ENTRY_COLUMNS} FROM headgate.audit_entry WHERE seq > $1 AND seq <= $2 ORDER BY audit_entry.seq LIMIT 2000`,
      values: [after, String(to)],
      ...AS_TEXT,
    });
    for (const entry of page.rows) yield line(entry);
    const last = page.rows.at(-1)?.[14];
    if (!last) return;
    after = last;
  }
}

function line(entry: EntryText): string {
  const [seq, prevHash, hash] = [entry[14], entry[15], entry[16]];
  return `${canonicalEntry(entry, seq ?? '').slice(0, -1)},"prevHash":${JSON.stringify(prevHash)},"hash":${JSON.stringify(hash)}}\n`;
}
