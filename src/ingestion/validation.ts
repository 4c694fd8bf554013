import { join, param, raw, sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { type ContractRules, place } from './contract-rules.js';
import { LANDED, REFUSED, rows, run } from './work-tables.js';

/** So many bad rows are remembered by their places. */
const FEW = 10_000;

/**
 * Tests every landed row by the contract's rules and moves those that break one from `landed` to `refused`, with all
 * their reasons. Returns how many.
 */
export async function refuseBadRows(tx: Transaction, rules: ContractRules): Promise<number> {
  const checks = rules.checks.flatMap(({ failing }, i) => (failing ? [{ failing, place: place(i) }] : []));
  const any = join([sql`l._bad IS NOT NULL`, ...checks.map(({ failing }) => failing)], ' OR ');
  const marks = checks.map((check) => sql`CASE WHEN ${check.failing} THEN ${check.place} END`);
  const reasons = marks.length > 0 ? sql`coalesce(l._bad, '{}') || array_remove(ARRAY[${join(marks)}], NULL)` : sql`l._bad`;
  // In most loads none is bad; and a look alone, without a LIMIT, is shared out to more than one processor.
  const [found] = await rows<{ bad: readonly string[] }>(
    tx,
    sql`SELECT (array_agg(l._pos))[1:${raw(String(FEW + 1))}]::text[] AS bad FROM ${LANDED} l WHERE ${any}`,
  );
  const bad = found?.bad ?? [];
  if (bad.length === 0) return 0;
  const which = bad.length > FEW ? any : sql`l._pos = ANY (${param(bad, 'bigint[]')})`;
  // One statement, so that many bad ones of a million rows are looked at once.
  return run(tx, sql`WITH bad AS (DELETE FROM ${LANDED} l WHERE ${which} RETURNING l._pos, ${reasons}) INSERT INTO ${REFUSED} SELECT * FROM bad`);
}

/** Deletes from `landed` what is in `refused`. */
export async function takeOut(tx: Transaction): Promise<void> {
  await run(tx, sql`DELETE FROM ${LANDED} l USING ${REFUSED} r WHERE r._pos = l._pos`);
}
