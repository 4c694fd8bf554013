import type { Log } from '../kernel/index.js';
import type { Database, Notifications, Transaction } from '../store/index.js';
import { CATALOG_CHANNEL, catalogVersion } from './version.js';

/** A change of grants is in force everywhere within two seconds, whether or not a notification comes. */
const POLL_MS = 1_000;

export interface LiveOptions<T> {
  readonly database: Database;
  readonly notifications: Notifications;
  /** Makes the value, in one REPEATABLE READ transaction. */
  readonly load: (tx: Transaction) => Promise<T>;
  readonly log: Log;
  /** How often the version is looked at in case a notification was lost, in milliseconds. */
  readonly pollMs?: number;
}

/**
 * A value made from the catalog, kept current: by NOTIFY, and by a look at the version now and then in case one was
 * lost. A value that can't be made leaves the last good one in place; it is tried again at the next look.
 */
export class Live<T> {
  readonly #options: LiveOptions<T>;
  readonly #listeners = new Set<(value: T) => void>();
  #loaded: { readonly version: string; readonly value: T };
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopListening: (() => void) | undefined;
  #closed = false;

  private constructor(options: LiveOptions<T>, loaded: { readonly version: string; readonly value: T }) {
    this.#options = options;
    this.#loaded = loaded;
  }

  /** Rejects when the first value can't be made. */
  static async start<T>(options: LiveOptions<T>): Promise<Live<T>> {
    const live = new Live(options, await loadOnce(options));
    const refresh = () => void live.refresh();
    live.#stopListening = await options.notifications.listen(CATALOG_CHANNEL, refresh, refresh);
    live.#timer = setInterval(refresh, options.pollMs ?? POLL_MS);
    live.#timer.unref();
    // What was committed between the first load and LISTEN.
    await live.refresh();
    return live;
  }

  get current(): T {
    return this.#loaded.value;
  }

  /** The catalog version that `current` was made from. */
  get version(): string {
    return this.#loaded.version;
  }

  /**
   * Resolves when `current` holds all that was committed before the call. Calls at one time share the work. It never
   * rejects: a failure is logged, and `current` stays the last good value.
   */
  async refresh(): Promise<T> {
    if (!this.#running) {
      this.#running = this.#load().finally(() => (this.#running = undefined));
      await this.#running;
    } else {
      // The one under way may have read before our commit: the next one has not.
      this.#next ??= this.#running.then(() => {
        this.#next = undefined;
        return this.refresh().then(() => undefined);
      });
      await this.#next;
    }
    return this.current;
  }

  /** `listener` is called after each change with the new value. Returns the function that ends it. */
  subscribe(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#stopListening?.();
    this.#listeners.clear();
    await (this.#next ?? this.#running);
  }

  async #load(): Promise<void> {
    if (this.#closed) return;
    try {
      if ((await catalogVersion(this.#options.database)) === this.#loaded.version) return;
      this.#loaded = await loadOnce(this.#options);
    } catch (error) {
      this.#options.log.error({ err: error, version: this.#loaded.version }, 'the catalog could not be loaded: the last good one stays in use');
      return;
    }
    for (const listener of this.#listeners) {
      try {
        listener(this.#loaded.value);
      } catch (error) {
        this.#options.log.error({ err: error }, 'a listener of the catalog failed');
      }
    }
  }
}

async function loadOnce<T>({ database, load }: LiveOptions<T>): Promise<{ readonly version: string; readonly value: T }> {
  return database.transaction(async (tx) => ({ version: await catalogVersion(tx), value: await load(tx) }), 'REPEATABLE READ');
}
