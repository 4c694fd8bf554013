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

/** Where the collector is; undefined before its first batch. */
export async function readPosition(database: Pick<Database, 'query'>, { collector, partition }: Place): Promise<unknown> {
  const [row] = await database.query<{ position: unknown }>('SELECT position FROM headgate.collector_position WHERE collector = $1 AND partition = $2', [
    collector,
    partition,
  ]);
  return row?.position;
}

/**
 * Moves from the position where the batch began to the one where it ended: of two that took the same batch, the second fails.
 * @throws AttemptLostError when it is not there any more
 */
export async function movePosition(
  tx: Transaction,
  { collector, partition }: Place,
  { from, to, lag = {}, run }: { readonly from: unknown; readonly to: unknown; readonly lag?: Lag; readonly run: string },
): Promise<void> {
  const written =
    from === undefined
      ? await tx.query(
          `INSERT INTO headgate.collector_position (collector, partition, position, lag_messages, lag_seconds)
           SELECT name, $2, $3, $4, $5 FROM headgate.collector WHERE name = $1 ON CONFLICT (collector, partition) DO NOTHING RETURNING collector`,
          [collector, partition, canonicalJson(to), lag.messages ?? null, lag.seconds ?? null],
        )
      : await tx.query(
          `UPDATE headgate.collector_position SET position = $3, lag_messages = $4, lag_seconds = $5, updated_at = clock_timestamp()
           WHERE collector = $1 AND partition = $2 AND position = $6 RETURNING collector`,
          [collector, partition, canonicalJson(to), lag.messages ?? null, lag.seconds ?? null, canonicalJson(from)],
        );
  if (written.length === 0) throw new AttemptLostError(run);
}

/** Tells the lag of a partition where nothing comes, too. */
export async function writeLag(database: Pick<Database, 'query'>, { collector, partition }: Place, lag: Lag): Promise<void> {
  await database.query('UPDATE headgate.collector_position SET lag_messages = $3, lag_seconds = $4 WHERE collector = $1 AND partition = $2', [
    collector,
    partition,
    lag.messages ?? null,
    lag.seconds ?? null,
  ]);
}
