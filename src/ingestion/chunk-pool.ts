const CHUNK = 512 * 1024;
/** Larger ones are made anew each time. */
const LARGEST_KEPT = 2 * 1024 * 1024;
/** Chunks that are kept for later; more are on their way only where much waits. */
const MOST_KEPT = 16;

/** Chunks of memory that are used again when they were sent: new ones for each some hundred KiB would keep the garbage collector busy. */
export class ChunkPool {
  readonly #free: Buffer[] = [];

  /** At least so many bytes, of any content. */
  take(size: number): Buffer {
    const found = this.#free.findIndex((chunk) => chunk.length >= size);
    const [chunk] = found < 0 ? [] : this.#free.splice(found, 1);
    return chunk ?? Buffer.allocUnsafeSlow(Math.ceil(size / CHUNK) * CHUNK);
  }

  /** Takes a chunk, or a part of one, back that nobody reads any more. */
  give({ buffer }: Buffer): void {
    if (buffer.byteLength >= CHUNK && buffer.byteLength <= LARGEST_KEPT && this.#free.length < MOST_KEPT) this.#free.push(Buffer.from(buffer));
  }
}
