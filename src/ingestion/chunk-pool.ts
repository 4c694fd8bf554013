const CHUNK = 512 * 1024;
/** Chunks that are kept for later; more are on their way only where much waits. */
const MOST_KEPT = 16;

/** Chunks of memory that are used again when they were sent: new ones for each some hundred KiB would keep the garbage collector busy. */
export class ChunkPool {
  readonly #free: Buffer[] = [];

  /** At least so many bytes, of any content. */
  take(size: number): Buffer {
    if (size > CHUNK) return Buffer.allocUnsafeSlow(size);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(CHUNK);
  }

  /** Takes a chunk, or a part of one, back that nobody reads any more. */
  give({ buffer }: Buffer): void {
    if (buffer.byteLength === CHUNK && this.#free.length < MOST_KEPT) this.#free.push(Buffer.from(buffer));
  }
}
