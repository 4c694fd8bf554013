import type { Actor, AuditLog } from '../audit/index.js';
import { HeadgateError, isHeadgateError, type Log } from '../kernel/index.js';
import type { Database, KeyRing, MasterKey, Transaction } from '../store/index.js';
import { auditPublicKey, endorse } from './endorsement.js';
import { KEYS_CHANNEL, readKeys, ROTATION_LOCK, SIGNING_LOCK, type KeyRow } from './master-key-table.js';
import type { MasterKeys } from './master-keys.js';
import { Rewraps, type Dependents, type Rewrapper } from './rewraps.js';

/** PENDING: held, and not active yet; a rotation that was cut off leaves one, or an operator who prepares one. */
export type KeyState = 'PENDING' | 'ACTIVE' | 'REPLACED' | 'RETIRED';

/** A master key, without any of its secrets. */
export interface KeyStatus {
  readonly id: string;
  readonly state: KeyState;
  readonly activatedAt: Date | null;
  readonly replacedAt: Date | null;
  readonly retiredAt: Date | null;
  /** Whether the process that was asked holds it. */
  readonly held: boolean;
  /** Secrets that are wrapped with it. */
  readonly dependents: readonly Dependents[];
}

export interface KeyRotation {
  /** The key that was active before. */
  readonly from: KeyStatus;
  readonly to: KeyStatus;
}

export interface KeyKeeperOptions {
  readonly database: Database;
  readonly keyRing: KeyRing;
  readonly masterKeys: MasterKeys;
  readonly log: Log;
  /** Of all kinds of secrets that are wrapped. */
  readonly rewrappers: readonly Rewrapper[];
  readonly audit: Pick<AuditLog, 'record' | 'recordIn'>;
  /** In the transaction of a rotation: tells all processes that their world is another. */
  readonly raise: (tx: Transaction) => Promise<unknown>;
  /** Resolves when this process sees what was committed. */
  readonly refresh: () => Promise<unknown>;
  /** How long the other processes may take to read a new key from their file, in milliseconds. */
  readonly patienceMs?: number;
}

/** In which every process has heard of a rotation, in seconds: what it wraps from then on is wrapped with the new key. */
const SETTLED_S = 5;

/** Changes the master keys, and puts it on the record. */
export class KeyKeeper {
  readonly #options: KeyKeeperOptions;
  readonly #rewraps: Rewraps;

  /** From now on what is wrapped with a replaced key is brought to the active one. */
  constructor(options: KeyKeeperOptions) {
    this.#options = options;
    this.#rewraps = new Rewraps(options);
    this.#rewraps.start();
  }

  async close(): Promise<void> {
    await this.#rewraps.close();
  }

  /** Retired ones too, oldest first, and behind them those that were never active. */
  async list(): Promise<readonly KeyStatus[]> {
    const { database, keyRing, masterKeys } = this.#options;
    await masterKeys.refresh();
    const rows = await readKeys(database);
    const known = await Promise.all(rows.map((row) => this.#status(row)));
    const never = { state: 'PENDING', activatedAt: null, replacedAt: null, retiredAt: null, held: true, dependents: [] } as const;
    const pending = pendingKeys(keyRing, rows).map(({ keyId: id }) => ({ id, ...never }));
    return [...known, ...pending];
  }

  /**
   * Makes another key the active one, in all processes at one moment: one that waits in the file or the environment, or else a
   * new one in the file.
   * @throws HeadgateError CONFLICT when there is none to be made active, or a process does not hold it: then nothing was changed
   */
  async rotate(actor: Actor): Promise<KeyRotation> {
    return this.#recorded(actor, 'keys.rotate', {}, async () => {
      const { database, masterKeys, refresh } = this.#options;
      const ids = await database.transaction((tx) => this.#rotate(tx, actor));
      await masterKeys.refresh();
      await refresh();
      void this.#rewraps.run();
      return { from: await this.#statusOf(ids.from), to: await this.#statusOf(ids.to) };
    });
  }

  /**
   * Ends a key that was replaced: tokens that it signed are refused, what it wrapped is lost, and it goes from the key file.
   * Its checkpoints stay good. Twice is once.
   * @throws HeadgateError NOT_FOUND; CONFLICT while something depends on it
   */
  async retire(id: string, actor: Actor): Promise<KeyStatus> {
    return this.#recorded(actor, 'keys.retire', { key: id.slice(0, 100) }, async () => {
      const { database, masterKeys } = this.#options;
      await this.#rewraps.run();
      await database.transaction((tx) => this.#retire(tx, id, actor));
      await masterKeys.refresh();
      return this.#statusOf(id);
    });
  }

  async #rotate(tx: Transaction, actor: Actor): Promise<{ readonly from: string; readonly to: string }> {
    const { keyRing, masterKeys, audit, raise, database, patienceMs = 5_000 } = this.#options;
    await tx.query('SELECT pg_advisory_xact_lock($1)', [ROTATION_LOCK]);
    await keyRing.reload();
    await masterKeys.refresh();
    const rows = await readKeys(tx);
    const from = rows.find(({ replacedAt }) => replacedAt === null);
    if (!from || from.keyId !== keyRing.keyId) throw new HeadgateError('UNAVAILABLE', 'Which master key is active could not be told. Try again.');
    const to = pendingKeys(keyRing, rows).at(-1) ?? (await this.#newKey());
    await masterKeys.holders.show();
    // Not in this transaction, whose words are heard at its end.
    await database.query('SELECT pg_notify($1, $2)', [KEYS_CHANNEL, 'look']);
    await masterKeys.holders.all(to.keyId, patienceMs);

    await tx.query('SELECT pg_advisory_xact_lock($1)', [SIGNING_LOCK]);
    await tx.query('UPDATE headgate.master_key SET replaced_at = clock_timestamp(), endorsed_by = $2, endorsement = $3 WHERE key_id = $1', [
      from.keyId,
      to.keyId,
      endorse(to, from),
    ]);
    await tx.query('INSERT INTO headgate.master_key (key_id, activated_by, audit_public_key) VALUES ($1, $2, $3)', [
      to.keyId,
      actor.subject,
      auditPublicKey(to),
    ]);
    await raise(tx);
    await audit.recordIn(tx, { actor, action: 'keys.rotate', decision: 'ALLOWED', details: { from: from.keyId, to: to.keyId } });
    return { from: from.keyId, to: to.keyId };
  }

  async #newKey(): Promise<MasterKey> {
    const { keyRing } = this.#options;
    if (keyRing.file !== undefined) return keyRing.add();
    throw new HeadgateError(
      'CONFLICT',
      'There is no new master key to change to: HEADGATE_MASTER_KEY holds none that was not active yet. Make one with `openssl rand -base64 32`, add it to ' +
        'HEADGATE_MASTER_KEY of each process behind the old one, with a comma between, start them again one by one, and then rotate.',
      { held: keyRing.held.map(({ keyId }) => keyId) },
    );
  }

  async #retire(tx: Transaction, id: string, actor: Actor): Promise<void> {
    const { audit } = this.#options;
    await tx.query('SELECT pg_advisory_xact_lock($1)', [ROTATION_LOCK]);
    const row = (await readKeys(tx)).find(({ keyId }) => keyId === id);
    if (!row)
      throw new HeadgateError('NOT_FOUND', `There is no master key "${id.slice(0, 100)}" that ever was active. "headgate keys list" tells which there are.`);
    if (row.retiredAt !== null) return;
    if (row.replacedAt === null) {
      throw new HeadgateError('CONFLICT', `${id} is the active master key. Change to another one first, with "headgate keys rotate".`, { key: id });
    }
    await this.#refuseWhileWriting(tx, row);
    const dependents = await this.#rewraps.dependents(tx, id);
    if (dependents.length > 0) {
      const what = dependents.map(({ name, count }) => `${count} ${name}`).join(', ');
      throw new HeadgateError(
        'CONFLICT',
        `${what} are still wrapped with the master key ${id}, and would be lost with it. They are being wrapped with the active one: try again in a while.`,
        { key: id, dependents },
      );
    }
    await tx.query('UPDATE headgate.master_key SET retired_at = clock_timestamp(), retired_by = $2 WHERE key_id = $1', [id, actor.subject]);
    await audit.recordIn(tx, { actor, action: 'keys.retire', decision: 'ALLOWED', details: { key: id } });
  }

  /** A transaction that began before all had heard of the rotation may hold, unseen, what it wrapped with the old key. */
  async #refuseWhileWriting(tx: Transaction, { keyId }: KeyRow): Promise<void> {
    const [open] = await tx.query<{ wait: number; transactions: number }>(
      `SELECT ceil(extract(epoch FROM replaced_at + interval '${SETTLED_S} seconds' - clock_timestamp()))::int AS wait,
          (SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xid IS NOT NULL
            AND xact_start < replaced_at + interval '${SETTLED_S} seconds') AS transactions
        FROM headgate.master_key WHERE key_id = $1`,
      [keyId],
    );
    const { wait = 0, transactions = 0 } = open ?? {};
    if (wait > 0)
      throw new HeadgateError('CONFLICT', `The master key ${keyId} was replaced a moment ago. Try again in ${wait} s.`, {
        key: keyId,
        retryAfter: wait,
      });
    if (transactions === 0) return;
    throw new HeadgateError(
      'CONFLICT',
      `${transactions} transactions that began before the master key ${keyId} was replaced are still open, and may have written with it. Try again when they have ended.`,
      { key: keyId, transactions },
    );
  }

  async #statusOf(id: string): Promise<KeyStatus> {
    const row = (await readKeys(this.#options.database)).find(({ keyId }) => keyId === id);
    if (!row) throw new HeadgateError('NOT_FOUND', `There is no master key "${id}".`);
    return this.#status(row);
  }

  async #status(row: KeyRow): Promise<KeyStatus> {
    const { database, keyRing } = this.#options;
    const { keyId: id, activatedAt, replacedAt, retiredAt } = row;
    const state = retiredAt !== null ? 'RETIRED' : replacedAt !== null ? 'REPLACED' : 'ACTIVE';
    const held = keyRing.held.some(({ keyId }) => keyId === id);
    return { id, state, activatedAt, replacedAt, retiredAt, held, dependents: await this.#rewraps.dependents(database, id) };
  }

  /** What is refused is on the record before it is told. */
  async #recorded<T>(actor: Actor, action: string, details: Readonly<Record<string, unknown>>, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const code = isHeadgateError(error) ? error.code : 'INTERNAL_SERVER_ERROR';
      // What can't be reached can't be written to either.
      if (code !== 'UNAVAILABLE') await this.#options.audit.record({ actor, action, decision: 'FAILED', details: { ...details, code } });
      throw error;
    }
  }
}

/** Held, and never active. */
function pendingKeys(keyRing: KeyRing, rows: readonly KeyRow[]): readonly MasterKey[] {
  const known = new Set(rows.map(({ keyId }) => keyId));
  return keyRing.held.filter(({ keyId }) => !known.has(keyId));
}
