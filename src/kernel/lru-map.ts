interface Entry<V> {
  readonly value: V;
  /** Counts uses of the map. */
  usedAt: number;
}

/**
 * A map with a bound: the entry that was used longest ago goes first. To use one is cheap, since that happens many times
 * with each request; to find the one that goes takes a look at all.
 */
export class LruMap<K, V> {
  readonly #bound: number;
  readonly #entries = new Map<K, Entry<V>>();
  readonly #onEvict: ((key: K, value: V) => void) | undefined;
  #uses = 0;

  constructor(bound: number, onEvict?: (key: K, value: V) => void) {
    this.#bound = bound;
    this.#onEvict = onEvict;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    entry.usedAt = ++this.#uses;
    return entry.value;
  }

  set(key: K, value: V): void {
    this.#entries.set(key, { value, usedAt: ++this.#uses });
    if (this.#entries.size > this.#bound) this.#evict();
  }

  /** The value under the key, made and kept when it is missing. */
  getOrMake(key: K, make: () => V): V {
    const found = this.get(key);
    if (found !== undefined) return found;
    const made = make();
    this.set(key, made);
    return made;
  }

  delete(key: K): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  values(): MapIterator<V> {
    return this.#entries.values().map(({ value }) => value);
  }

  #evict(): void {
    let oldest: readonly [K, Entry<V>] | undefined;
    for (const pair of this.#entries) if (oldest === undefined || pair[1].usedAt < oldest[1].usedAt) oldest = pair;
    if (oldest === undefined) return;
    this.#entries.delete(oldest[0]);
    this.#onEvict?.(oldest[0], oldest[1].value);
  }
}
