import { ROW_ID_BYTES, type RowIds } from './row-ids.js';

const CHUNK = 512 * 1024;
const ZERO = 0x30;
const NINE = 0x39;
const MOST_DIGITS = 16;

/** CSV records with fields before those that they came with: their number in the file, and a new row id where one is wanted. */
export class NumberedRecords {
  readonly #delimiter: number;
  readonly #ids: RowIds | undefined;
  /** The number of the last record, as it is written. */
  readonly #digits = Buffer.alloc(MOST_DIGITS, ZERO);
  /** Where it begins; behind the last digit there is none yet. */
  #first = MOST_DIGITS;
  #number = 0;
  #out = Buffer.alloc(0);
  /** What of it was given on, and how far it is written. */
  #given = 0;
  #at = 0;
  #full: Buffer[] = [];

  constructor(delimiter: number, ids: RowIds | undefined) {
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

  /** What was added since the last call. It is never written to again. */
  take(): readonly Buffer[] {
    this.#give();
    const taken = this.#full;
    this.#full = [];
    return taken;
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#out.length) return;
    this.#give();
    this.#out = Buffer.allocUnsafeSlow(Math.max(CHUNK, size));
    this.#given = 0;
    this.#at = 0;
  }

  #give(): void {
    if (this.#at > this.#given) this.#full.push(this.#out.subarray(this.#given, this.#at));
    this.#given = this.#at;
  }
}
