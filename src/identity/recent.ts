/**
 * Answers of the last moments, so that a busy client costs one look-up in `maxAgeMs` instead of one a request, and what
 * was revoked still ends after that time. Bounded: the oldest go first. Failures are not kept.
 */
export class Recent<Value> {
  readonly #maxAgeMs: number;
  readonly #maxSize: number;
  readonly #entries = new Map<string, { readonly since: number; readonly value: Promise<Value> }>();

  constructor({ maxAgeMs, maxSize = 10_000 }: { readonly maxAgeMs: number; readonly maxSize?: number }) {
    this.#maxAgeMs = maxAgeMs;
    this.#maxSize = maxSize;
  }

  /** The kept answer, or that of `load`; callers that come together share one `load`. */
  get(key: string, load: () => Promise<Value>): Promise<Value> {
    const now = performance.now();
    const kept = this.#entries.get(key);
    if (kept && now - kept.since < this.#maxAgeMs) return kept.value;
    const value = load();
    // Taken out first: a Map keeps the order of insertion, and the first is to be the oldest.
    this.#entries.delete(key);
    this.#entries.set(key, { since: now, value });
    value.catch(() => {
      if (this.#entries.get(key)?.value === value) this.#entries.delete(key);
    });
    if (this.#entries.size > this.#maxSize) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    return value;
  }
}
