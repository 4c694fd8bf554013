import type { Database } from '../../store/index.js';

/** Where one partition of a collector is. */
export interface PartitionState {
  readonly collector: string;
  readonly partition: string;
  /** What the next batch begins after; null before the first. */
  readonly position: unknown;
  readonly updatedAt: Date | null;
  /** Decimal text (bigint). */
  readonly lagMessages: string | null;
  readonly lagSeconds: number | null;
  /** Of the log of a PostgreSQL whose changes are followed; decimal text (bigint). */
  readonly lagBytes: string | null;
  /** Of the last seconds. */
  readonly rowsPerSecond: number | null;
  /** Messages of a stream that were gone before they were read; decimal text (bigint). */
  readonly missed: string | null;
  /** Why nothing is collected now. */
  readonly problem: string | null;
  /** Its newest run. */
  readonly runId: string | null;
}

/** The partitions of several collectors, each list in order, in the order of the names: one query, for a loader. */
export async function partitionStates(database: Pick<Database, 'query'>, collectors: readonly string[]): Promise<PartitionState[][]> {
  const found = await database.query<PartitionState>(
    `SELECT coalesce(p.collector, r.collector) AS collector, coalesce(p.partition, r.partition) AS partition, p.position, p.updated_at AS "updatedAt",
       p.lag_messages AS "lagMessages", p.lag_seconds AS "lagSeconds", p.lag_bytes AS "lagBytes", p.rows_per_second AS "rowsPerSecond", p.missed, p.problem, r.id AS "runId"
     FROM (SELECT * FROM headgate.collector_position WHERE collector = ANY($1)) p
     FULL JOIN (
       SELECT DISTINCT ON (collector, partition) collector, partition, id FROM headgate.run
       WHERE collector = ANY($1) ORDER BY collector, partition, created_at DESC, id DESC
     ) r ON r.collector = p.collector AND r.partition = p.partition
     ORDER BY 1, 2`,
    [[...collectors]],
  );
  const byName = Map.groupBy(found, ({ collector }) => collector);
  return collectors.map((name) => byName.get(name) ?? []);
}
