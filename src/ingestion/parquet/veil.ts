import { createCipheriv, randomBytes } from 'node:crypto';

const BLOCK = 16;
const COUNTER_BYTES = 8;

/**
 * Encrypts a file on its way to the disk that must be read here and there later: its footer says where what is. The key is in the
 * memory of this process and nowhere else, so what a killed one leaves can be read by nobody.
 */
export class Veil {
  readonly #key = randomBytes(32);
  readonly #nonce = randomBytes(BLOCK - COUNTER_BYTES);

  async *hidden(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const cipher = this.#cipher(0);
    for await (const chunk of content) yield cipher.update(chunk);
  }

  /** The bytes that stand at `position` of the file. */
  shown(bytes: Uint8Array, position: number): Buffer {
    const cipher = this.#cipher(Math.floor(position / BLOCK));
    cipher.update(Buffer.alloc(position % BLOCK));
    return cipher.update(bytes);
  }

  #cipher(block: number) {
    const counter = Buffer.alloc(COUNTER_BYTES);
    counter.writeBigUInt64BE(BigInt(block));
    return createCipheriv('aes-256-ctr', this.#key, Buffer.concat([this.#nonce, counter]));
  }
}
