import { LRUCache } from 'lru-cache';

/** Characters of all texts that one view keeps, and of one of them: a client sends a longer one again each time. */
const KEPT = 4 * 1024 ** 2;
const LONGEST_KEPT = 64 * 1024;
/** What an entry takes beside its text, in characters. */
const ENTRY = 200;

/** Apollo's, before the hash. */
const PREFIX = 'apq:';

/**
 * The texts that clients of one view have registered as automatic persisted queries, by SHA-256. The server puts one here
 * when it was valid; the one that was used longest ago goes first.
 */
export class PersistedQueries {
  readonly #texts = new LRUCache<string, string>({ maxSize: KEPT, maxEntrySize: LONGEST_KEPT, sizeCalculation: (text) => text.length + ENTRY });

  get size(): number {
    return this.#texts.size;
  }

  /** Characters, entries' own included. */
  get characters(): number {
    return this.#texts.calculatedSize;
  }

  textOf(hash: string): string | undefined {
    return this.#texts.get(PREFIX + hash);
  }

  async get(key: string): Promise<string | undefined> {
    return this.#texts.get(key);
  }

  async set(key: string, text: string): Promise<void> {
    this.#texts.set(key, text);
  }

  async delete(key: string): Promise<boolean> {
    return this.#texts.delete(key);
  }
}
