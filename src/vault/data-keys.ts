import { HeadgateError } from '../kernel/index.js';
import type { KeyRing } from '../store/index.js';
import { KeptKeys } from './kept-keys.js';
import { DATA_KEYS, obtainKeys } from './key-table.js';
import type { Queryable } from './queryable.js';

const LIFE_MS = 60_000;

/** Keys that belong to a dataset and to no subject. They are random and wrapped, so that another master key changes none of them. */
export class DataKeys {
  readonly #database: Queryable;
  readonly #ring: KeyRing;
  readonly #kept: KeptKeys;

  constructor({ database, keyRing }: { readonly database: Queryable; readonly keyRing: KeyRing }) {
    this.#database = database;
    this.#ring = keyRing;
    this.#kept = new KeptKeys(keyRing, DATA_KEYS.label, LIFE_MS);
  }

  /**
   * The keys under these names, each made when there is none.
   * @throws HeadgateError UNAVAILABLE for one that the master key does not open: it is of another installation
   */
  async obtain(names: Iterable<string>): Promise<ReadonlyMap<string, Buffer>> {
    const keys = new Map<string, Buffer>();
    const asked: string[] = [];
    for (const name of new Set(names)) {
      const kept = this.#kept.get(name);
      if (kept) keys.set(name, kept);
      else asked.push(name);
    }
    if (asked.length === 0) return keys;
    for (const [name, wrapped] of await obtainKeys(this.#database, DATA_KEYS, this.#ring, asked)) {
      const key = this.#kept.unwrapped(name, wrapped);
      if (!key)
        throw new HeadgateError('UNAVAILABLE', 'The master key does not open the keys of encrypted fields. Start with the one that they were made with.');
      keys.set(name, key);
    }
    return keys;
  }

  async one(name: string): Promise<Buffer> {
    const key = (await this.obtain([name])).get(name);
    if (!key) throw new Error('a key that was obtained is not there');
    return key;
  }
}
