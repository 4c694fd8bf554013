import { messageOf, type Log } from '../kernel/index.js';
import type { Database, KeyRing, Transaction } from '../store/index.js';
import { readKeys } from './master-key-table.js';

/** Some of the secrets of one kind that are to be wrapped with the active key. */
export interface RewrapBatch {
  /** The master key that they are wrapped with now: `wrappedBy` tells of a secret, and in SQL its first eight bytes. */
  readonly keyId: string;
  /** So many at the most. */
  readonly limit: number;
  /** The secret wrapped with the active key; undefined for one that is damaged, which stays as it is. */
  readonly again: (label: string, context: string, wrapped: Buffer) => Buffer | undefined;
}

/** Knows of the secrets of one kind that `KeyRing.wrap` made, wherever they are kept. */
export interface Rewrapper {
  /** What they are, in the plural, in words for an operator: `keys of subjects`. */
  readonly name: string;
  /** How many are wrapped with that key. */
  count(tx: Pick<Transaction, 'query'>, keyId: string): Promise<number>;
  /** Wraps some of them again, in this transaction, and resolves with how many were; none when there are no more that can be. */
  rewrap(tx: Transaction, batch: RewrapBatch): Promise<number>;
}

export interface RewrapsOptions {
  readonly database: Database;
  readonly keyRing: KeyRing;
  readonly log: Log;
  readonly rewrappers: readonly Rewrapper[];
  /** Secrets that one transaction wraps again. */
  readonly batch?: number;
  /** How often it is looked for what a transaction that began before a rotation left, or a process that ended; milliseconds. */
  readonly lookMs?: number;
}

/** What still depends on a key. */
export interface Dependents {
  readonly name: string;
  readonly count: number;
}

/** Any number that is ours: one batch at a time, of whichever process. */
const REWRAP_LOCK = 4_830_911_008;

/** Brings wrapped secrets to the active master key, in the background and a batch at a time; what was interrupted goes on by itself. */
export class Rewraps {
  readonly #options: Required<RewrapsOptions>;
  readonly #rewrappers: readonly Rewrapper[];
  #running: Promise<void> | undefined;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #stopListening: (() => void) | undefined;
  #closed = false;

  constructor(options: RewrapsOptions) {
    this.#options = { batch: 500, lookMs: 60_000, ...options };
    this.#rewrappers = options.rewrappers;
  }

  start(): void {
    const run = () => void this.run();
    this.#stopListening = this.#options.keyRing.onChange(run);
    this.#timer = setInterval(run, this.#options.lookMs);
    this.#timer.unref();
    run();
  }

  /** Resolves when all that depended on replaced keys at the time of the call was tried. It never rejects: a failure is logged, and tried again. */
  async run(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#all().finally(() => (this.#running = undefined));
    await this.#running;
  }

  /** What is wrapped with a key, kind by kind; those of which there is none are left out. */
  async dependents(tx: Pick<Transaction, 'query'>, keyId: string): Promise<readonly Dependents[]> {
    const found: Dependents[] = [];
    for (const rewrapper of this.#rewrappers) found.push({ name: rewrapper.name, count: await rewrapper.count(tx, keyId) });
    return found.filter(({ count }) => count > 0);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopListening?.();
    clearInterval(this.#timer);
    await this.#running;
  }

  async #all(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      try {
        await this.#sweep();
      } catch (error) {
        this.#options.log.warn({ reason: messageOf(error) }, 'secrets could not be wrapped with the active master key; they will be tried again');
      }
    }
  }

  async #sweep(): Promise<void> {
    const { database, keyRing, log } = this.#options;
    if (this.#rewrappers.length === 0) return;
    for (const { keyId, replacedAt, retiredAt } of await readKeys(database)) {
      // Without the key nothing can be unwrapped here: another process may hold it.
      if (replacedAt === null || retiredAt !== null || !keyRing.key(keyId)) continue;
      for (const rewrapper of this.#rewrappers) {
        let done = 0;
        for (let some = 1; some > 0 && !this.#closed; done += some) some = await this.#batch(rewrapper, keyId);
        if (done > 0) log.info({ what: rewrapper.name, count: done, from: keyId }, 'secrets were wrapped with the active master key');
      }
    }
  }

  async #batch(rewrapper: Rewrapper, keyId: string): Promise<number> {
    const { database, keyRing, batch } = this.#options;
    return database.transaction(async (tx) => {
      const [lock] = await tx.query<{ taken: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS taken', [REWRAP_LOCK]);
      const { active } = keyRing;
      if (!lock?.taken || active.keyId === keyId) return 0;
      const again = (label: string, context: string, wrapped: Buffer): Buffer | undefined => {
        const secret = keyRing.unwrap(label, context, wrapped);
        return secret && active.wrap(label, context, secret);
      };
      return rewrapper.rewrap(tx, { keyId, limit: batch, again });
    });
  }
}
