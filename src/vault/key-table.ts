import { randomBytes } from 'node:crypto';
import type { KeyRing } from '../store/index.js';
import type { Queryable } from './queryable.js';

const KEY_BYTES = 32;
/** Keys that one statement takes. */
const BATCH = 1_000;
const ATTEMPTS = 5;

/** A table of the schema `vault` with wrapped keys by name. */
export interface KeyTable {
  readonly table: string;
  readonly column: string;
  /** Of `KeyRing.wrap`. */
  readonly label: string;
}

export const SUBJECT_KEYS: KeyTable = { table: 'vault.subject_key', column: 'reference', label: 'subjects' };
export const PINNED_KEYS: KeyTable = { table: 'headgate.pinned_key', column: 'label', label: 'pinned' };
export const DATA_KEYS: KeyTable = { table: 'vault.data_key', column: 'name', label: 'data' };

/** Those that there are, wrapped. */
export async function findKeys(database: Queryable, { table, column }: KeyTable, names: readonly string[]): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (let from = 0; from < names.length; from += BATCH) {
    const rows = await database.query<{ name: string; wrapped: Buffer }>(`SELECT ${column} AS name, wrapped FROM ${table} WHERE ${column} = ANY ($1)`, [
      names.slice(from, from + BATCH),
    ]);
    for (const { name, wrapped } of rows) found.set(name, wrapped);
  }
  return found;
}

/**
 * The keys under these names, each made when there is none. Whoever asks at the same moment for the same gets the same: the
 * first that is written counts.
 */
export async function obtainKeys(database: Queryable, of: KeyTable, ring: KeyRing, names: readonly string[]): Promise<Map<string, Buffer>> {
  const found = await findKeys(database, of, names);
  for (let attempt = 1; ; attempt += 1) {
    // In one order, so that two who make the same keys never wait for each other.
    const missing = names.filter((name) => !found.has(name)).toSorted();
    if (missing.length === 0) return found;
    // One can be destroyed between the two statements, not again and again.
    if (attempt > ATTEMPTS) throw new Error(`keys of ${of.table} are deleted as fast as they are made`);
    for (let from = 0; from < missing.length; from += BATCH) {
      const batch = missing.slice(from, from + BATCH);
      const wrapped = batch.map((name) => ring.wrap(of.label, name, randomBytes(KEY_BYTES)));
      await database.query(
        `INSERT INTO ${of.table} (${of.column}, wrapped) SELECT * FROM unnest($1::text[], $2::bytea[]) ON CONFLICT (${of.column}) DO NOTHING`,
        [batch, wrapped],
      );
    }
    for (const [name, wrapped] of await findKeys(database, of, missing)) found.set(name, wrapped);
  }
}
