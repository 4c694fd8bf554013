/** What is long ago counts little: after so many seconds a third of it. */
const MEMORY_S = 10;

/** Rows per second, of the last seconds. */
export class Throughput {
  #rate = 0;
  #at = performance.now();

  /** Counts rows, and says how it is now. */
  add(rows: number): number {
    const now = performance.now();
    this.#rate = this.#rate * Math.exp(-(now - this.#at) / 1_000 / MEMORY_S) + rows / MEMORY_S;
    this.#at = now;
    return Math.round(this.#rate * 10) / 10;
  }
}
