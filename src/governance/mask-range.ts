import { literal, raw, sql, type Sql } from '../sql/index.js';

/** A number as a text holds it: without an exponent, and short enough to be computed with. */
const NUMBER = '^-?[0-9]{1,30}([.][0-9]{1,30})?$';

/**
 * Of a text that holds a number, the two ends of the step in which it lies: 34 in steps of 10 is `30-39`, and 39.9 as well. The upper end
 * is the last number with as many decimals as the step has. A text that holds no number is masked altogether.
 */
export function range(step: string, column: Sql, hidden: string): Sql {
  const width = raw(`'${step}'::numeric`);
  const value = sql`${column}::numeric`;
  const over = sql`pg_catalog.mod(${value}, ${width})`;
  // A division rounds its last digit; these are exact.
  const lower = sql`${value} - ${over} - CASE WHEN ${over} < 0 THEN ${width} ELSE 0 END`;
  const upper = sql`${lower} + ${raw(`'${lastOf(step)}'::numeric`)}`;
  const text = (end: Sql) => sql`pg_catalog.round(${end}, ${raw(`${decimalsOf(step)}`)})`;
  return sql`CASE WHEN ${column} ~ ${literal(NUMBER)} THEN ${text(lower)} || '-' || ${text(upper)} WHEN ${column} IS NOT NULL THEN ${literal(hidden)}::text END`;
}

/** Whether a step holds one number only: it would be shown as it is. */
export function isSingle(step: string): boolean {
  return /^0*1$/.test(step.replace('.', ''));
}

function decimalsOf(step: string): number {
  return step.split('.')[1]?.length ?? 0;
}

/** What is to be added to the lower end: the step without its last unit. */
function lastOf(step: string): string {
  const decimals = decimalsOf(step);
  const units = String(BigInt(step.replace('.', '')) - 1n).padStart(decimals + 1, '0');
  return decimals === 0 ? units : `${units.slice(0, -decimals)}.${units.slice(-decimals)}`;
}
