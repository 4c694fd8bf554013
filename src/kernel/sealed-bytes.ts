import { createCipheriv, createDecipheriv, randomBytes, type KeyObject } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const TAG_BYTES = 16;
const LENGTHS = { authTagLength: TAG_BYTES };
/** Of the nonce, with which what is sealed begins. */
export const NONCE_BYTES = 12;

export interface Sealing {
  /** Of 32 bytes. Random nonces are good for 2^32 messages under one. */
  readonly key: Buffer | KeyObject;
  /** Where the bytes belong: they open with no other. */
  readonly context?: string;
}

/** Nonce, ciphertext and tag of AES-256-GCM. @param nonce never the same for two contents under one key */
export function sealBytes(content: Buffer | string, { key, context }: Sealing, nonce: Buffer = randomBytes(NONCE_BYTES)): Buffer {
  const cipher = createCipheriv(ALGORITHM, key, nonce, LENGTHS);
  if (context !== undefined) cipher.setAAD(Buffer.from(context));
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
}

/** What was sealed with this key for this context; undefined for anything else. */
export function openBytes(sealed: Buffer, { key, context }: Sealing): Buffer | undefined {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES), LENGTHS);
  if (context !== undefined) decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}
