import { type Dataset, LOAD_ID } from '../catalog/index.js';
import { identifier, join, param, raw, sql, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { equal, tableOf } from './duplicates.js';
import { replaceTable } from './shadow-table.js';
import type { LoadMode } from './outcome.js';
import { columnsOf, LANDED, run } from './work-tables.js';

/** From this many rows on, a new table with indexes built at the end is quicker than filling the one that is there. */
const SHADOW_FROM = 20_000;

/** What became of the rows that were left in `landed`. */
export interface Stored {
  readonly inserted: number;
  readonly updated: number;
}

/**
 * Writes what is left in `landed` into the dataset. `empty` says that the dataset has no rows now.
 * @throws HeadgateError UNAVAILABLE when readers hold the table for so long that it can't be exchanged.
 */
export async function storeRows(tx: Transaction, dataset: Dataset, mode: LoadMode, load: number, empty: boolean, expected: number): Promise<Stored> {
  const table = tableOf(dataset);
  if (mode === 'replace' || empty) {
    if (expected >= SHADOW_FROM) {
      const inserted = await replaceTable(tx, dataset, (shadow) => insert(tx, dataset, shadow, load, sql``));
      return { inserted, updated: 0 };
    }
    if (!empty) await run(tx, sql`DELETE FROM ${table}`);
    return { inserted: await insert(tx, dataset, table, load, sql``), updated: 0 };
  }
  if (mode === 'append') return { inserted: await insert(tx, dataset, table, load, sql``), updated: 0 };
  const there = equal(dataset.key, raw('l'), raw('t'));
  const columns = dataset.fields.map(({ name }) => sql`${identifier(name)} = l.${identifier(name)}`);
  // First the new ones: afterwards every key is there.
  const inserted = await insert(tx, dataset, table, load, sql` WHERE NOT EXISTS (SELECT FROM ${table} t WHERE ${there})`);
  const updated = await run(
    tx,
    sql`UPDATE ${table} t SET ${join(columns)}, ${identifier(LOAD_ID)} = ${loadNumber(load)} FROM ${LANDED} l WHERE ${there} AND t.${identifier(LOAD_ID)} IS DISTINCT FROM ${loadNumber(load)}`,
  );
  return { inserted, updated };
}

async function insert(tx: Transaction, dataset: Dataset, table: Sql, load: number, where: Sql): Promise<number> {
  return run(
    tx,
    sql`INSERT INTO ${table} (${columnsOf(dataset)}, ${identifier(LOAD_ID)}) SELECT ${columnsOf(dataset, raw('l'))}, ${loadNumber(load)} FROM ${LANDED} l${where}`,
  );
}

function loadNumber(load: number): Sql {
  return param(load, 'bigint');
}
