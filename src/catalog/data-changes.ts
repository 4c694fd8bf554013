import type { Log } from '../kernel/index.js';
import type { Database, Notifications } from '../store/index.js';

/** The channel of the trigger on headgate.dataset. */
const DATA_CHANNEL = 'headgate_data';

/** The rows of a dataset are others than before. */
export interface DataChange {
  /** A dataset that was deleted and made again has another one. */
  readonly id: string;
  readonly dataset: string;
  /** The version before, as far as this process knew it; undefined for a dataset that it did not know. */
  readonly before: number | undefined;
  /** Rows that this version brought carry its number in `_load`. */
  readonly dataVersion: number;
}

/** A version, and the mark of the rows that it is of. */
interface Version extends Pick<DataChange, 'id' | 'dataset' | 'dataVersion'> {
  readonly mark: string;
}

export interface DataChangesOptions {
  readonly database: Pick<Database, 'query'>;
  readonly notifications: Notifications;
  readonly log: Log;
  /** How often the versions are looked at in case a notification was lost, in milliseconds. */
  readonly pollMs?: number;
}

/**
 * The data version of each dataset, as all processes agree on it, kept current by NOTIFY and by a look now and then in
 * case one was lost. Versions only grow: several changes can come as one.
 */
export class DataChanges {
  readonly #options: DataChangesOptions;
  readonly #versions = new Map<string, Version>();
  readonly #listeners = new Set<(change: DataChange) => void>();
  #timer: NodeJS.Timeout | undefined;
  #stopListening: (() => void) | undefined;

  private constructor(options: DataChangesOptions) {
    this.#options = options;
  }

  /** Rejects when the versions can't be read. */
  static async start(options: DataChangesOptions): Promise<DataChanges> {
    const changes = new DataChanges(options);
    const look = () => void changes.#look();
    changes.#stopListening = await options.notifications.listen(DATA_CHANNEL, (payload) => changes.#hear(payload), look);
    await changes.#read();
    changes.#timer = setInterval(look, options.pollMs ?? 5_000);
    changes.#timer.unref();
    return changes;
  }

  /** By the dataset's id; 0 for one that was never loaded, or that there is not. */
  versionOf(id: string): number {
    return this.#versions.get(id)?.dataVersion ?? 0;
  }

  /**
   * What stands for the dataset's rows as they are: each change makes another one, which no other rows ever had, in this
   * database or a copy of it. A read that begins after this sees these rows or later ones. Undefined for a dataset that this
   * process has not heard of yet.
   */
  markOf(id: string): string | undefined {
    return this.#versions.get(id)?.mark;
  }

  /** Resolves when all is known that was committed before the call, for who must see it at once. It never rejects. */
  async refresh(): Promise<void> {
    await this.#look();
  }

  /** `listener` is called after each change. Returns the function that ends it. */
  subscribe(listener: (change: DataChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#stopListening?.();
    this.#listeners.clear();
  }

  #hear(payload: string): void {
    this.#note(JSON.parse(payload) as Version);
  }

  async #look(): Promise<void> {
    try {
      await this.#read();
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the versions of the data could not be read: changes are heard of later');
    }
  }

  async #read(): Promise<void> {
    const known = new Map(this.#versions);
    const rows = await this.#options.database.query<Version>(
      'SELECT id, name AS dataset, data_version::float8 AS "dataVersion", data_mark AS mark FROM headgate.dataset',
    );
    for (const row of rows) {
      const before = known.get(row.id);
      // What was heard before we looked was committed: where there is less now, or another state under the same number, the
      // database was brought back to an earlier one.
      if (before && before === this.#versions.get(row.id) && row.dataVersion <= before.dataVersion && row.mark !== before.mark) this.#versions.delete(row.id);
      this.#note(row);
    }
    const ids = new Set(rows.map(({ id }) => id));
    for (const id of this.#versions.keys()) if (!ids.has(id)) this.#versions.delete(id);
  }

  #note(version: Version): void {
    const { id, dataset, dataVersion } = version;
    const before = this.#versions.get(id)?.dataVersion;
    if (before !== undefined && before >= dataVersion) return;
    this.#versions.set(id, version);
    for (const listener of this.#listeners) {
      try {
        listener({ id, dataset, before, dataVersion });
      } catch (error) {
        this.#options.log.error({ err: error, dataset }, 'a listener of data changes failed');
      }
    }
  }
}
