/** The beginning of a record: where it is in the file, and what of the file came before it. */
export interface RecordMark {
  /** Bytes before it. */
  readonly offset: number;
  /** The line it begins at, from 1. */
  readonly line: number;
  /** Records before it. */
  readonly rows: number;
  /** Lines of those before it that were sent to PostgreSQL. */
  readonly sentLines: number;
}

/** A piece of the file from a mark to the next one, which is undefined at the end. */
export interface Stretch {
  readonly from: RecordMark;
  readonly to: RecordMark | undefined;
}

const FIRST_SPACING = 4096;
const MOST_MARKS = 16_384;

/**
 * Marks at records along a file, so that a few of them are found again without reading all. The longer the file, the
 * further apart: memory is bounded.
 */
export class RecordMarks {
  /** From this offset on the next mark is wanted. */
  due = 0;
  readonly #most: number;
  #marks: RecordMark[] = [];
  #spacing = FIRST_SPACING;

  constructor(most = MOST_MARKS) {
    this.#most = most;
  }

  /** Marks are added in the file's order, the first one at its first record. */
  add(mark: RecordMark): void {
    if (this.#marks.length === this.#most) {
      this.#marks = this.#marks.filter((_, i) => i % 2 === 0);
      this.#spacing *= 2;
    }
    this.#marks.push(mark);
    this.due = mark.offset + this.#spacing;
  }

  /** The stretch with the record that is the `n`th, or that ends at the `n`th line sent; from 1. */
  with(by: 'rows' | 'sentLines', n: number): Stretch | undefined {
    let low = 0;
    let high = this.#marks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#marks[middle]?.[by] ?? 0) < n) low = middle + 1;
      else high = middle;
    }
    const from = this.#marks[low - 1];
    return from && { from, to: this.#marks[low] };
  }
}
