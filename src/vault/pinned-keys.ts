import { HeadgateError } from '../kernel/index.js';
import type { KeyRing } from '../store/index.js';
import { PINNED_KEYS } from './key-table.js';
import type { Queryable } from './queryable.js';
import { REFERENCE_LABEL } from './subject-reference.js';

/**
 * Gives the ring those derived keys that no rotation may change: references to people are compared with those of years ago. Each is
 * what the master key of the first start derived, kept wrapped. To be called before anything refers to somebody.
 * @throws HeadgateError UNAVAILABLE when the master key does not open one: it is of another installation
 */
export async function pinKeys(database: Queryable, ring: KeyRing): Promise<void> {
  const { table, column, label } = PINNED_KEYS;
  await database.query(`INSERT INTO ${table} (${column}, wrapped) VALUES ($1, $2) ON CONFLICT (${column}) DO NOTHING`, [
    REFERENCE_LABEL,
    ring.wrap(label, REFERENCE_LABEL, ring.derive(REFERENCE_LABEL)),
  ]);
  const [row] = await database.query<{ wrapped: Buffer }>(`SELECT wrapped FROM ${table} WHERE ${column} = $1`, [REFERENCE_LABEL]);
  const secret = row && ring.unwrap(label, REFERENCE_LABEL, row.wrapped);
  if (!secret)
    throw new HeadgateError('UNAVAILABLE', 'The master key does not open the key of references to people. Start with the one that it was made with.');
  ring.pin(REFERENCE_LABEL, secret);
}
