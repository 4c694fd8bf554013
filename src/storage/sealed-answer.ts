import { createHmac } from 'node:crypto';
import type { Columns } from '../access/index.js';
import { openBytes, sealBytes } from '../kernel/index.js';

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
    return sealBytes(JSON.stringify([answer.until, answer.columns]), { key: this.#keyOf(key) }).toString('base64');
  }

  /** Undefined for what is not as it was sealed under this key. */
  open(key: string, sealed: string): SealedAnswer | undefined {
    const text = openBytes(Buffer.from(sealed, 'base64'), { key: this.#keyOf(key) })?.toString('utf8');
    if (text === undefined) return undefined;
    const [until, columns] = JSON.parse(text) as [number, Columns];
    return { until, columns };
  }

  #keyOf(key: string): Buffer {
    return createHmac('sha256', this.#secret).update(key).digest();
  }
}
