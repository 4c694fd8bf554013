import type { Actor, AuditLog } from '../../audit/index.js';
import type { Dataset } from '../../catalog/index.js';
import { isHeadgateError } from '../../kernel/index.js';
import { advanceStage, WHOLE_LOAD, type RunEntity, type Runs } from '../../lifecycle/index.js';
import type { Transaction } from '../../store/index.js';
import type { Loader } from '../loader.js';
import type { LoadMode, LoadOutcome } from '../outcome.js';
import type { CollectedBatch } from './collect-job.js';
import { movePosition, type Lag, type Place } from './positions.js';

/** What follows a batch, in its transaction. Short. */
export type AfterBatch = (
  tx: Transaction,
  dataset: Dataset,
  batch: { readonly run: RunEntity; readonly outcome: LoadOutcome; readonly receivedAt: Date; readonly actor: Actor },
) => Promise<void>;

export interface BatchLoadsOptions {
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
  readonly lag: Lag;
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
  async land({ run, dataset, place, mode, batch, from, lag, actor, signal }: BatchLoad): Promise<LoadOutcome> {
    const { loader, runs, audit, afterBatch } = this.#options;
    const began = performance.now();
    const receivedAt = batch.receivedAt ?? new Date();
    return loader.load({
      runId: run.id,
      dataset,
      source: batch.source,
      format: batch.format ?? 'ndjson',
      mode,
      changes: batch.changes,
      // Two batches may hold the same rows; what was read is known by the position, not by the content.
      force: batch.force ?? true,
      dialect: batch.dialect,
      isStream: true,
      signal,
      actor,
      inTransaction: async (tx, outcome, followed) => {
        const { read, loaded, quarantined, deduplicated, bytes } = outcome;
        await movePosition(tx, place, { from, to: batch.position, lag, run: run.id });
        if (quarantined > 0 && batch.positionOf) await tellPositions(tx, run.id, dataset.id, batch.positionOf);
        await runs.advance(tx, run, { rowsRead: read, rowsLoaded: loaded, rowsQuarantined: quarantined, rowsDeduplicated: deduplicated, bytesRead: bytes });
        await advanceStage(tx, dataset.name, WHOLE_LOAD);
        await audit.recordIn(tx, {
          actor,
          action: 'ingest',
          dataset: dataset.name,
          decision: 'ALLOWED',
          rowCount: loaded,
          durationMs: performance.now() - began,
          details: { run: run.id, collector: place.collector, mode, read, quarantined, deduplicated, contentHash: outcome.contentHash },
        });
        await afterBatch?.(tx, followed, { run, outcome, receivedAt, actor });
        await batch.inTransaction?.(tx, outcome);
      },
    });
  }
}

/** Whether a batch that could not land may simply be landed again: its contract changed meanwhile. */
export function isOutdated(error: unknown): boolean {
  return isHeadgateError(error) && error.code === 'CONFLICT' && error.details['dataset'] !== undefined;
}

/** The rows of this batch in quarantine are those of the run that have no position yet. */
async function tellPositions(tx: Transaction, runId: string, datasetId: string, positionOf: (line: number) => string | undefined): Promise<void> {
  const rows = await tx.query<{ id: string; line: string }>(
    'SELECT id, line FROM headgate.quarantined_row WHERE run_id = $1 AND dataset_id = $2 AND position IS NULL',
    [runId, datasetId],
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
