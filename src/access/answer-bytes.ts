import { HeadgateError } from '../kernel/index.js';
import { join, raw, sql, type Sql } from '../sql/index.js';
import type { CompiledRead } from './compiled-read.js';

interface Sent {
  /** The column with the bytes of what is too large to be sent unmeasured; none where there is no bound. */
  readonly size: readonly Sql[];
  readonly bound: { readonly maxBytes?: number };
}

const UNBOUND: Sent = { size: [], bound: {} };

/**
 * The values as they are sent: what is too large is measured where it is, and stays there. Bytes know their length.
 * @param maxBytes of all together; any number when absent
 * @param values columns of what was computed before, so that it is not computed again to be measured
 */
export function inBytes(maxBytes: number | undefined, values: readonly Sql[], isLarge: readonly boolean[]): Sent & { readonly values: readonly Sql[] } {
  const large = values.filter((_, i) => isLarge[i]);
  if (maxBytes === undefined || large.length === 0) return { values, ...UNBOUND };
  const bytes = join(
    large.map((value) => sql`octet_length(${value})::int8`),
    ' + ',
  );
  const bounded = values.map((value, i) => (isLarge[i] ? withinBytes(bytes, maxBytes, value) : value));
  return { values: bounded, size: [sql`(${bytes})::text`], bound: { maxBytes } };
}

/**
 * The value of each of many rows as it is sent: all rows are measured together, on each of them.
 * @param maxBytes of all rows together; any number when absent
 */
export function rowsInBytes(maxBytes: number | undefined, value: Sql): Sent & { readonly value: Sql } {
  if (maxBytes === undefined) return { value, ...UNBOUND };
  const bytes = sql`coalesce(sum(octet_length(${value})) OVER (), 0)`;
  return { value: withinBytes(bytes, maxBytes, value), size: [sql`(${bytes})::text`], bound: { maxBytes } };
}

function withinBytes(bytes: Sql, maxBytes: number, value: Sql): Sql {
  return sql`CASE WHEN ${bytes} <= ${raw(String(maxBytes))} THEN ${value} END`;
}

/**
 * The bytes that a statement measured; 0 where it measured none, since they are few.
 * @param behind the columns behind the values: counts, and then the bytes
 * @throws HeadgateError QUERY_TOO_COMPLEX when the values were too large, and so left in the database
 */
export function checkBytes({ counted, maxBytes }: Pick<CompiledRead, 'counted' | 'maxBytes'>, behind: readonly (string | null)[]): number {
  if (maxBytes === undefined) return 0;
  const bytes = Number(behind[counted.length] ?? 0);
  if (bytes > maxBytes) throw answerTooLarge(bytes, maxBytes);
  return bytes;
}

/** @param size bytes */
export function answerTooLarge(size: number, limit: number): HeadgateError {
  return new HeadgateError('QUERY_TOO_COMPLEX', `The answer has ${size} bytes of data; ${limit} are allowed. Ask for smaller pages (first), or fewer fields.`, {
    size,
    limit,
  });
}
