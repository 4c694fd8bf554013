import { z } from 'zod';
import { parseDuration } from '../../../catalog/index.js';
import { HeadgateError } from '../../../kernel/index.js';
import type { SourceSession } from '../../../sources/index.js';
import { identifier, literal, raw, sql } from '../../../sql/index.js';
import type { CollectJob } from '../collect-job.js';
import type { PostgresPart } from '../parts/postgres.js';
import { DEFAULT_LAG } from '../parts/since.js';
import { columnsSql, tableSql, type CollectedField, type RemoteTableFacts } from './remote-rows.js';

const BATCH_ROWS = 10_000;

/** The types of columns that grow, with what a lag is taken from them as. */
const GROWING: ReadonlyMap<string, 'moment' | 'number'> = new Map([
  ['timestamptz', 'moment'],
  ['timestamp', 'moment'],
  ['date', 'moment'],
  ['int2', 'number'],
  ['int4', 'number'],
  ['int8', 'number'],
  ['numeric', 'number'],
]);

const Position = z.object({ since: z.string().optional() });

/**
 * Rows from the lag before the largest value on that is there, in the order of their values: batch by batch, each with where it ends.
 * Those that are there already are known by their key.
 * @throws HeadgateError CONTRACT_VIOLATION for a column that is not there, or does not grow; as the source's and the load's
 */
export async function copyNew(
  job: CollectJob,
  session: SourceSession,
  part: PostgresPart,
  fields: readonly CollectedField[],
  facts: RemoteTableFacts,
): Promise<void> {
  const { since } = part;
  if (!since) return;
  const column = facts.columns.find(({ name }) => name === since.column);
  const kind = column && !column.list ? GROWING.get(column.type) : undefined;
  if (!column || !kind) {
    const problem = column ? `is ${column.typeText}, which is no moment and no number` : 'is not there';
    throw new HeadgateError('CONTRACT_VIOLATION', `The column "${since.column}" of the table at ${facts.source} ${problem}. Name one under since that grows.`, {
      source: facts.source,
    });
  }
  const { since: before } = Position.safeParse(await job.position()).data ?? {};
  const value = sql`t.${identifier(since.column)}`;
  const type = raw(column.type);
  const from = before === undefined ? since.start : before;
  const lag =
    before === undefined || kind === 'number' ? sql`` : sql` - pg_catalog.make_interval(secs => ${raw(String(parseDuration(since.lag ?? DEFAULT_LAG) ?? 0))})`;
  const where = from === undefined ? sql`${value} IS NOT NULL` : sql`${value} >= ${literal(from)}::${type}${lag}`;
  // A moment from the future would hide all that come before its time.
  const reached = kind === 'number' ? value : sql`least(${value}, pg_catalog.now()::${type})`;
  const size = job.collector.batch?.rows ?? BATCH_ROWS;
  // One moment for all batches, so that what is committed meanwhile comes the next time, with the lag.
  await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  await session.query(
    sql`DECLARE rows NO SCROLL CURSOR FOR SELECT (SELECT pg_catalog.row_to_json(r)::text FROM (SELECT ${columnsSql(fields, facts.version)}) r) AS row, ${reached}::text AS reached
      FROM ${tableSql(part)} t WHERE ${where} ORDER BY ${value}`,
  );
  for (;;) {
    const receivedAt = new Date();
    const batch = await session.query<{ row: string; reached: string }>(`FETCH ${size} FROM rows`);
    const last = batch.at(-1);
    if (!last) break;
    await job.land({ source: { content: batch.map(({ row }) => `${row}\n`).join('') }, position: { since: last.reached }, receivedAt });
    if (batch.length < size) break;
  }
  await session.query('COMMIT');
}
