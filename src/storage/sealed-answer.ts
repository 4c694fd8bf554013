import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import type { Columns } from '../access/index.js';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** An answer as it is kept where others can read. */
export interface SealedAnswer {
  readonly columns: Columns;
  /** Until when it may be used, in milliseconds since 1970. */
  readonly until: number;
}

/**
 * Encrypts answers (AES-256-GCM), so that whoever keeps them can neither read one, nor change it, nor pass one for another or
 * let it live longer. Each key of the cache has a key of its own: random nonces are good for 2^32 messages under one, which
 * one for all would reach in weeks.
 */
export class AnswerSeal {
  readonly #secret: Buffer;

  constructor(secret: Buffer) {
    this.#secret = secret;
  }

  seal(key: string, answer: SealedAnswer): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#keyOf(key), nonce, { authTagLength: TAG_BYTES });
    const text = JSON.stringify([answer.until, answer.columns]);
    return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64');
  }

  /** Undefined for what is not as it was sealed under this key. */
  open(key: string, sealed: string): SealedAnswer | undefined {
    const bytes = Buffer.from(sealed, 'base64');
    if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
    const decipher = createDecipheriv('aes-256-gcm', this.#keyOf(key), bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
      const [until, columns] = JSON.parse(text) as [number, Columns];
      return { until, columns };
    } catch {
      return undefined;
    }
  }

  #keyOf(key: string): Buffer {
    return createHmac('sha256', this.#secret).update(key).digest();
  }
}
