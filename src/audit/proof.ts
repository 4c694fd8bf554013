import { createPublicKey } from 'node:crypto';
import { z } from 'zod';
import { HeadgateError, sha256 } from '../kernel/index.js';
import type { Database } from '../store/index.js';
import { GENESIS } from './chain.js';
import type { Checkpoint, VerifyingKey, VerifyingKeys } from './checkpoint.js';
import type { AuditRange } from './export.js';
import { CHECKPOINT_COLUMNS } from './sealed-head.js';

const FORMAT = 'headgate-audit-proof-1';

/** What goes with exported entries, so that nobody needs a database, or Headgate, to see whether they are those that were sealed. */
export interface AuditProof {
  readonly format: typeof FORMAT;
  /** The first and the last place; with none in between, `to` is one less than `from`. */
  readonly from: string;
  readonly to: string;
  /** Of the first entry; 64 zeros where the record begins. */
  readonly prevHash: string;
  /** Of the last one. */
  readonly hash: string;
  /** The keys that may have signed, oldest first. Whoever made the proof chose them: compare them with ones that you got otherwise. */
  readonly keys: readonly { readonly keyId: string; readonly publicKey: string }[];
  /** Signed statements about entries in the range, and about the one before it. */
  readonly checkpoints: readonly Checkpoint[];
}

/** A signature covers all entries before it, so of very many a part will do; the last is always among them. */
const MOST_CHECKPOINTS = 10_000;

export async function auditProof(database: Pick<Database, 'query'>, keys: VerifyingKeys, range: AuditRange): Promise<AuditProof> {
  const [from, to] = [String(range.from), String(range.to < range.from ? range.from - 1n : range.to)];
  const hashAt = async (seq: string): Promise<string | undefined> =>
    (await database.query<{ hash: string }>('SELECT hash FROM headgate.audit_entry WHERE seq = $1', [seq]))[0]?.hash;
  const prevHash = (await hashAt(String(range.from - 1n))) ?? GENESIS;
  const checkpoints = await database.query<Checkpoint>(
    `SELECT ${CHECKPOINT_COLUMNS} FROM (
       SELECT *, row_number() OVER (ORDER BY audit_checkpoint.seq DESC) - 1 AS place, count(*) OVER () / $3 + 1 AS step
       FROM headgate.audit_checkpoint WHERE seq >= $1::bigint - 1 AND seq <= $2) AS audit_checkpoint
     WHERE place % step = 0 ORDER BY audit_checkpoint.seq`,
    [from, to, MOST_CHECKPOINTS],
  );
  return {
    format: FORMAT,
    from,
    to,
    prevHash,
    hash: (await hashAt(to)) ?? prevHash,
    keys: keys.map(({ keyId, publicKey }) => ({ keyId, publicKey: publicKey.export({ format: 'pem', type: 'spki' }).toString() })),
    checkpoints,
  };
}

const HASH = z.string().regex(/^[0-9a-f]{64}$/);
const PLACE = z.string().regex(/^\d{1,18}$/);
const Proof = z.object({
  format: z.literal(FORMAT),
  from: PLACE,
  to: PLACE,
  prevHash: HASH,
  hash: HASH,
  keys: z.array(z.object({ keyId: z.string(), publicKey: z.string() })).min(1),
  checkpoints: z.array(z.object({ seq: PLACE, hash: z.string(), at: z.string(), previous: z.string().nullable(), signature: z.string(), keyId: z.string() })),
});

/** @throws HeadgateError BAD_USER_INPUT when the text is no proof. */
export function parseProof(text: string): AuditProof {
  const found = Proof.safeParse(jsonOf(text));
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  throw new HeadgateError('BAD_USER_INPUT', `This is not the proof of an audit export: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}.`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * A public key as PEM, under the name that is its own: the start of the SHA-256 of its DER.
 * @throws HeadgateError BAD_USER_INPUT when it is no Ed25519 key.
 */
export function verifyingKey(pem: string): VerifyingKey {
  try {
    const publicKey = createPublicKey(pem);
    if (publicKey.asymmetricKeyType === 'ed25519') return { keyId: sha256(publicKey.export({ format: 'der', type: 'spki' })).slice(0, 16), publicKey };
  } catch {
    // Told below.
  }
  throw new HeadgateError('BAD_USER_INPUT', 'Expected a public key of Ed25519 as PEM (-----BEGIN PUBLIC KEY-----).');
}

/**
 * The keys of a PEM file, in its order.
 * @throws HeadgateError BAD_USER_INPUT when there is none, or one that is no Ed25519 key.
 */
export function verifyingKeys(pem: string): VerifyingKeys {
  const blocks = pem.split(/(?=-----BEGIN )/).filter((part) => part.startsWith('-----BEGIN '));
  return (blocks.length === 0 ? [pem] : blocks).map((block) => verifyingKey(block));
}
