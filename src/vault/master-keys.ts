import { HeadgateError, messageOf, type Log } from '../kernel/index.js';
import type { AuditKeys, VerifyingKeys } from '../audit/index.js';
import type { Database, KeyRing, MasterKey, Notifications, SigningKey, Transaction } from '../store/index.js';
import { auditPublicKey, verifyingKeys } from './endorsement.js';
import { Holders } from './holders.js';
import { KEYS_CHANNEL, readActiveKey, readKeys, ROTATION_LOCK, SIGNING_LOCK } from './master-key-table.js';

export interface MasterKeysOptions {
  readonly database: Database;
  readonly notifications: Notifications;
  readonly keyRing: KeyRing;
  readonly log: Log;
  /** How often the table is looked at in case a notification was lost, in milliseconds. */
  readonly pollMs?: number;
}

/** Who made the first key the active one. */
const NOBODY = 'headgate';

/**
 * Keeps this process's key ring as the database says, by NOTIFY and by a look each second. Where the active key is one that
 * this process does not hold, the ring has no active key, and whoever needs one is refused, until it is there.
 */
export class MasterKeys implements AuditKeys {
  readonly holders: Holders;
  readonly #options: MasterKeysOptions;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopListening: (() => void) | undefined;
  /** What the log was told of last. */
  #missing: string | undefined;

  private constructor(options: MasterKeysOptions) {
    this.#options = options;
    this.holders = new Holders(options);
  }

  /**
   * The first start of an installation makes its first key the active one.
   * @throws HeadgateError UNAVAILABLE when this process does not hold the active key, and how to mend it
   */
  static async start(options: MasterKeysOptions): Promise<MasterKeys> {
    const keys = new MasterKeys(options);
    await options.database.transaction((tx) => keys.#begin(tx));
    // Before the look: a rotation either sees us, or is seen by us.
    await keys.holders.show();
    const look = () => void keys.refresh();
    keys.#stopListening = await options.notifications.listen(KEYS_CHANNEL, () => void keys.#reload().then(look), look);
    try {
      await keys.#load();
      if (keys.#missing !== undefined) throw new HeadgateError('UNAVAILABLE', keys.#missing);
    } catch (error) {
      keys.close();
      throw error;
    }
    keys.#timer = setInterval(look, options.pollMs ?? 1_000);
    keys.#timer.unref();
    return keys;
  }

  /** Resolves when the ring is as was committed before the call. It never rejects: a failure is logged, and tried again. */
  async refresh(): Promise<void> {
    if (!this.#running) {
      this.#running = this.#tryLoad().finally(() => (this.#running = undefined));
      await this.#running;
    } else {
      // The one under way may have read before.
      this.#next ??= this.#running.then(() => {
        this.#next = undefined;
        return this.refresh();
      });
      await this.#next;
    }
  }

  /**
   * The key that was active as `tx` sees it, to be held on to. Where this process does not hold it, it derives nothing (UNAVAILABLE)
   * until it does.
   */
  async activeIn(tx: Pick<Transaction, 'query'>): Promise<Pick<MasterKey, 'keyId' | 'derive' | 'signingKey'>> {
    const { keyRing } = this.#options;
    const keyId = (await readActiveKey(tx)) ?? keyRing.keyId;
    if (!keyRing.key(keyId)) await this.#reload();
    return { keyId, derive: (label, bytes) => keyRing.get(keyId).derive(label, bytes), signingKey: (label) => keyRing.get(keyId).signingKey(label) };
  }

  /** No other key becomes active before `work` has ended. @throws HeadgateError UNAVAILABLE when this process does not hold the active one */
  async signing<T>(work: (key: SigningKey) => Promise<T>): Promise<T> {
    return this.#options.database.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock_shared($1)', [SIGNING_LOCK]);
      const key = await this.activeIn(tx);
      return work(key.signingKey('audit'));
    });
  }

  async verifying(): Promise<VerifyingKeys> {
    const { database, keyRing } = this.#options;
    return verifyingKeys(await readKeys(database), keyRing);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#stopListening?.();
  }

  async #begin(tx: Transaction): Promise<void> {
    if ((await readActiveKey(tx)) !== undefined) return;
    await tx.query('SELECT pg_advisory_xact_lock($1)', [ROTATION_LOCK]);
    if ((await readActiveKey(tx)) !== undefined) return;
    const [first] = this.#options.keyRing.held;
    if (!first) throw new Error('a key ring without a key');
    await tx.query('INSERT INTO headgate.master_key (key_id, activated_by, audit_public_key) VALUES ($1, $2, $3)', [
      first.keyId,
      NOBODY,
      auditPublicKey(first),
    ]);
  }

  /** As the file is written by one process at a time: a rotation may be adding a key to it. */
  async #dropRetired(): Promise<void> {
    const { database, keyRing, log } = this.#options;
    await database
      .transaction(async (tx) => {
        await tx.query('SELECT pg_advisory_xact_lock($1)', [ROTATION_LOCK]);
        await keyRing.dropRetired();
      })
      .catch((error: unknown) => log.warn({ reason: messageOf(error) }, 'a retired master key could not be taken out of its file; trying again'));
  }

  async #reload(): Promise<void> {
    const { keyRing, log } = this.#options;
    await keyRing.reload().catch((error: unknown) => log.error({ reason: messageOf(error) }, 'the file of the master keys could not be read'));
  }

  async #tryLoad(): Promise<void> {
    await this.#load().catch((error: unknown) =>
      this.#options.log.warn({ reason: messageOf(error) }, 'which master key is active could not be read; trying again'),
    );
  }

  async #load(): Promise<void> {
    const { database, keyRing, log } = this.#options;
    const rows = await readKeys(database);
    const active = rows.find(({ replacedAt }) => replacedAt === null)?.keyId;
    if (active === undefined) return;
    if (!keyRing.held.some(({ keyId }) => keyId === active)) await this.#reload();
    const retired = new Set(rows.flatMap(({ keyId, retiredAt }) => (retiredAt === null ? [] : [keyId])));
    await keyRing.settle({ active, retired });
    if (keyRing.holdsRetired) await this.#dropRetired();
    await this.holders.show();
    const missing = keyRing.key(active) ? undefined : keyRing.missing(active);
    // Who does not get to start is told by the error.
    if (this.#timer && missing !== undefined && missing !== this.#missing) log.error({ keyId: active }, `${missing} Until then this process answers no reads.`);
    if (missing === undefined && this.#missing !== undefined) log.warn({ keyId: active }, 'the active master key is here again: reads are answered');
    this.#missing = missing;
  }
}
