import { join } from 'node:path';
import type { AuditLog } from '../../audit/index.js';
import { loadHolds, type Dataset, type LegalHold } from '../../catalog/index.js';
import type { FieldCipher } from '../../vault/index.js';
import type { Closing, Log } from '../../kernel/index.js';
import type { Database, KeyRing, Transaction } from '../../store/index.js';
import { Exporter } from '../exporter.js';
import type { EraseHook } from './erase-hook.js';
import { refuseErased } from './erasure-guard.js';
import { ErasureLedger } from './erasure-ledger.js';
import { Erasures } from './erasures.js';
import type { OpenRefused } from './quarantine-part.js';
import { replayErasures } from './replay.js';
import { SubjectExports } from './subject-exports.js';

export interface SubjectsOptions {
  /** The folder in which the ledger's file is: HEADGATE_HOME. */
  readonly home: string;
  readonly database: Database;
  readonly keyRing: KeyRing;
  readonly cipher: FieldCipher;
  readonly audit: Pick<AuditLog, 'record' | 'recordIn'>;
  readonly log: Log;
  readonly closing: Closing;
  readonly openRefused: OpenRefused;
  /** How long one file of an archive may take, in milliseconds. */
  readonly exportTimeoutMs: number;
  /** What else is kept of persons. */
  readonly hooks: readonly EraseHook[];
  /** Resolves when this process sees the data as they are now. */
  readonly onErased: () => Promise<void>;
}

/** Persons: what is known of one, and forgetting one. */
export interface Subjects {
  readonly exports: SubjectExports;
  readonly erase: Erasures['erase'];
  /** For the end of a load, in its transaction. @throws HeadgateError CONFLICT when it would bring back who was erased meanwhile */
  readonly afterLoad: (tx: Transaction, dataset: Dataset, run: { readonly id: string; readonly createdAt: Date }) => Promise<void>;
  /** The same for a pipeline's run. */
  readonly afterPublish: (
    tx: Transaction,
    dataset: Dataset,
    run: { readonly id: string; readonly createdAt: Date },
    snapshot: string | undefined,
  ) => Promise<void>;
  readonly holds: () => Promise<readonly LegalHold[]>;
}

/**
 * Brings the database up to date with the ledger of erasures before anything else is done with it.
 * @throws HeadgateError UNAVAILABLE, as `replayErasures`
 */
export async function openSubjects({ home, cipher, openRefused, closing, exportTimeoutMs, onErased, ...shared }: SubjectsOptions): Promise<Subjects> {
  const { database, keyRing, audit } = shared;
  const ledger = new ErasureLedger(database, join(home, 'erasures.ndjson'));
  const exporter = new Exporter({ sessionsOf: () => database.exports, cipher, audit, timeoutMs: exportTimeoutMs });
  const waits = (subject: string, dataset: string) =>
    database.transaction(async (tx) => {
      const waiting: string[] = [];
      for (const hook of shared.hooks) if (await hook.waitsFor?.(tx, subject, dataset)) waiting.push(hook.name.replaceAll(' ', '-'));
      return waiting;
    });
  const exports = new SubjectExports({ database, keyRing, audit, exporter, openRefused, cipher, waits });
  const hooks: readonly EraseHook[] = [...shared.hooks, { name: 'exports', erase: (tx, subject) => exports.forget(tx, subject) }];
  await replayErasures({ ...shared, hooks, ledger });
  const erasures = new Erasures({ ...shared, hooks, ledger, onErased });
  closing.add('erasures', () => erasures.close());
  return {
    exports,
    erase: (...asked) => erasures.erase(...asked),
    afterLoad: (tx, dataset, run) => refuseErased(tx, keyRing, { dataset, run }),
    afterPublish: (tx, dataset, run, snapshot) => refuseErased(tx, keyRing, { dataset, run, computed: { snapshot } }),
    holds: () => loadHolds(database),
  };
}
