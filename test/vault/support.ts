import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditCheckpointEntity, AuditEntryEntity, AuditLog } from '../../src/audit/index.js';
import { raiseCatalogVersion } from '../../src/catalog/index.js';
import { silentLog, type Log } from '../../src/kernel/index.js';
import { Database, KeyRing, Notifications } from '../../src/store/index.js';
import { KeyKeeper, MasterKeys, type Rewrapper } from '../../src/vault/index.js';
import { createTestDatabase } from '../support/database.js';

export const ADMIN = { subject: 'ada', roles: ['admin'] };

export interface ProcessOptions {
  /** Of HEADGATE_MASTER_KEY; the file of the home when absent. */
  readonly keys?: readonly Buffer[];
  readonly home?: string;
  readonly rewrappers?: readonly Rewrapper[];
  readonly pollMs?: number;
  readonly patienceMs?: number;
  readonly log?: Log;
}

/** What a process of an installation has of the master keys. */
export interface KeyProcess {
  readonly keyRing: KeyRing;
  readonly masterKeys: MasterKeys;
  readonly keeper: KeyKeeper;
  readonly notifications: Notifications;
  close(): Promise<void>;
}

/** A database of its own, and processes on it, as far as several can be in one. */
export class KeyWorld {
  readonly database: Database;
  readonly home: string;
  readonly audit: AuditLog;
  readonly #drop: () => Promise<void>;
  #processes: KeyProcess[] = [];

  private constructor(database: Database, home: string, drop: () => Promise<void>) {
    this.database = database;
    this.home = home;
    this.#drop = drop;
    this.audit = new AuditLog({ database, log: silentLog, mode: 'strict' });
  }

  static async open(): Promise<KeyWorld> {
    const { connection, drop } = await createTestDatabase();
    const database = await Database.open({ connection, entities: [AuditEntryEntity, AuditCheckpointEntity], statementTimeoutMs: 10_000 });
    return new KeyWorld(database, await mkdtemp(join(tmpdir(), 'headgate-vault-')), drop);
  }

  async process({ keys, home = this.home, rewrappers = [], pollMs = 60_000, patienceMs = 300, log = silentLog }: ProcessOptions = {}): Promise<KeyProcess> {
    const { database, audit } = this;
    const keyRing = await KeyRing.open(home, keys);
    const notifications = new Notifications(database.connection, log);
    await notifications.start();
    let masterKeys: MasterKeys;
    try {
      masterKeys = await MasterKeys.start({ database, notifications, keyRing, log, pollMs });
    } catch (error) {
      await notifications.close();
      throw error;
    }
    const refresh = async (): Promise<void> => undefined;
    const keeper = new KeyKeeper({ database, keyRing, masterKeys, audit, log, rewrappers, raise: raiseCatalogVersion, refresh, patienceMs });
    const close = async (): Promise<void> => {
      this.#processes = this.#processes.filter((one) => one !== started);
      await keeper.close();
      masterKeys.close();
      await notifications.close();
    };
    const started = { keyRing, masterKeys, keeper, notifications, close };
    this.#processes.push(started);
    return started;
  }

  /** Entries of `keys.*`, oldest first. */
  async entries(): Promise<Record<string, unknown>[]> {
    return this.database.query("SELECT action, decision, principal, details FROM headgate.audit_record WHERE action LIKE 'keys.%' ORDER BY id");
  }

  /** As if the keys had been replaced long ago. */
  async waitLong(): Promise<void> {
    await this.database.query("UPDATE headgate.master_key SET replaced_at = replaced_at - interval '1 hour' WHERE replaced_at IS NOT NULL");
  }

  /** Nobody is here any more, and there never was a key. */
  async clear(): Promise<void> {
    for (const process of this.#processes) await process.close();
    await this.database.query('TRUNCATE headgate.master_key, headgate.audit_pending, headgate.audit_entry, headgate.audit_checkpoint');
    await rm(this.home, { recursive: true, force: true });
  }

  async close(): Promise<void> {
    await this.clear();
    await this.audit.close();
    await this.database.close();
    await this.#drop();
  }
}
