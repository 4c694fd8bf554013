import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditCheckpointEntity, AuditEntryEntity, AuditLog, Sealer, type AuditFact, type SealerOptions } from '../../src/audit/index.js';
import { AuditMonths } from '../../src/audit/months.js';
import { silentLog } from '../../src/kernel/index.js';
import { Database, KeyRing } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';

/** A database of its own with an empty record, and all that writes to it. */
export class AuditWorld {
  readonly database: Database;
  readonly folder: string;
  readonly key = new KeyRing(Buffer.alloc(32, 7)).signingKey('audit');
  readonly audit: AuditLog;
  readonly #drop: () => Promise<void>;
  readonly #sealers: Sealer[] = [];
  #files = 0;

  private constructor(database: Database, folder: string, drop: () => Promise<void>) {
    this.database = database;
    this.folder = folder;
    this.#drop = drop;
    this.audit = new AuditLog({ database, log: silentLog, mode: 'strict' });
  }

  static async open(): Promise<AuditWorld> {
    const { connection, drop } = await createTestDatabase();
    const database = await Database.open({ connection, entities: [AuditEntryEntity, AuditCheckpointEntity], statementTimeoutMs: 10_000 });
    return new AuditWorld(database, await mkdtemp(join(tmpdir(), 'headgate-audit-')), drop);
  }

  /** A name for a checkpoints file that is not there yet. */
  newFile(): string {
    return join(this.folder, `checkpoints-${++this.#files}.ndjson`);
  }

  sealer(options: Partial<SealerOptions> = {}): Sealer {
    const { database, key } = this;
    const sealer = new Sealer({ database, key, log: silentLog, checkpointsFile: this.newFile(), intervalMs: 20, lockRetryMs: 20, ...options });
    this.#sealers.push(sealer);
    return sealer;
  }

  /** Makes the parts of these months (`2026-09`). */
  async months(...months: readonly string[]): Promise<void> {
    const client = await this.database.pool.connect();
    await new AuditMonths(client).ensure(months).finally(() => client.release());
  }

  async stopSealers(): Promise<void> {
    for (const sealer of this.#sealers.splice(0)) await sealer.stop();
  }

  async clear(): Promise<void> {
    await this.stopSealers();
    await this.database.query('TRUNCATE headgate.audit_pending, headgate.audit_entry, headgate.audit_checkpoint');
  }

  async close(): Promise<void> {
    await this.stopSealers();
    await this.audit.close();
    await this.database.close();
    await this.#drop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export function aRead(number = 0, more: Partial<AuditFact> = {}): AuditFact {
  return {
    actor: { subject: `reader-${number}`, roles: ['analyst'], purpose: 'analytics' },
    action: 'read',
    dataset: 'passengers',
    fields: ['id', 'country'],
    masked: ['email'],
    decision: 'ALLOWED',
    rowCount: number,
    operationHash: 'ab'.repeat(32),
    durationMs: 1.25,
    ...more,
  };
}

/** Waits until the condition holds; fails after ten seconds. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end;) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('the condition did not come true within ten seconds');
}
