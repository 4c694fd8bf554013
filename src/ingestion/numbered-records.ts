import type { ChunkPool } from './chunk-pool.js';
import { ROW_ID_BYTES, type RowIds } from './row-ids.js';

const ZERO = 0x30;
const NINE = 0x39;
const MOST_DIGITS = 16;

/** CSV records with fields before those that they came with: their number in the file, and a new row id where one is wanted. */
export class NumberedRecords {
  readonly #delimiter: number;
  readonly #ids: RowIds | undefined;
  readonly #pool: ChunkPool;
  /** The number of the last record, as it is written. */
  readonly #digits = Buffer.alloc(MOST_DIGITS, ZERO);
  /** Where it begins; behind the last digit there is none yet. */
  #first = MOST_DIGITS;
  #number = 0;
  #out: Buffer = Buffer.alloc(0);
  #at = 0;
  #full: Buffer[] = [];

  constructor(pool: ChunkPool, delimiter: number, ids: RowIds | undefined) {
    this.#pool = pool;
    this.#delimiter = delimiter;
    this.#ids = ids;
  }

  /** The number of the last record. */
  get number(): number {
    return this.#number;
  }

  /** Counts the next record, which is not one of them, or will be added. */
  count(): void {
    this.#number += 1;
    const digits = this.#digits;
    let i = MOST_DIGITS - 1;
    while (digits[i] === NINE) {
      digits[i] = ZERO;
      i -= 1;
    }
    digits[i] = (digits[i] as number) + 1;
    if (i < this.#first) this.#first = i;
  }

  /** Adds the record that was counted last. */
  add(bytes: Buffer, start: number, end: number): void {
    this.#reserve(MOST_DIGITS + 2 + ROW_ID_BYTES + end - start);
    const out = this.#out;
    let at = this.#at;
    for (let i = this.#first; i < MOST_DIGITS; i += 1) out[at++] = this.#digits[i] as number;
    out[at++] = this.#delimiter;
    if (this.#ids) {
      this.#ids.write(out, at);
      at += ROW_ID_BYTES;
      out[at++] = this.#delimiter;
    }
    bytes.copy(out, at, start, end);
    this.#at = at + end - start;
  }

  /** Chunks that are full. */
  take(): readonly Buffer[] {
    const taken = this.#full;
    this.#full = [];
    return taken;
  }

  /** All that is left. */
  end(): readonly Buffer[] {
    this.#close();
    return this.take();
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#out.length) return;
    this.#close();
    this.#out = this.#pool.take(size);
  }

  #close(): void {
    if (this.#at > 0) this.#full.push(this.#out.subarray(0, this.#at));
    this.#out = Buffer.alloc(0);
    this.#at = 0;
  }
}
