import { DATA_KEYS, PINNED_KEYS, SUBJECT_KEYS, type KeyTable } from './key-table.js';
import type { Rewrapper } from './rewraps.js';

/** A table of secrets that are wrapped in a column, `wrapped` when absent, each for the name in another. */
type WrappedTable = KeyTable & { readonly wrapped?: string };

/** A table of wrapped secrets, such as keys. They stay as they are, and so does all that they encrypt. */
export function secretsIn({ table, column, label, wrapped: secret = 'wrapped' }: WrappedTable, name: string): Rewrapper {
  return {
    name,
    async count(tx, keyId) {
      const [row] = await tx.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table} WHERE substr(${secret}, 1, 8) = decode($1, 'hex')`, [keyId]);
      return row?.count ?? 0;
    },
    async rewrap(tx, { keyId, limit, again }) {
      for (let after = ''; ;) {
        const rows = await tx.query<{ name: string; wrapped: Buffer }>(
          `SELECT ${column}::text AS name, ${secret} AS wrapped FROM ${table} WHERE substr(${secret}, 1, 8) = decode($1, 'hex') AND ${column}::text > $2 ORDER BY ${column}::text LIMIT $3 FOR UPDATE`,
          [keyId, after, limit],
        );
        const anew = rows.flatMap(({ name: context, wrapped }) => {
          const made = again(label, context, wrapped);
          return made ? [{ context, made }] : [];
        });
        if (anew.length > 0) {
          await tx.query(
            `UPDATE ${table} t SET ${secret} = n.wrapped FROM unnest($1::text[], $2::bytea[]) AS n (name, wrapped) WHERE t.${column}::text = n.name`,
            [anew.map(({ context }) => context), anew.map(({ made }) => made)],
          );
          return anew.length;
        }
        // One that nobody can unwrap is left as it is.
        const last = rows.at(-1);
        if (!last || rows.length < limit) return 0;
        after = last.name;
      }
    },
  };
}

/** What the vault of tokens remembers is found anew when somebody asks: what an older key encrypted is forgotten. */
const TOKENS: Rewrapper = {
  name: 'remembered tokens',
  async count(tx, keyId) {
    const [row] = await tx.query<{ count: number }>("SELECT count(*)::int AS count FROM headgate.token_vault WHERE substr(value, 1, 8) = decode($1, 'hex')", [
      keyId,
    ]);
    return row?.count ?? 0;
  },
  async rewrap(tx, { keyId, limit }) {
    const gone = await tx.query(
      `DELETE FROM headgate.token_vault WHERE ctid = ANY (ARRAY(SELECT ctid FROM headgate.token_vault WHERE substr(value, 1, 8) = decode($1, 'hex') LIMIT $2)) RETURNING 1`,
      [keyId, limit],
    );
    return gone.length;
  },
};

/** All secrets of the vault that are wrapped with a master key. */
export const REWRAPPERS: readonly Rewrapper[] = [
  secretsIn(PINNED_KEYS, 'keys of references'),
  secretsIn(DATA_KEYS, 'keys of datasets'),
  secretsIn(SUBJECT_KEYS, 'keys of subjects'),
  TOKENS,
];
