import type { Readable } from 'node:stream';
import type { SourceSession } from '../../../sources/index.js';
import { sql } from '../../../sql/index.js';
import type { CollectJob } from '../collect-job.js';
import type { PostgresPart } from '../parts/postgres.js';
import { columnsSql, tableSql, type CollectedField } from './remote-rows.js';

interface FullCopy {
  readonly session: SourceSession;
  readonly part: PostgresPart;
  readonly fields: readonly CollectedField[];
  readonly version: number;
  readonly mode: 'append' | 'replace' | 'merge';
  /** Its changes are followed afterwards. */
  readonly captured?: boolean;
  /** Where the collector is when all of it landed. */
  readonly position: unknown;
}

/** All rows of the table as they are at one moment, in one load: from COPY to COPY. */
export async function copyAll(job: CollectJob, { session, part, fields, version, mode, position, captured }: FullCopy): Promise<void> {
  const receivedAt = new Date();
  const copy = session.copy(sql`COPY (SELECT ${columnsSql(fields, version)} FROM ${tableSql(part)} t) TO STDOUT (FORMAT csv, HEADER)`);
  await job.land({ source: { stream: told(copy, session) }, format: 'csv', mode, position, receivedAt, captured });
}

/** Its errors in our words: PostgreSQL's own may quote data. */
function told(copy: Readable, session: SourceSession): Readable {
  return copy.compose(async function* (chunks: AsyncIterable<Buffer>) {
    try {
      yield* chunks;
    } catch (error) {
      throw session.failure(error);
    }
  }) as unknown as Readable;
}
