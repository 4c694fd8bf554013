import type { Actor, AuditLog } from '../../audit/index.js';
import type { Dataset } from '../../catalog/index.js';
import { isHeadgateError } from '../../kernel/index.js';
import { advanceStage, WHOLE_LOAD, type RunEntity, type Runs } from '../../lifecycle/index.js';
import type { Database, Transaction } from '../../store/index.js';
import type { LoadRequest } from '../load-request.js';
import type { Loader } from '../loader.js';
import type { LoadCounts, LoadMode, LoadOutcome } from '../outcome.js';
import type { CollectedBatch } from './collect-job.js';
import { movePosition, type PartitionHealth, type Place } from './positions.js';
import { quarantineMessages } from './refused-messages.js';

/** What follows a batch, in its transaction. Short. */
export type AfterBatch = (
  tx: Transaction,
  dataset: Dataset,
  batch: { readonly run: RunEntity; readonly outcome: LoadOutcome; readonly receivedAt: Date; readonly actor: Actor },
) => Promise<void>;

export interface BatchLoadsOptions {
  readonly database: Pick<Database, 'transaction'>;
  readonly loader: Loader;
  readonly runs: Runs;
  readonly audit: Pick<AuditLog, 'recordIn'>;
  readonly afterBatch?: AfterBatch | undefined;
}

/** One batch on its way. */
export interface BatchLoad {
  readonly run: RunEntity;
  readonly dataset: Dataset;
  readonly place: Place;
  readonly mode: LoadMode;
  readonly batch: CollectedBatch;
  /** The position where it begins; undefined at the beginning. */
  readonly from: unknown;
  readonly health: PartitionHealth;
  readonly actor: Actor;
  readonly signal: AbortSignal;
}

/**
 * Lands rows that are collected piece by piece: each piece is one transaction that holds rows, quarantine, ledger, the
 * collector's position, the run's counts and the entry `ingest`.
 */
export class BatchLoads {
  readonly #options: BatchLoadsOptions;

  constructor(options: BatchLoadsOptions) {
    this.#options = options;
  }

  /**
   * @throws HeadgateError as Loader.load; AttemptLostError when the run or the position is in other hands. Nothing is changed then.
   */
  async land(asked: BatchLoad): Promise<LoadCounts> {
    const { database, loader } = this.#options;
    // Before anything is fetched: who is erased while it comes does not come back by it.
    const load = { ...asked, batch: { ...asked.batch, receivedAt: asked.batch.receivedAt ?? new Date() } };
    const { run, mode, batch, signal, actor } = load;
    const began = performance.now();
    const { source, eachAlone } = batch;
    const dataset = eachAlone ? withoutRefusals(load.dataset) : load.dataset;
    const refused = batch.refused?.length ?? 0;
    if (source === undefined) {
      const counts = { read: refused, loaded: 0, quarantined: refused, deduplicated: 0 };
      await database.transaction((tx) => this.#settle(tx, load, began, counts));
      return counts;
    }
    const request: Omit<LoadRequest, 'dataset'> = {
      runId: run.id,
      source,
      format: batch.format ?? 'ndjson',
      mode,
      eachAlone,
      changes: batch.changes,
      captured: batch.captured ?? batch.changes !== undefined,
      // Two batches may hold the same rows; what was read is known by the position, not by the content.
      force: batch.force ?? true,
      dialect: batch.dialect,
      signal,
      actor,
      inTransaction: (tx, outcome, followed) => this.#settle(tx, { ...load, dataset: followed }, began, outcome, outcome),
    };
    const { read, loaded, quarantined, deduplicated } = await loader.load({ ...request, dataset }).catch((error: unknown) => {
      if (!eachAlone || dataset.drift !== 'evolve' || !needsSomebody(error)) throw error;
      return loader.load({ ...request, dataset: { ...dataset, drift: 'quarantine' } });
    });
    return { read: read + refused, loaded, quarantined: quarantined + refused, deduplicated };
  }

  /** All that goes with the rows of a batch. */
  async #settle(tx: Transaction, load: BatchLoad, began: number, counts: LoadCounts, outcome?: LoadOutcome): Promise<void> {
    const { runs, audit, afterBatch } = this.#options;
    const { run, dataset, place, mode, batch, from, health, actor } = load;
    const refused = batch.refused ?? [];
    const read = counts.read + (outcome ? refused.length : 0);
    const quarantined = counts.quarantined + (outcome ? refused.length : 0);
    await movePosition(tx, place, { from, to: batch.position, rows: read, health, run: run.id });
    if (outcome && outcome.quarantined > 0 && batch.positionOf)
      await tellPositions(tx, { run, dataset, count: outcome.quarantined, positionOf: batch.positionOf });
    await quarantineMessages(tx, dataset, run.id, refused);
    const bytesRead = (outcome?.bytes ?? 0) + refused.reduce((sum, { bytes }) => sum + bytes, 0);
    const { loaded: rowsLoaded, deduplicated } = counts;
    await runs.advance(tx, run, { rowsRead: read, rowsLoaded, rowsQuarantined: quarantined, rowsDeduplicated: deduplicated, bytesRead });
    if (outcome) await advanceStage(tx, dataset.name, WHOLE_LOAD);
    if (read > 0)
      await audit.recordIn(tx, {
        actor,
        action: 'ingest',
        dataset: dataset.name,
        decision: 'ALLOWED',
        rowCount: rowsLoaded,
        durationMs: performance.now() - began,
        details: {
          run: run.id,
          collector: place.collector,
          ...(place.partition !== '' && { partition: place.partition }),
          mode,
          read,
          quarantined,
          deduplicated,
          ...(outcome && { contentHash: outcome.contentHash }),
          ...(outcome?.superseded !== undefined && { superseded: outcome.superseded }),
        },
      });
    if (!outcome) return;
    await afterBatch?.(tx, dataset, { run, outcome, receivedAt: batch.receivedAt ?? new Date(), actor });
    await batch.inTransaction?.(tx, outcome);
  }
}

/** What refuses a file as a whole puts single rows into quarantine. */
function withoutRefusals({ maxQuarantine: _, ...dataset }: Dataset): Dataset {
  // What a contract with encrypted fields does not know may be such a value under another name: nothing of it is kept as it is.
  if (dataset.fields.some(({ encrypted }) => encrypted)) return dataset;
  return { ...dataset, drift: dataset.drift ?? 'quarantine' };
}

/**
 * The contract would have to follow the rows, and something stands in the way: a change policy that wants what a load can't give, or what
 * depends on the dataset. Then the rows wait for somebody.
 */
function needsSomebody(error: unknown): boolean {
  if (!isHeadgateError(error) || error.code !== 'CONFLICT') return false;
  const { contractChanged, busy, reason } = error.details;
  return contractChanged !== true && busy !== true && reason === undefined;
}

/** Whether a batch that could not land may simply be landed again: its contract changed meanwhile. */
export function isOutdated(error: unknown): boolean {
  return isHeadgateError(error) && error.code === 'CONFLICT' && error.details['dataset'] !== undefined && error.details['reason'] === undefined;
}

interface Told {
  readonly run: RunEntity;
  readonly dataset: Dataset;
  readonly count: number;
  readonly positionOf: (line: number) => string | undefined;
}

/** The rows of this batch in quarantine are the last ones of the dataset, which is held by this transaction. */
async function tellPositions(tx: Transaction, { run, dataset, count, positionOf }: Told): Promise<void> {
  const rows = await tx.query<{ id: string; line: string }>(
    `SELECT id, line FROM (SELECT id, line, run_id, position FROM headgate.quarantined_row WHERE dataset_id = $1 ORDER BY id DESC LIMIT $2) t
     WHERE run_id = $3 AND position IS NULL`,
    [dataset.id, count, run.id],
  );
  const told = rows.flatMap(({ id, line }) => {
    const position = positionOf(Number(line));
    return position === undefined ? [] : [{ id, position }];
  });
  await tx.query('UPDATE headgate.quarantined_row q SET position = t.position FROM unnest($1::bigint[], $2::text[]) AS t(id, position) WHERE q.id = t.id', [
    told.map(({ id }) => id),
    told.map(({ position }) => position),
  ]);
}
