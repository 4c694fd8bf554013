import type pg from 'pg';
import { messageOf, type Log } from '../kernel/index.js';
import type { Database } from '../store/index.js';

/** Any number that is ours: all processes of an installation meet on it in their database. */
const SEAL_LOCK = 4_830_911_003;

/**
 * The right to seal: an advisory lock of one session, so that it ends with the session, however the process ends.
 * All that the sealer writes goes through this very session: one that was cut can't write any more.
 */
export class SealLock {
  readonly client: pg.PoolClient;
  #lost = false;
  readonly #onCut: (error: unknown) => void;

  private constructor(client: pg.PoolClient, log: Log) {
    this.client = client;
    this.#onCut = (error) => {
      this.#lost = true;
      log.warn({ reason: messageOf(error) }, 'the session of the audit sealer was cut');
    };
    // Without a listener a killed backend would end the process.
    client.on('error', this.#onCut);
  }

  /** Nothing when another process has it. */
  static async tryTake(database: Database, log: Log): Promise<SealLock | undefined> {
    const client = await database.pool.connect();
    const lock = new SealLock(client, log);
    try {
      const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [SEAL_LOCK]);
      if (rows[0]?.taken) return lock;
      lock.#leave();
      return undefined;
    } catch (error) {
      lock.drop();
      throw error;
    }
  }

  get lost(): boolean {
    return this.#lost;
  }

  /** Gives the lock to the next. */
  async release(): Promise<void> {
    try {
      await this.client.query('SELECT pg_advisory_unlock($1)', [SEAL_LOCK]);
      this.#leave();
    } catch {
      this.drop();
    }
  }

  /** Ends the session, and the lock with it. */
  drop(): void {
    this.client.release(true);
  }

  #leave(): void {
    this.client.removeListener('error', this.#onCut);
    this.client.release();
  }
}
