import type { Rewrapper } from '../../src/vault/index.js';

export const SECRETS_TABLE = 'CREATE TABLE work.secret (id text PRIMARY KEY, wrapped bytea NOT NULL, damaged boolean NOT NULL DEFAULT FALSE)';

/** Secrets in a table of the test's own, as an owner of some would keep them. */
export const secrets: Rewrapper = {
  name: 'secrets of the test',
  count: async (tx, keyId) => {
    const [row] = await tx.query<{ count: number }>("SELECT count(*)::int AS count FROM work.secret WHERE substring(wrapped, 1, 8) = decode($1, 'hex')", [
      keyId,
    ]);
    return row?.count ?? 0;
  },
  rewrap: async (tx, { keyId, limit, again }) => {
    const rows = await tx.query<{ id: string; wrapped: Buffer }>(
      "SELECT id, wrapped FROM work.secret WHERE substring(wrapped, 1, 8) = decode($1, 'hex') AND NOT damaged ORDER BY id LIMIT $2 FOR UPDATE",
      [keyId, limit],
    );
    const now = rows.map(({ id, wrapped }) => again('test', id, wrapped) ?? null);
    await tx.query(
      'UPDATE work.secret SET wrapped = coalesce(now, wrapped), damaged = now IS NULL FROM unnest($1::text[], $2::bytea[]) AS made (place, now) WHERE id = place',
      [rows.map(({ id }) => id), now],
    );
    return now.filter((one) => one !== null).length;
  },
};
