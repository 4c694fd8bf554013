import type { Database, Transaction } from '../../../store/index.js';
import type { RemoteFile } from './remote-file.js';

/** Which files a collector has loaded, each as it was then. */
export class CollectedFiles {
  readonly #database: Database;
  readonly #collector: string;

  constructor(database: Database, collector: string) {
    this.#database = database;
    this.#collector = collector;
  }

  /** Fingerprints by name. */
  async all(): Promise<ReadonlyMap<string, string>> {
    const rows = await this.#database.query<{ name: string; fingerprint: string }>(
      'SELECT name, fingerprint FROM headgate.collected_file WHERE collector = $1',
      [this.#collector],
    );
    return new Map(rows.map(({ name, fingerprint }) => [name, fingerprint]));
  }

  /** In the transaction that holds the rows. */
  async add(tx: Transaction, files: readonly RemoteFile[], runId: string): Promise<void> {
    await tx.query(
      `INSERT INTO headgate.collected_file (collector, name, fingerprint, run_id) SELECT $1, n, f, $4 FROM unnest($2::text[], $3::text[]) AS u(n, f)
       ON CONFLICT (collector, name) DO UPDATE SET fingerprint = excluded.fingerprint, run_id = excluded.run_id, collected_at = clock_timestamp()`,
      [this.#collector, files.map(({ name }) => name), files.map(({ fingerprint }) => fingerprint), runId],
    );
  }

  async forget(): Promise<void> {
    await this.#database.query('DELETE FROM headgate.collected_file WHERE collector = $1', [this.#collector]);
  }
}
