import type { Dataset } from '../catalog/index.js';
import { identifier, join, raw, sql, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { type ContractRules, place } from './contract-rules.js';
import type { LoadMode } from './outcome.js';
import { LANDED, REFUSED, run } from './work-tables.js';
import { takeOut } from './validation.js';

const L = raw('l');
const T = raw('t');
const TWICE = raw('pg_temp.twice');

/** The stored table of a dataset. */
export function tableOf(dataset: Dataset): Sql {
  return identifier('data', dataset.name);
}

export interface Removed {
  /** Rows that are there already, or that a later row of the file replaces. */
  deduplicated: number;
  refused: number;
}

/**
 * Takes out of `landed` what must not be stored beside another row: the same key twice in the file, a key that is in
 * the dataset already, and values of `unique` rules. `existing` is false when the dataset's rows do not matter,
 * `keysDiffer` true when no two rows of the file have one key.
 */
export async function removeDuplicates(
  tx: Transaction,
  dataset: Dataset,
  rules: ContractRules,
  mode: LoadMode,
  { existing, keysDiffer }: { readonly existing: boolean; readonly keysDiffer: boolean },
): Promise<Removed> {
  const removed: Removed = { deduplicated: 0, refused: 0 };
  if (dataset.key.length > 0) {
    if (!keysDiffer) await withinFile(tx, dataset, rules, mode, removed);
    if (existing) await againstDataset(tx, dataset, rules, mode, removed);
  }
  for (const unique of rules.unique) {
    // A row that is refused may have been the one that replaced an existing one, which is then in the way again.
    for (let found = -1; found !== 0;) {
      found = await refuse(tx, uniqueBreaches(dataset, unique.fields, unique.place, mode, existing));
      removed.refused += found;
    }
  }
  return removed;
}

/** Of rows with one key the first stays, in a merge the last. */
async function withinFile(tx: Transaction, dataset: Dataset, rules: ContractRules, mode: LoadMode, removed: Removed): Promise<void> {
  const key = join(dataset.key.map((name) => identifier(name)));
  const stays = mode === 'merge' ? raw('max') : raw('min');
  await tx.query('DROP TABLE IF EXISTS pg_temp.twice');
  const groups = await run(
    tx,
    sql`CREATE TEMP TABLE twice ON COMMIT DROP AS SELECT ${key}, ${stays}(_pos) AS _stays FROM ${LANDED} GROUP BY ${key} HAVING count(*) > 1`,
  );
  if (groups === 0) return;
  const others = sql`${equal(dataset.key, L, T)} AND l._pos <> t._stays`;
  if (mode === 'merge') {
    removed.deduplicated += await run(tx, sql`DELETE FROM ${LANDED} l USING ${TWICE} t WHERE ${others}`);
    return;
  }
  const first = raw('f');
  removed.refused += await refuse(
    tx,
    sql`SELECT l._pos, ARRAY[${place(rules.keyTwice)}] FROM ${LANDED} l JOIN ${TWICE} t ON ${others} JOIN ${LANDED} f ON f._pos = t._stays WHERE NOT ${same(dataset, L, first)}`,
  );
  removed.deduplicated += await run(tx, sql`DELETE FROM ${LANDED} l USING ${TWICE} t WHERE ${others}`);
}

async function againstDataset(tx: Transaction, dataset: Dataset, rules: ContractRules, mode: LoadMode, removed: Removed): Promise<void> {
  const there = equal(dataset.key, L, T);
  removed.deduplicated += await run(tx, sql`DELETE FROM ${LANDED} l USING ${tableOf(dataset)} t WHERE ${there} AND ${same(dataset, L, T)}`);
  if (mode !== 'append') return;
  removed.refused += await refuse(tx, sql`SELECT l._pos, ARRAY[${place(rules.key)}] FROM ${LANDED} l JOIN ${tableOf(dataset)} t ON ${there}`);
}

function uniqueBreaches(dataset: Dataset, fields: readonly string[], reason: number, mode: LoadMode, existing: boolean): Sql {
  const columns = join(fields.map((name) => identifier(name)));
  const present = join(
    fields.map((name) => sql`${identifier(name)} IS NOT NULL`),
    ' AND ',
  );
  const inFile = sql`SELECT _pos FROM (SELECT _pos, row_number() OVER (PARTITION BY ${columns} ORDER BY _pos) AS n FROM ${LANDED} WHERE ${present}) w WHERE n > 1`;
  if (!existing) return sql`SELECT _pos, ARRAY[${place(reason)}] FROM (${inFile}) b`;
  // In a merge a row of the dataset that this load replaces is no longer in the way.
  const replaced = mode === 'merge' ? sql` AND NOT EXISTS (SELECT FROM ${LANDED} k WHERE ${equal(dataset.key, raw('k'), T)})` : sql``;
  const inDataset = sql`SELECT l._pos FROM ${LANDED} l JOIN ${tableOf(dataset)} t ON ${equal(fields, L, T)}${replaced}`;
  return sql`SELECT _pos, ARRAY[${place(reason)}] FROM (${inFile} UNION ${inDataset}) b`;
}

/** Moves the rows that `breaches` selects (with their reasons) from `landed` to `refused`. */
async function refuse(tx: Transaction, breaches: Sql): Promise<number> {
  const count = await run(tx, sql`INSERT INTO ${REFUSED} ${breaches}`);
  if (count > 0) await takeOut(tx);
  return count;
}

export function equal(names: readonly string[], left: Sql, right: Sql): Sql {
  return join(
    names.map((name) => sql`${left}.${identifier(name)} = ${right}.${identifier(name)}`),
    ' AND ',
  );
}

/** Every field has the same value; two nulls are the same. */
export function same(dataset: Dataset, left: Sql, right: Sql): Sql {
  const all = dataset.fields.map(({ name }) => sql`${left}.${identifier(name)} IS NOT DISTINCT FROM ${right}.${identifier(name)}`);
  return sql`(${join(all, ' AND ')})`;
}
