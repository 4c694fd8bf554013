import { randomFillSync } from 'node:crypto';

/** Bytes of a row id. Each is a letter, a digit, `-` or `.`, so that it can be written into binary rows and into CSV with any delimiter. */
export const ROW_ID_BYTES = 16;
const RANDOM_BYTES = 12;
const IDS_AT_ONCE = 1024;

/**
 * New row ids for a bulk of rows: 96 bits from the system's generator each. PostgreSQL would need as long to make one
 * as to land half a row.
 */
export class RowIds {
  readonly #random = Buffer.alloc(RANDOM_BYTES * IDS_AT_ONCE);
  #letters = Buffer.alloc(0);
  #next = 0;

  write(target: Buffer, at: number): void {
    if (this.#next === this.#letters.length) {
      this.#letters = Buffer.from(randomFillSync(this.#random).toString('base64url').replaceAll('_', '.'), 'latin1');
      this.#next = 0;
    }
    this.#letters.copy(target, at, this.#next, this.#next + ROW_ID_BYTES);
    this.#next += ROW_ID_BYTES;
  }
}
