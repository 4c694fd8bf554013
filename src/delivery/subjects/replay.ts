import type { Actor, AuditLog } from '../../audit/index.js';
import { HeadgateError, type Log } from '../../kernel/index.js';
import { referenceKeyId } from '../../vault/index.js';
import type { Database, KeyRing, Transaction } from '../../store/index.js';
import { eraseEverywhere, lockForErasure } from './erase.js';
import type { EraseHook } from './erase-hook.js';
import type { ErasureLedger } from './erasure-ledger.js';
import { erasureFacts } from './erasures.js';
import { findSubjects } from './find-subjects.js';
import type { LedgerLine } from './ledger-file.js';
import type { ErasureReceipt } from './receipt.js';

export interface ReplayOptions {
  readonly database: Database;
  readonly keyRing: KeyRing;
  readonly audit: Pick<AuditLog, 'recordIn'>;
  readonly log: Log;
  readonly ledger: ErasureLedger;
  readonly hooks: readonly EraseHook[];
}

/** Nobody asked for it now; who asked for the erasure is in `details`. */
const PROGRAM: Actor = { subject: 'headgate', roles: [] };

const NOTHING = { datasets: [], quarantined: 0, staged: 0, others: [], elsewhere: [], recompute: [], openRuns: [] };

/**
 * Before anything is served: erasures that the ledger's file knows and the database does not are done again, all of them or
 * the program does not start. That is so after the database was brought back to an earlier state. Legal holds are not
 * asked: what was done then was allowed then.
 * @returns how many
 * @throws HeadgateError UNAVAILABLE for a file that can't be read, or one written with another master key
 */
export async function replayErasures({ database, keyRing, audit, log, ledger, hooks }: ReplayOptions): Promise<number> {
  const replayed =
    (await ledger.missing(database)).length === 0
      ? []
      : await database.transaction(async (tx) => {
          await lockForErasure(tx);
          // Another process may have begun with it.
          const missing = await ledger.missing(tx);
          if (missing.length > 0) await refuseOtherKey(tx, missing, keyRing, ledger);
          const subjects = await findSubjects(
            tx,
            keyRing,
            missing.map(({ reference }) => reference),
            hooks,
          );
          const unknown = missing.map(({ reference }) => reference).filter((reference) => !subjects.has(reference));
          for (const hook of hooks) await hook.eraseReferences?.(tx, unknown);
          const receipts: ErasureReceipt[] = [];
          for (const { id, reference, at, by, reason } of missing) {
            const subject = subjects.get(reference);
            const erased = subject === undefined ? NOTHING : await eraseEverywhere(tx, subject, hooks, { ignoreHolds: true });
            const receipt = { id, reference, at: new Date(at), by, reason, ...erased };
            await ledger.record(tx, receipt, referenceKeyId(keyRing), { replayed: true });
            await audit.recordIn(tx, ...erasureFacts(PROGRAM, receipt, { details: { replayed: true, at, by } }));
            receipts.push(receipt);
          }
          return receipts;
        });
  for (const { id, datasets } of replayed)
    log.warn(
      { erasure: id, rows: datasets.reduce((sum, { rows, nullified }) => sum + rows + nullified, 0) },
      'an erasure that the database did not know of was done again',
    );
  await ledger.settle();
  return replayed.length;
}

/** References that were made with another key lead to nobody: to go on would serve persons who were erased. */
async function refuseOtherKey(tx: Transaction, missing: readonly LedgerLine[], keyRing: KeyRing, ledger: ErasureLedger): Promise<void> {
  const foreign = missing.find(({ keyId }) => keyId !== referenceKeyId(keyRing));
  if (!foreign) return;
  const [data] = await tx.query('SELECT 1 FROM headgate.dataset WHERE data_version > 0 LIMIT 1');
  if (!data) return;
  throw new HeadgateError(
    'UNAVAILABLE',
    `${ledger.file} has erasures that this database does not know of, and they were written with another master key (${foreign.keyId}; this one is ${referenceKeyId(keyRing)}), so they can't be done again. Put the right key back; or move the file away if these persons were never in this database.`,
    { file: ledger.file },
  );
}
