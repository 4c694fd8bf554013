import type { KeyRing } from '../store/index.js';

/** Keys in memory at the most, some 300 bytes each. */
const MOST_KEYS = 50_000;

interface KeptKey {
  /** As it stands in the table: a key that was made anew under the same name is another one. */
  readonly wrapped: Buffer;
  readonly key: Buffer;
  readonly until: number;
}

/** Keys that were unwrapped, each for a short time; the master key's ring is asked for the others. */
export class KeptKeys {
  readonly #ring: KeyRing;
  readonly #label: string;
  readonly #lifeMs: number;
  #keys = new Map<string, KeptKey>();
  #older = new Map<string, KeptKey>();

  constructor(ring: KeyRing, label: string, lifeMs: number) {
    this.#ring = ring;
    this.#label = label;
    this.#lifeMs = lifeMs;
  }

  /** Undefined when the table must be asked. */
  get(name: string): Buffer | undefined {
    const kept = this.#find(name);
    return kept && kept.until > Date.now() ? kept.key : undefined;
  }

  /** The key that the table has; undefined when no master key of ours opens it. */
  unwrapped(name: string, wrapped: Buffer): Buffer | undefined {
    const kept = this.#find(name);
    const key = kept?.wrapped.equals(wrapped) ? kept.key : this.#ring.unwrap(this.#label, name, wrapped);
    if (key) this.#keep(name, { wrapped, key, until: Date.now() + this.#lifeMs });
    return key;
  }

  drop(name: string): void {
    this.#keys.delete(name);
    this.#older.delete(name);
  }

  clear(): void {
    this.#keys.clear();
    this.#older.clear();
  }

  #find(name: string): KeptKey | undefined {
    return this.#keys.get(name) ?? this.#older.get(name);
  }

  /** Two generations: a load brings hundreds of thousands of keys, and to look for the oldest at each of them takes too long. */
  #keep(name: string, kept: KeptKey): void {
    if (this.#keys.size >= MOST_KEYS / 2) {
      this.#older = this.#keys;
      this.#keys = new Map();
    }
    this.#keys.set(name, kept);
  }
}
