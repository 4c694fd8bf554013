/**
 * Which number COPY gave to the rows that were sent to it: PostgreSQL 18 numbers the rows that it skips, 17 does not.
 * All numbers are from 1; questions come in rising order, of `before` and of `sent` each.
 */
export class RowNumbers {
  readonly #unnumbered: readonly number[];
  #before = 0;
  #sent = 0;

  /** @param unnumbered the places, among the rows sent, of those that took no number; rising */
  constructor(unnumbered: readonly number[]) {
    this.#unnumbered = unnumbered;
  }

  /** How many of the first `sent` rows have a number. */
  before(sent: number): number {
    while ((this.#unnumbered[this.#before] ?? Infinity) <= sent) this.#before += 1;
    return sent - this.#before;
  }

  /** The place, among the rows sent, of the row with a number. */
  sent(number: number): number {
    while ((this.#unnumbered[this.#sent] ?? Infinity) <= number + this.#sent) this.#sent += 1;
    return number + this.#sent;
  }
}
