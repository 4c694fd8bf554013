import type { Field } from '../catalog/index.js';
import { literal, sql, type Sql } from '../sql/index.js';

/** To what a date or time is cut before rows are grouped by it. */
export const TRUNCATIONS = ['HOUR', 'DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR'] as const;
export type Truncation = (typeof TRUNCATIONS)[number];

/** From here on a value can be cut without leaving the range of its type; before it, it stays as it is. */
const TRUNCATABLE = { date: '4713-01-02 BC', timestamp: '4713-01-02 00:00:00+00 BC' };
/** Dates go on for millions of years after the last timestamp. */
const TIMESTAMPS_END = '294000-01-01';

/** The beginning of the period, in UTC; weeks begin on Monday (ISO 8601). Infinity stays. */
export function truncated(to: Truncation, field: Pick<Field, 'type'>, value: Sql): Sql {
  const unit = literal(to.toLowerCase());
  if (field.type === 'date') {
    return sql`CASE WHEN ${value} >= ${literal(TRUNCATABLE.date)}::date AND ${value} < ${literal(TIMESTAMPS_END)}::date THEN date_trunc(${unit}, ${value}::timestamp)::date ELSE ${value} END`;
  }
  const cut = sql`timezone('UTC', date_trunc(${unit}, timezone('UTC', ${value})))`;
  return sql`CASE WHEN ${value} >= ${literal(TRUNCATABLE.timestamp)}::timestamptz AND isfinite(${value}) THEN ${cut} ELSE ${value} END`;
}
