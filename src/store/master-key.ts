import { createPrivateKey, createPublicKey, hkdfSync, type KeyObject } from 'node:crypto';
import { openBytes, sealBytes, sha256 } from '../kernel/index.js';

/** An Ed25519 pair; `keyId` is the start of the hash of its public half. */
export interface SigningKey {
  readonly keyId: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export const MASTER_KEY_BYTES = 32;
const KEY_ID_BYTES = 8;

/** One master key, and all keys that are derived from it by HKDF-SHA-256 (RFC 5869), each under a label of its own. */
export class MasterKey {
  /** Names the master key and tells nothing of it: 16 hexadecimal digits. */
  readonly keyId: string;
  readonly #bytes: Buffer;
  /** The labels are few, and what they stand for takes longer to make than to use. */
  readonly #pairs = new Map<string, SigningKey>();
  readonly #wrapping = new Map<string, Buffer>();

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.keyId = this.derive('key-id', KEY_ID_BYTES).toString('hex');
  }

  derive(label: string, bytes = 32): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#bytes, Buffer.alloc(0), `headgate/${label}`, bytes));
  }

  signingKey(label: string): SigningKey {
    const made = this.#pairs.get(label) ?? this.#makePair(label);
    this.#pairs.set(label, made);
    return made;
  }

  /** See `KeyRing.wrap`. */
  wrap(label: string, context: string, secret: Buffer): Buffer {
    return Buffer.concat([Buffer.from(this.keyId, 'hex'), sealBytes(secret, { key: this.#wrappingKey(label), context })]);
  }

  /** What this key wrapped; undefined when another did, for another context, or when it is damaged. */
  unwrap(label: string, context: string, wrapped: Buffer): Buffer | undefined {
    if (wrappedBy(wrapped) !== this.keyId) return undefined;
    return openBytes(wrapped.subarray(KEY_ID_BYTES), { key: this.#wrappingKey(label), context });
  }

  #wrappingKey(label: string): Buffer {
    const made = this.#wrapping.get(label) ?? this.derive(`wrap/${label}`);
    this.#wrapping.set(label, made);
    return made;
  }

  #makePair(label: string): SigningKey {
    // RFC 8410: the fixed head of a PKCS #8 private key for Ed25519, followed by its 32-byte seed.
    const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), this.derive(label)]);
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    const publicKey = createPublicKey(privateKey);
    return { keyId: sha256(publicKey.export({ format: 'der', type: 'spki' })).slice(0, 16), privateKey, publicKey };
  }
}

/** The `keyId` of the master key that wrapped it: its first eight bytes. */
export function wrappedBy(wrapped: Buffer): string {
  return wrapped.toString('hex', 0, KEY_ID_BYTES);
}
