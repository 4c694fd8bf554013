import { AttemptLostError } from '../../lifecycle/index.js';
import { canonicalJson } from '../../kernel/index.js';
import type { Database, Transaction } from '../../store/index.js';

/** One partition of what one collector collects. */
export interface Place {
  readonly collector: string;
  readonly partition: string;
}

/** How far behind its source a collector is. */
export interface Lag {
  readonly messages?: number;
  readonly seconds?: number;
}

/** How it goes with a partition, beside its position. */
export interface PartitionHealth {
  readonly lag?: Lag | undefined;
  readonly rowsPerSecond?: number | undefined;
  /** Why nothing is collected now; null when that is over. */
  readonly problem?: string | null | undefined;
  /** Messages that were gone before they were read, added to those of before. */
  readonly missed?: number | undefined;
}

/** Where the collector is; undefined before its first batch. */
export async function readPosition(database: Pick<Database, 'query'>, { collector, partition }: Place): Promise<unknown> {
  const [row] = await database.query<{ position: unknown }>('SELECT position FROM headgate.collector_position WHERE collector = $1 AND partition = $2', [
    collector,
    partition,
  ]);
  return row?.position ?? undefined;
}

/** What is written with a position. */
export interface Move {
  readonly from: unknown;
  readonly to: unknown;
  readonly rows?: number;
  readonly health?: PartitionHealth;
  readonly run: string;
}

/**
 * Moves from the position where the batch began to the one where it ended: of two that took the same batch, the second fails.
 * @throws AttemptLostError when it is not there any more
 */
export async function movePosition(tx: Transaction, { collector, partition }: Place, { from, to, rows = 0, health = {}, run }: Move): Promise<void> {
  const { lag = {}, rowsPerSecond, missed = 0 } = health;
  const written = await tx.query(
    `INSERT INTO headgate.collector_position AS p (collector, partition, position, lag_messages, lag_seconds, rows_per_second, rows_total, missed)
     SELECT name, $2, $3, $5, $6, $7, $8, $9 FROM headgate.collector WHERE name = $1 AND ($4::jsonb IS NULL OR EXISTS (
       SELECT FROM headgate.collector_position WHERE collector = $1 AND partition = $2))
     ON CONFLICT (collector, partition) DO UPDATE SET position = excluded.position, lag_messages = excluded.lag_messages, lag_seconds = excluded.lag_seconds,
       rows_per_second = excluded.rows_per_second, rows_total = p.rows_total + excluded.rows_total, missed = p.missed + excluded.missed, problem = NULL,
       updated_at = clock_timestamp()
     WHERE p.position IS NOT DISTINCT FROM $4::jsonb RETURNING p.collector`,
    [
      collector,
      partition,
      canonicalJson(to),
      from === undefined ? null : canonicalJson(from),
      lag.messages ?? null,
      lag.seconds ?? null,
      rowsPerSecond ?? null,
      rows,
      missed,
    ],
  );
  if (written.length === 0) throw new AttemptLostError(run);
}

/** Tells how it goes with a partition where no position is moved. What is left out stays. */
export async function writeHealth(database: Pick<Database, 'query'>, { collector, partition }: Place, health: PartitionHealth): Promise<void> {
  const { lag, rowsPerSecond, problem, missed = 0 } = health;
  await database.query(
    `INSERT INTO headgate.collector_position AS p (collector, partition, lag_messages, lag_seconds, rows_per_second, problem, missed)
     SELECT name, $2, $3, $4, $5, $7, $8 FROM headgate.collector WHERE name = $1
     ON CONFLICT (collector, partition) DO UPDATE SET lag_messages = coalesce(excluded.lag_messages, p.lag_messages), lag_seconds = coalesce(excluded.lag_seconds, p.lag_seconds),
       rows_per_second = coalesce(excluded.rows_per_second, p.rows_per_second), problem = CASE WHEN $6 THEN excluded.problem ELSE p.problem END, missed = p.missed + excluded.missed`,
    [collector, partition, lag?.messages ?? null, lag?.seconds ?? null, rowsPerSecond ?? null, problem !== undefined, problem ?? null, missed],
  );
}

/** Takes away what was told of collectors in a partition that they turned out not to have. */
export async function forgetProblems(database: Pick<Database, 'query'>, collectors: readonly string[], partition: string): Promise<void> {
  await database.query('DELETE FROM headgate.collector_position WHERE collector = ANY($1) AND partition = $2 AND position IS NULL', [
    [...collectors],
    partition,
  ]);
}
