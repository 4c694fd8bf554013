import { createHmac, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { NONCE_BYTES, openBytes, sealBytes } from '../kernel/index.js';

const HASH_BYTES = 16;
/** To ask for random bytes takes longer than to get them. */
const NONCES_AT_A_TIME = 256;

/** Encrypts what waits somewhere before it is loaded, piece by piece, and hashes it so that nothing can be guessed from the hash. */
export class ContentCipher {
  // Made once: for a key in a buffer, Node makes such an object each time, which takes longer than all that is done with it.
  readonly #key: KeyObject;
  readonly #hashKey: KeyObject;
  #nonces = Buffer.alloc(0);

  constructor(key: Buffer, hashKey: Buffer) {
    this.#key = createSecretKey(key);
    this.#hashKey = createSecretKey(hashKey);
  }

  /** @param context where the piece belongs: it opens nowhere else */
  seal(context: string, content: Buffer): Buffer {
    if (this.#nonces.length === 0) this.#nonces = randomBytes(NONCES_AT_A_TIME * NONCE_BYTES);
    const nonce = this.#nonces.subarray(0, NONCE_BYTES);
    this.#nonces = this.#nonces.subarray(NONCE_BYTES);
    return sealBytes(content, { key: this.#key, context }, nonce);
  }

  /** Undefined for what was not sealed here. */
  open(context: string, sealed: Buffer): Buffer | undefined {
    return openBytes(sealed, { key: this.#key, context });
  }

  /** 16 bytes of a keyed hash over the parts, each with its length, in hex: many are held and compared, and a text takes less than a buffer. */
  hash(...parts: readonly (string | Buffer)[]): string {
    const hmac = createHmac('sha256', this.#hashKey);
    // Texts that stand together are hashed by one call.
    let text = '';
    for (const part of parts) {
      text += `${Buffer.byteLength(part)}:`;
      if (typeof part === 'string') text += part;
      else {
        hmac.update(text).update(part);
        text = '';
      }
    }
    if (text !== '') hmac.update(text);
    return hmac.digest('hex').slice(0, 2 * HASH_BYTES);
  }
}
