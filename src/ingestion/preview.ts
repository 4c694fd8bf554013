import type { Dataset } from '../catalog/index.js';
import { identifier, join, literal, raw, sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import type { ContractRules } from './contract-rules.js';
import { equal, tableOf } from './duplicates.js';
import type { LoadMode, LoadOutcome, Preview, PreviewRow } from './outcome.js';
import type { Stored } from './store-rows.js';
import { LANDED, RAW_ROW, REFUSED, rows } from './work-tables.js';

/** Carries what a preview found out of the transaction that it rolls back. */
export class Previewed extends Error {
  readonly outcome: LoadOutcome;
  constructor(outcome: LoadOutcome) {
    super('preview');
    this.outcome = outcome;
  }
}

/** What storing would do with the rows that are left in `landed`; nobody who reads the dataset waits for it. */
export async function wouldStore(tx: Transaction, dataset: Dataset, mode: LoadMode, empty: boolean): Promise<Stored> {
  const isThere = mode === 'merge' && !empty ? sql`EXISTS (SELECT FROM ${tableOf(dataset)} t WHERE ${equal(dataset.key, raw('l'), raw('t'))})` : raw('false');
  const [found] = await rows<{ inserted: number; updated: number }>(
    tx,
    sql`SELECT count(*) FILTER (WHERE NOT there)::float8 AS inserted, count(*) FILTER (WHERE there)::float8 AS updated FROM (SELECT ${isThere} AS there FROM ${LANDED} l) AS r`,
  );
  return { inserted: found?.inserted ?? 0, updated: found?.updated ?? 0 };
}

/** The first rows of each kind, before any of them is stored. The texts of refused rows are kept. */
export async function previewOf(tx: Transaction, dataset: Dataset, rules: ContractRules, stored: Stored, most: number): Promise<Preview> {
  const limit = raw(String(most));
  const values = join(
    dataset.fields.map(({ name }) => sql`jsonb_build_object(${literal(name)}, l.${identifier(name)}::text)`),
    ' || ',
  );
  const loaded = await rows<PreviewRow>(tx, sql`SELECT NULL AS line, ${values} AS values FROM ${LANDED} l ORDER BY l._pos LIMIT ${limit}`);
  const refused = await rows<{ place: number; count: number; rows: readonly PreviewRow[] }>(
    tx,
    sql`SELECT p::int AS place, count(*)::float8 AS count,
        coalesce((SELECT jsonb_agg(jsonb_build_object('line', x.line, 'values', x.raw) ORDER BY x._pos) FROM (
          SELECT w._pos, w.line, w.raw FROM ${REFUSED} o JOIN ${RAW_ROW} w ON w._pos = o._pos WHERE o.reasons @> ARRAY[p] ORDER BY w._pos LIMIT ${limit}) AS x), '[]') AS rows
      FROM ${REFUSED} r, unnest(r.reasons) AS p GROUP BY p ORDER BY p`,
  );
  const reasons = refused.flatMap(({ place, count, rows: first }) => {
    const reason = rules.checks[place]?.reason;
    return reason ? [{ ...reason, count, rows: first }] : [];
  });
  return { ...stored, loaded, reasons };
}
