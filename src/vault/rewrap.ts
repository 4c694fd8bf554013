import type { KeyRing, Transaction } from '../store/index.js';
import { DATA_KEYS, SUBJECT_KEYS, type KeyTable } from './key-table.js';

type Tx = Pick<Transaction, 'query'>;

const TABLES = [SUBJECT_KEYS, DATA_KEYS];

/** Keys of subjects and datasets that are wrapped with the master key of this id (`KeyRing.keyId`). */
export async function countWrapped(tx: Tx, keyId: string): Promise<number> {
  let count = 0;
  for (const { table } of TABLES) {
    const [row] = await tx.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table} WHERE substr(wrapped, 1, 8) = decode($1, 'hex')`, [keyId]);
    count += row?.count ?? 0;
  }
  return count;
}

/**
 * Wraps up to `batch` keys anew with the master key of `ring`, which knows the older ones too, or `from` does. The keys
 * themselves stay as they are, and so does all that they encrypt. Returns how many were; 0 when there is none left that can be.
 */
export async function rewrap(tx: Tx, ring: KeyRing, batch: number, from: KeyRing = ring): Promise<number> {
  for (const table of TABLES) {
    const count = await rewrapIn(tx, table, ring, batch, from);
    if (count > 0) return count;
  }
  return 0;
}

async function rewrapIn(tx: Tx, { table, column, label }: KeyTable, ring: KeyRing, batch: number, from: KeyRing): Promise<number> {
  for (let after = ''; ;) {
    const rows = await tx.query<{ name: string; wrapped: Buffer }>(
      `SELECT ${column} AS name, wrapped FROM ${table} WHERE substr(wrapped, 1, 8) <> decode($1, 'hex') AND ${column} > $2 ORDER BY ${column} LIMIT $3 FOR UPDATE`,
      [ring.keyId, after, batch],
    );
    const anew = rows.flatMap(({ name, wrapped }) => {
      const key = from.unwrap(label, name, wrapped);
      return key ? [{ name, wrapped: ring.wrap(label, name, key) }] : [];
    });
    if (anew.length > 0) {
      await tx.query(`UPDATE ${table} t SET wrapped = n.wrapped FROM unnest($1::text[], $2::bytea[]) AS n (name, wrapped) WHERE t.${column} = n.name`, [
        anew.map(({ name }) => name),
        anew.map(({ wrapped }) => wrapped),
      ]);
      return anew.length;
    }
    // One that nobody can unwrap is left as it is.
    const last = rows.at(-1);
    if (!last || rows.length < batch) return 0;
    after = last.name;
  }
}
