import { HeadgateError } from '../kernel/index.js';
import type { Database } from '../store/index.js';
import { AS_TEXT, canonicalEntry, ENTRY_COLUMNS, type EntryText } from './chain.js';

/** Places in the chain, inclusive; none when `to` is below `from`. */
export interface AuditRange {
  readonly from: bigint;
  readonly to: bigint;
}

/** A place in the chain, or a moment: `from` is inclusive, a moment as `to` is not, a place as `to` is. */
export interface RangeAsked {
  readonly from?: bigint | Date;
  readonly to?: bigint | Date;
}

const LAST = 2n ** 63n - 1n;
const PAGE = 2_000;

/**
 * The places of what is asked for, as far as it is sealed. Entries of a stretch of time lie between others here and there, by
 * some milliseconds of clocks, so these come with them; and they go on to the next checkpoint, so that each is covered by a signature.
 */
export async function auditRange(database: Pick<Database, 'query'>, { from = 1n, to = LAST }: RangeAsked = {}): Promise<AuditRange> {
  const [head] = await database.query<{ seq: string | null }>('SELECT max(seq)::text AS seq FROM headgate.audit_entry');
  const last = BigInt(head?.seq ?? 0);
  const first = from instanceof Date ? await firstFrom(database, from) : from;
  const end = to instanceof Date ? await lastBefore(database, to) : to;
  return { from: (first ?? last + 1n) < 1n ? 1n : (first ?? last + 1n), to: end < last ? end : last };
}

async function firstFrom(database: Pick<Database, 'query'>, at: Date): Promise<bigint | undefined> {
  const [row] = await database.query<{ seq: string | null }>('SELECT min(seq)::text AS seq FROM headgate.audit_entry WHERE at >= $1', [at]);
  return row?.seq ? BigInt(row.seq) : undefined;
}

async function lastBefore(database: Pick<Database, 'query'>, at: Date): Promise<bigint> {
  const [row] = await database.query<{ seq: string | null }>(
    `SELECT coalesce((SELECT min(seq) FROM headgate.audit_checkpoint WHERE seq >= last.seq), last.seq)::text AS seq
     FROM (SELECT max(seq) AS seq FROM headgate.audit_entry WHERE at < $1) AS last`,
    [at],
  );
  return BigInt(row?.seq ?? 0);
}

/**
 * @param name of the parameter, for the error
 * @throws HeadgateError BAD_USER_INPUT
 */
export function parseBound(name: string, text: string): bigint | Date {
  if (/^\d{1,18}$/.test(text)) return BigInt(text);
  const at = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text) ? new Date(text) : new Date(Number.NaN);
  if (!Number.isNaN(at.getTime())) return at;
  const expected = 'expected the number of an entry, a date (2026-01-31, of UTC) or a time (2026-01-31T08:00:00Z)';
  throw new HeadgateError('BAD_USER_INPUT', `${name}: ${expected}, got ${JSON.stringify(text.slice(0, 64))}.`, { path: name });
}

/**
 * The sealed entries as lines of JSON, in the order of `seq`. A line without `prevHash` and `hash`, written as canonical
 * JSON (RFC 8785), is what was hashed after `prevHash`: whoever has the lines can compute the chain.
 */
export async function* exportAudit(database: Database, range: Partial<AuditRange> = {}): AsyncGenerator<string> {
  for await (const entries of sealedPages(database, range)) for (const entry of entries) yield line(entry);
}

/** Sealed entries never change, so pages of a growing record fit together without a long transaction. */
export async function* sealedPages(database: Database, { from = 1n, to = LAST }: Partial<AuditRange>): AsyncGenerator<readonly EntryText[]> {
  for (let after = String(from - 1n); ;) {
    const page = await database.pool.query<EntryText & unknown[]>({
      text: `SELECT ${ENTRY_COLUMNS} FROM headgate.audit_entry WHERE seq > $1 AND seq <= $2 ORDER BY audit_entry.seq LIMIT ${PAGE}`,
      values: [after, String(to)],
      ...AS_TEXT,
    });
    if (page.rows.length > 0) yield page.rows;
    const last = page.rows.at(-1)?.[14];
    if (!last) return;
    after = last;
  }
}

function line(entry: EntryText): string {
  const [seq, prevHash, hash] = [entry[14], entry[15], entry[16]];
  return `${canonicalEntry(entry, seq ?? '').slice(0, -1)},"prevHash":${JSON.stringify(prevHash)},"hash":${JSON.stringify(hash)}}\n`;
}
