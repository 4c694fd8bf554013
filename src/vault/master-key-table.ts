import type { Transaction } from '../store/index.js';

/** Told of each change of the table, and by a rotation that has put a new key into the file. */
export const KEYS_CHANNEL = 'headgate_master_keys';

/** Any numbers that are ours. One rotation at a time; and no checkpoint is signed while the active key changes. */
export const ROTATION_LOCK = 4_830_911_006;
export const SIGNING_LOCK = 4_830_911_007;

/** What the database knows of a master key. */
export interface KeyRow {
  readonly keyId: string;
  readonly activatedAt: Date;
  /** Ed25519, SPKI in base64: the public half of its pair for checkpoints of the audit. */
  readonly auditPublicKey: string;
  /** Null while it is the active one. */
  readonly replacedAt: Date | null;
  /** The key that came after it, and that one's signature: see `endorse`. */
  readonly endorsedBy: string | null;
  readonly endorsement: string | null;
  readonly retiredAt: Date | null;
}

/** All keys that ever were active, oldest first. */
export async function readKeys(tx: Pick<Transaction, 'query'>): Promise<readonly KeyRow[]> {
  return tx.query<KeyRow>(`SELECT key_id AS "keyId", activated_at AS "activatedAt", audit_public_key AS "auditPublicKey", replaced_at AS "replacedAt",
    endorsed_by AS "endorsedBy", endorsement, retired_at AS "retiredAt" FROM headgate.master_key ORDER BY activated_at, key_id`);
}

/** The active key's id; there is one from the first start on. */
export async function readActiveKey(tx: Pick<Transaction, 'query'>): Promise<string | undefined> {
  const [row] = await tx.query<{ keyId: string }>('SELECT key_id AS "keyId" FROM headgate.master_key WHERE replaced_at IS NULL');
  return row?.keyId;
}
