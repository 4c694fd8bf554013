import { createPublicKey, sign, verify } from 'node:crypto';
import type { VerifyingKey, VerifyingKeys } from '../audit/index.js';
import { canonicalJson, sha256 } from '../kernel/index.js';
import type { KeyRing, MasterKey } from '../store/index.js';
import type { KeyRow } from './master-key-table.js';

/** As `KeyRow.auditPublicKey` has it. */
export function auditPublicKey(key: MasterKey): string {
  return key.signingKey('audit').publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
}

/** The newer key's word that the older one was this installation's before it, and which checkpoints are its own. */
export function endorse(newer: MasterKey, older: Pick<KeyRow, 'keyId' | 'auditPublicKey'>): string {
  return sign(null, statement(newer.keyId, older), newer.signingKey('audit').privateKey).toString('base64url');
}

/**
 * The keys that checkpoints may be signed with, the oldest first: those of this installation's past, as far back as each is
 * held or endorsed by the one that came after it, down from the active one; and behind them those that are held and were not
 * active yet, as far as this database knows, which may be older than the checkpoints.
 * What the database says of a key that nobody holds counts for nothing without its successor's signature.
 */
export function verifyingKeys(rows: readonly KeyRow[], keyRing: Pick<KeyRing, 'held'>): VerifyingKeys {
  const { held } = keyRing;
  const activeId = rows.find(({ replacedAt }) => replacedAt === null)?.keyId;
  const active = held.find(({ keyId }) => keyId === activeId);
  const past = active ? [...pastOf(active, rows), { ...active.signingKey('audit'), masterKeyId: active.keyId }] : [];
  const known = new Set(past.map(({ masterKeyId }) => masterKeyId));
  return [...past, ...held.filter(({ keyId }) => !known.has(keyId)).map((key) => key.signingKey('audit'))];
}

type PastKey = VerifyingKey & { readonly masterKeyId: string };

/** Those before the active one, oldest first, as far as the chain of endorsements holds. */
function pastOf(active: MasterKey, rows: readonly KeyRow[]): readonly PastKey[] {
  const past: PastKey[] = [];
  let newer: PastKey = { ...active.signingKey('audit'), masterKeyId: active.keyId };
  // Each row at most once, so that a circle, which only a forger could make, has an end.
  for (const left = new Set(rows); ;) {
    const older = [...left].find((row) => row.endorsedBy === newer.masterKeyId && isEndorsed(row, newer));
    if (!older) return past;
    left.delete(older);
    newer = { ...verifyingKey(older.auditPublicKey), masterKeyId: older.keyId };
    past.unshift(newer);
  }
}

function isEndorsed(row: KeyRow, { masterKeyId, publicKey }: PastKey): boolean {
  if (row.endorsement === null) return false;
  try {
    const isSigned = verify(null, statement(masterKeyId, row), publicKey, Buffer.from(row.endorsement, 'base64url'));
    return isSigned && verifyingKey(row.auditPublicKey).publicKey.asymmetricKeyType === 'ed25519';
  } catch {
    // Not a key at all.
    return false;
  }
}

function statement(endorsedBy: string, { keyId, auditPublicKey: publicKey }: Pick<KeyRow, 'keyId' | 'auditPublicKey'>): Buffer {
  return Buffer.from(canonicalJson({ endorses: keyId, auditPublicKey: publicKey, endorsedBy }));
}

function verifyingKey(text: string): VerifyingKey {
  const der = Buffer.from(text, 'base64');
  return { keyId: sha256(der).slice(0, 16), publicKey: createPublicKey({ key: der, format: 'der', type: 'spki' }) };
}
