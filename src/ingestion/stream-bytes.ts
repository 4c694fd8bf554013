import type { ByteSource } from './text-blocks.js';

/** Bytes that come by themselves, read as those of a file are. */
export class StreamBytes implements ByteSource {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async read(target: Buffer, offset: number, length: number): Promise<{ readonly bytesRead: number }> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) return { bytesRead: 0 };
      this.#rest = value;
    }
    const bytesRead = this.#rest.copy(target, offset, 0, length);
    this.#rest = this.#rest.subarray(bytesRead);
    return { bytesRead };
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
