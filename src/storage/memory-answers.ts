import { Keyv, type KeyvStoreAdapter } from 'keyv';
import { LRUCache } from 'lru-cache';
import type { Columns } from '../access/index.js';

/** What an entry takes beside its texts: its key, its place in the list, its timer. */
const ENTRY_BYTES = 400;

/** As Keyv hands it to a store that needs no text. */
interface Entry {
  readonly value: Columns;
  readonly expires?: number;
}

/** Answers in this process, as they are, within a bound of bytes: the one that was used longest ago goes first. */
export class MemoryAnswers {
  readonly #entries: LRUCache<string, Entry>;
  readonly #keyv: Keyv<Columns>;
  evictions = 0;

  constructor(maxBytes: number) {
    this.#entries = new LRUCache<string, Entry>({
      maxSize: Math.max(maxBytes, 1),
      sizeCalculation: ({ value }) => bytesOf(value),
      // What is out of date would else stay until its room is needed: it is somebody's data.
      ttlAutopurge: true,
      dispose: (_entry, _key, reason) => {
        if (reason === 'evict') this.evictions += 1;
      },
    });
    this.#keyv = new Keyv<Columns>(storeOf(this.#entries), { useKeyPrefix: false });
    this.#keyv.serialize = undefined;
    this.#keyv.deserialize = undefined;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Bytes that the answers take, reckoned from above. */
  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  async get(key: string): Promise<Columns | undefined> {
    return this.#keyv.get<Columns>(key);
  }

  /** One that is larger than all the room there is is not kept. */
  async set(key: string, columns: Columns, ttlMs: number): Promise<void> {
    await this.#keyv.set(key, columns, ttlMs);
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** Of the texts in memory. V8 keeps two bytes a character where one of them needs it, else one. */
export function bytesOf(columns: Columns): number {
  return columns.reduce((sum, text) => sum + (text === null ? 0 : Buffer.byteLength(text) === text.length ? text.length : 2 * text.length), ENTRY_BYTES);
}

function storeOf(entries: LRUCache<string, Entry>): KeyvStoreAdapter {
  const store = {
    opts: {},
    get: async (key: string) => entries.get(key),
    set: async (key: string, entry: Entry, ttl?: number) => void entries.set(key, entry, ttl === undefined ? {} : { ttl }),
    delete: async (key: string) => entries.delete(key),
    clear: async () => entries.clear(),
    on: () => store,
  };
  return store as KeyvStoreAdapter;
}
