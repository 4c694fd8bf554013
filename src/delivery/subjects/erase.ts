import { loadCatalog, lockCatalog } from '../../catalog/index.js';
import type { Transaction } from '../../store/index.js';
import type { EraseHook } from './erase-hook.js';
import { eraseQuarantine, eraseRows } from './erase-rows.js';
import { refuseHeldSubject } from './holds.js';
import type { ErasureReceipt } from './receipt.js';
import { eraseStaged, openRuns, recomputed } from './staging.js';
import { subjectDatasets } from './subject.js';

/** A load that is under way is waited for so long. */
const LOCK_TIMEOUT = '20s';

/**
 * Locks in the order of everybody else: first the catalog, as an apply does, then the datasets' rows in the catalog, of
 * which a load or a pipeline has one. From here on no load, pipeline, apply or other erasure changes what is erased.
 */
export async function lockForErasure(tx: Transaction): Promise<void> {
  await tx.query("SELECT set_config('lock_timeout', $1, true)", [LOCK_TIMEOUT]);
  await lockCatalog(tx);
}

/**
 * Takes a person out of everything that is stored here, within `tx`, which has the locks.
 * @param ignoreHolds for what was done before: a hold of that time had ended, whatever an older copy of the database says
 * @throws HeadgateError CONFLICT for a legal hold
 */
export async function eraseEverywhere(
  tx: Transaction,
  subject: string,
  hooks: readonly EraseHook[],
  { ignoreHolds = false } = {},
): Promise<Omit<ErasureReceipt, 'id' | 'reference' | 'at' | 'by' | 'reason'>> {
  const { datasets } = await loadCatalog(tx);
  const { stored, elsewhere } = subjectDatasets(datasets.values());
  await tx.query('SELECT id FROM headgate.dataset WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE', [stored.map(({ dataset }) => dataset.id)]);
  if (!ignoreHolds) await refuseHeldSubject(tx, stored, subject, hooks);
  const erased = [];
  let quarantined = 0;
  for (const target of stored) {
    erased.push(await eraseRows(tx, target, subject));
    quarantined += await eraseQuarantine(tx, target, subject);
  }
  const staged = await eraseStaged(tx, stored, subject);
  const others = [];
  for (const hook of hooks) others.push({ name: hook.name, count: await hook.erase(tx, subject) });
  const touched = erased.filter(({ rows, nullified }) => rows + nullified > 0).toSorted((a, b) => (a.dataset < b.dataset ? -1 : 1));
  return {
    datasets: touched,
    quarantined,
    staged,
    others,
    elsewhere,
    recompute: await recomputed(
      tx,
      touched.map(({ dataset }) => dataset),
      stored,
    ),
    openRuns: await openRuns(tx, stored),
  };
}
