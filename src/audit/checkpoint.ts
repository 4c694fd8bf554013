import { sign, verify, type KeyObject } from 'node:crypto';
import { canonicalJson } from '../kernel/index.js';
import type { SigningKey } from '../store/index.js';

/** A signed statement that at `at` the chain's entry number `seq` had this hash; a line of the checkpoints file. */
export interface Checkpoint {
  readonly seq: string;
  readonly hash: string;
  /** RFC 3339 with milliseconds. */
  readonly at: string;
  /** The signature of the checkpoint before; null for the first. */
  readonly previous: string | null;
  /** Ed25519 over the canonical JSON (RFC 8785) of the four above, base64url. */
  readonly signature: string;
  readonly keyId: string;
}

/** What is needed to check signatures: the public half, and the name by which checkpoints refer to it. */
export interface VerifyingKey {
  readonly keyId: string;
  readonly publicKey: KeyObject;
}

/** All keys that checkpoints may be signed with, the oldest first: once one has signed, none before it may. */
export type VerifyingKeys = readonly VerifyingKey[];

/** The keys of an installation, which change: see `MasterKeys`. */
export interface AuditKeys {
  /** Hands out the key that signs now; it stays the one until `work` has ended. */
  signing<T>(work: (key: SigningKey) => Promise<T>): Promise<T>;
  verifying(): Promise<VerifyingKeys>;
}

/** One key for all time. */
export function fixedKey(key: SigningKey): AuditKeys {
  return { signing: async (work) => work(key), verifying: async () => [key] };
}

export function signCheckpoint(key: SigningKey, statement: Omit<Checkpoint, 'signature' | 'keyId'>): Checkpoint {
  const signature = sign(null, signedText(statement), key.privateKey).toString('base64url');
  return { ...statement, signature, keyId: key.keyId };
}

/** Where the keys came from that a signature is checked with. */
export type KeyOrigin = 'installation' | 'given' | 'proof';

const ONE_IS: Readonly<Record<KeyOrigin, string>> = { installation: "this installation's is", given: 'the key you gave is', proof: 'the key of the proof is' };
const MORE_ARE: Readonly<Record<KeyOrigin, string>> = {
  installation: "this installation's are",
  given: 'the keys you gave are',
  proof: 'the keys of the proof are',
};

/** What is wrong with the signature, in words; nothing when it is good. */
export function signatureProblem(keys: VerifyingKeys, checkpoint: Checkpoint, origin: KeyOrigin = 'installation'): string | undefined {
  const key = keys.find(({ keyId }) => keyId === checkpoint.keyId);
  if (!key) {
    const known = keys.map(({ keyId }) => keyId).join(', ');
    return `was signed with the key ${checkpoint.keyId}, and ${(keys.length === 1 ? ONE_IS : MORE_ARE)[origin]} ${known}`;
  }
  const good = verify(null, signedText(checkpoint), key.publicKey, Buffer.from(checkpoint.signature, 'base64url'));
  return good ? undefined : 'has a signature that is not good: it was changed or forged';
}

function signedText({ seq, hash, at, previous }: Omit<Checkpoint, 'signature' | 'keyId'>): Buffer {
  return Buffer.from(canonicalJson({ seq, hash, at, previous }));
}
