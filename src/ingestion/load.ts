import pg from 'pg';
import { draftContract, lockCatalog, refuseHeld, type ContractDraft, type ContractDrift, type Dataset } from '../catalog/index.js';
import type { ContractKeeper } from '../governance/index.js';
import { HeadgateError, isHeadgateError } from '../kernel/index.js';
import type { Transaction } from '../store/index.js';
import type { FieldCipher } from '../vault/index.js';
import { applyChanges } from './captured-changes.js';
import { ContractRules } from './contract-rules.js';
import { fillDefaults } from './defaults.js';
import { Drifted, widenings } from './drift.js';
import { removeDuplicates } from './duplicates.js';
import { type Landed, type LandingJob, TooManyBadRows } from './landing.js';
import { Ledger, type LedgerEntry } from './ledger.js';
import type { SpooledLoad } from './load-request.js';
import type { LoadCounts, LoadOutcome, Preview } from './outcome.js';
import { Previewed, previewOf, wouldStore } from './preview.js';
import { landParquet } from './parquet/parquet-landing.js';
import { quarantine, refusedExamples } from './quarantine.js';
import { rejected, unreadable } from './rejection.js';
import { landQuarantined, settleReplay } from './replay-landing.js';
import { createShadowWorkTables, takeShadow, tryKey } from './shadow-landing.js';
import { discardSuperseded } from './superseded.js';
import { shadowOf } from './shadow-table.js';
import { storeRows } from './store-rows.js';
import { landText } from './text-landing.js';
import { canLandTyped, landTyped } from './typed-landing.js';
import { refuseBadRows } from './validation.js';
import { createWorkTables, LANDED } from './work-tables.js';

/** The dataset's row in the catalog, held until the end, so that one load at a time changes a dataset. */
interface Head {
  readonly contractVersion: number;
  readonly dataVersion: number;
  readonly rowCount: number;
}

/** What a load needs beside its request. */
export interface LoadKernel {
  readonly maxValueBytes: number;
  /** Of datasets whose contract follows what comes; without it none of them can be loaded. */
  readonly contracts?: ContractKeeper | undefined;
  /** Of encrypted fields. */
  readonly cipher?: FieldCipher | undefined;
}

/**
 * One load within its transaction: everything it does is in `tx`.
 * @throws Drifted when it must begin again, with the contract that the rows want
 */
export async function load(tx: Transaction, request: SpooledLoad, kernel: LoadKernel): Promise<LoadOutcome> {
  const { dataset, mode, spooled, idempotencyKey, force = false, runId } = request;
  // In this order an apply locks them too.
  if (isDrift(request.drift)) await lockCatalog(tx);
  const head = await holdDataset(tx, dataset);
  const ledger = new Ledger(tx, dataset.id);
  const first = idempotencyKey === undefined ? undefined : await ledger.byKey(idempotencyKey);
  if (first) return finish(tx, request, repeated(first, dataset, spooled.hash), dataset);

  if (mode === 'replace') await refuseHeld(tx, dataset.name, 'replaced');
  const before = force || request.replay ? undefined : await ledger.alreadyLoaded(spooled.hash, mode, dataset.contractVersion);
  const done: Loaded = before
    ? { dataset, read: before.read, loaded: 0, quarantined: 0, deduplicated: before.read, rowCount: head.rowCount, changed: false }
    : await loadRows(tx, request, head, kernel);
  const { changed, rowCount, preview, ...rest } = done;
  const { dataset: followed, ...counts } = rest;
  checkCounts(counts);
  const dataVersion = head.dataVersion + (changed ? 1 : 0);
  if (changed) {
    await tx.query('UPDATE headgate.dataset SET data_version = $2, row_count = $3, loaded_at = now() WHERE id = $1', [dataset.id, dataVersion, rowCount]);
  } else if (!request.replay) {
    // What is there was confirmed to be what the source has now.
    await tx.query('UPDATE headgate.dataset SET loaded_at = now() WHERE id = $1', [dataset.id]);
  }
  const outcome = { runId, mode, ...counts, bytes: spooled.contentSize, contentHash: spooled.hash, dataVersion, rowCount };
  await ledger.record({ ...outcome, idempotencyKey, contractVersion: followed.contractVersion, changed });
  const drift = !before && isDrift(request.drift) ? request.drift : undefined;
  return finish(
    tx,
    request,
    { ...outcome, repeated: before !== undefined, dialect: spooled.dialect, ...(drift && { drift }), ...(preview && { preview }) },
    followed,
  );
}

async function finish(tx: Transaction, request: SpooledLoad, outcome: LoadOutcome, dataset: Dataset): Promise<LoadOutcome> {
  request.signal?.throwIfAborted();
  if (request.preview) throw new Previewed(outcome);
  await request.inTransaction?.(tx, outcome, dataset);
  return outcome;
}

async function holdDataset(tx: Transaction, dataset: Dataset): Promise<Head> {
  const [head] = await tx.query<Head>(
    'SELECT contract_version AS "contractVersion", data_version::float8 AS "dataVersion", row_count::float8 AS "rowCount" FROM headgate.dataset WHERE id = $1 FOR UPDATE',
    [dataset.id],
  );
  if (!head) throw new HeadgateError('NOT_FOUND', `There is no dataset "${dataset.name}".`, { dataset: dataset.name });
  if (head.contractVersion !== dataset.contractVersion) {
    throw new HeadgateError('CONFLICT', `The contract of "${dataset.name}" changed while the load was on its way. Nothing was loaded: send it again.`, {
      dataset: dataset.name,
      contractChanged: true,
    });
  }
  return head;
}

function repeated({ contractVersion: _, changed: __, idempotencyKey: ___, ...entry }: LedgerEntry, dataset: Dataset, hash: string): LoadOutcome {
  if (entry.contentHash !== hash) {
    throw new HeadgateError('CONFLICT', `The idempotency key was used before for "${dataset.name}" with other content. Use a new key for new content.`, {
      dataset: dataset.name,
      run: entry.runId,
    });
  }
  return { ...entry, repeated: true };
}

type Loaded = LoadCounts & {
  readonly rowCount: number;
  readonly changed: boolean;
  /** Under the contract that the rows are in. */
  readonly dataset: Dataset;
  readonly preview?: Preview;
  readonly superseded?: number;
};

/** From this size on it pays to build the dataset's table anew. */
const SHADOW_FROM_BYTES = 4_000_000;

/** Tries the quick way to land; when it meets too many bad rows, all it did is undone and the general way does it. */
async function loadRows(tx: Transaction, request: SpooledLoad, head: Head, kernel: LoadKernel): Promise<Loaded> {
  const { spooled, format, mode, signal, onProgress, drift, replay, eachAlone } = request;
  const draft = isDrift(drift) ? await draftContract(tx, request.dataset, drift) : undefined;
  const dataset = draft?.dataset ?? request.dataset;
  const rules = new ContractRules(dataset);
  const onBytes = (bytesRead: number) => onProgress?.({ phase: 'load', bytesRead, bytesTotal: spooled.size });
  const job: LandingJob = { tx, dataset, spooled, format, rules, table: LANDED, maxValueBytes: kernel.maxValueBytes, eachAlone, signal, onBytes };
  // Hash tables over a million keys, and the sort for an index on them, should not go to the disk.
  await tx.query("SET LOCAL work_mem = '128MB'");
  await tx.query("SET LOCAL maintenance_work_mem = '256MB'");
  const [{ empty } = { empty: false }] = await tx.query<{ empty: boolean }>(
    `SELECT NOT EXISTS (SELECT FROM data.${pg.escapeIdentifier(dataset.name)}) AS empty`,
  );
  const settling = { request, head, empty, draft, contracts: kernel.contracts, cipher: kernel.cipher };
  if (replay) return settle(job, { ...settling, inShadow: false, land: (landing) => landQuarantined(landing, replay) });
  const quick = format === 'parquet' ? landParquet : (await canLandTyped(job)) ? landTyped : undefined;
  if (quick) {
    await tx.query('SAVEPOINT landing');
    // Of a preview nothing is stored, and under another contract the table is not yet what it will be.
    const inShadow = spooled.size >= SHADOW_FROM_BYTES && (mode === 'replace' || empty) && !request.preview && !draft;
    try {
      return await settle(inShadow ? { ...job, table: shadowOf(dataset), withRowIds: true } : job, { ...settling, inShadow, land: quick });
    } catch (error) {
      if (!(error instanceof TooManyBadRows)) throw error;
      await tx.query('ROLLBACK TO SAVEPOINT landing');
    }
  }
  return settle(job, { ...settling, inShadow: false, land: landText });
}

/** Whether it says more than that nothing is to follow. */
function isDrift(drift: ContractDrift | undefined): drift is ContractDrift {
  return drift !== undefined && drift.columns.length + drift.wider.length > 0;
}

interface Settling {
  readonly request: SpooledLoad;
  readonly head: Head;
  /** The dataset has no rows. */
  readonly empty: boolean;
  /** Rows land in the table that will be the dataset's. */
  readonly inShadow: boolean;
  readonly land: (job: LandingJob) => Promise<Landed>;
  /** The contract that the rows are in, before it is in force. */
  readonly draft: ContractDraft | undefined;
  readonly contracts: ContractKeeper | undefined;
  readonly cipher: FieldCipher | undefined;
}

async function settle(job: LandingJob, settling: Settling): Promise<Loaded> {
  const { tx, dataset, rules, spooled } = job;
  const { request, head, empty, inShadow, land } = settling;
  const { mode, runId, replay } = request;
  const number = head.dataVersion + 1;
  await (inShadow ? createShadowWorkTables(tx, dataset, number) : createWorkTables(tx, dataset));
  const landed = await land(job).catch((error: unknown) => {
    throw unreadable(error);
  });
  const { read, keepRaw } = landed;
  request.onProgress?.({ phase: 'check', bytesRead: spooled.size, bytesTotal: spooled.size });

  await follow(job, landed, settling);
  await fillDefaults(job);
  const gone = request.changes ? await applyChanges(tx, { dataset, rules, cipher: settling.cipher }, request.changes) : { removed: 0, kept: 0 };
  let refused = await refuseBadRows(tx, rules).catch((error: unknown) => {
    throw ruleFailure(error, dataset);
  });
  const superseded = request.captured ? await discardSuperseded(tx, dataset, mode, request.changes) : 0;
  await bringIntoForce(tx, settling);
  const keysDiffer = inShadow && dataset.key.length > 0 && (await tryKey(tx, dataset));
  const duplicates = await removeDuplicates(tx, dataset, rules, mode, { existing: mode !== 'replace' && !empty, keysDiffer });
  refused += duplicates.refused;
  if (refused > 0) await keepRaw();
  if (!replay) await checkQuarantine(job, read, refused);
  const left = read - refused - duplicates.deduplicated;
  const stored = request.preview && (await wouldStore(tx, dataset, mode, empty));
  const preview = request.preview && stored && (await previewOf(tx, dataset, rules, stored, request.preview.rows));
  const { inserted, updated } =
    stored ?? (inShadow ? { inserted: await takeShadow(tx, dataset, keysDiffer), updated: 0 } : await storeRows(tx, dataset, mode, number, empty, left));
  const keep = () => (replay ? settleReplay(tx, runId, rules) : quarantine(tx, { ...request, dataset }, rules));
  const quarantined = request.preview || (refused === 0 && !replay) ? refused : await keep();

  const loaded = inserted + updated + gone.removed;
  const deduplicated = duplicates.deduplicated + gone.kept;
  const rowCount = mode === 'replace' || empty ? inserted : head.rowCount + inserted - gone.removed;
  const changed = loaded > 0 || mode === 'replace';
  return {
    dataset,
    read: read + gone.removed + gone.kept,
    loaded,
    quarantined,
    deduplicated,
    rowCount,
    changed,
    ...(preview && { preview }),
    ...(superseded > 0 && { superseded }),
  };
}

/** @throws Drifted when the contract is one that follows its rows, and these want another one */
async function follow(job: LandingJob, { newColumns }: Landed, { request, contracts }: Settling): Promise<void> {
  if (request.dataset.drift !== 'evolve' || request.drift || request.replay) return;
  if (!contracts) throw new Error('a load under drift: evolve without who keeps contracts');
  const wider = await widenings(job, () => contracts.fixed(job.tx, request.dataset));
  if (newColumns.length > 0 || wider.length > 0) throw new Drifted({ columns: newColumns, wider });
}

/** As late as it can be: readers wait from here on, until the commit. */
async function bringIntoForce(tx: Transaction, { draft, request, contracts }: Settling): Promise<void> {
  if (!draft || !contracts) return;
  try {
    await contracts.save(tx, draft, request.actor ?? { subject: 'headgate', roles: [] }, request.runId);
  } catch (error) {
    // What stands in the way of another type stands in the way of no new column.
    const isAboutIt = isHeadgateError(error) && error.details['busy'] !== true && error.details['changePolicy'] !== true;
    if (isAboutIt && draft.wider.length > 0) throw new Drifted({ columns: draft.columns, wider: [] });
    throw error;
  }
}

async function checkQuarantine({ tx, dataset, rules }: LandingJob, read: number, refused: number): Promise<void> {
  const { maxQuarantine: most } = dataset;
  if (most === undefined || refused <= ('rows' in most ? most.rows : most.share * read)) return;
  const limit = 'rows' in most ? `${most.rows}` : `${Number((most.share * 100).toFixed(6))}%`;
  throw rejected(
    `${refused} of ${read} rows break the contract of "${dataset.name}", and maxQuarantine allows ${limit}. Nothing was loaded; mend the rows, or the contract.`,
    {
      expected: limit,
      actual: refused,
      rowsRead: read,
      examples: await refusedExamples(tx, rules, 5),
    },
  );
}

/** The law of every load; a breach is a mistake of ours, and nothing of such a load may stay. */
function checkCounts({ read, loaded, quarantined, deduplicated }: LoadCounts): void {
  if (read !== loaded + quarantined + deduplicated) {
    throw new HeadgateError('INTERNAL_SERVER_ERROR', 'The rows of the load do not add up. Nothing was loaded.', { read, loaded, quarantined, deduplicated });
  }
}

function ruleFailure(error: unknown, dataset: Dataset): unknown {
  if (!(error instanceof pg.DatabaseError) || !error.code?.startsWith('22')) return error;
  return new HeadgateError(
    'CONTRACT_VIOLATION',
    `A check of "${dataset.name}" can't be computed for one of the rows (SQLSTATE ${error.code}, such as a division by zero). Write it so that it always has a value.`,
    { dataset: dataset.name, sqlState: error.code },
    { cause: error },
  );
}
