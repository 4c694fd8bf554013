import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from } from 'pg-copy-streams';
import { render, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { rejected } from './rejection.js';

/**
 * Streams `chunks` into a COPY ... FROM STDIN and returns how many rows PostgreSQL took.
 * An error of the chunks' producer ends the COPY and is the one that is thrown.
 * @throws HeadgateError DATA_REJECTED for what PostgreSQL refuses, without its text: that may quote data.
 */
export async function copyIn(tx: Transaction, statement: Sql, chunks: AsyncIterable<Buffer>, signal?: AbortSignal): Promise<number> {
  let failure: unknown;
  const source = async function* () {
    try {
      yield* chunks;
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  const copy = tx.client.query(from(render(statement).text, { highWaterMark: 1 << 20 }));
  try {
    await pipeline(Readable.from(source(), { objectMode: true, highWaterMark: 4 }), copy, { ...(signal && { signal }) });
  } catch (error) {
    if (failure !== undefined) throw failure;
    signal?.throwIfAborted();
    throw copyError(error);
  }
  return copy.rowCount;
}

function copyError(error: unknown): unknown {
  // 22: the data; 54: a limit of the program, such as a value that is too large. Others are the server's own trouble.
  if (!(error instanceof pg.DatabaseError) || !/^(22|54)/.test(error.code ?? '')) return error;
  const { line } = /line (?<line>\d+)/.exec(error.where ?? '')?.groups ?? {};
  return rejected(`PostgreSQL can't read the rows (${error.code}).`, { sqlState: error.code, ...(line !== undefined && { row: Number(line) }) }, error);
}
