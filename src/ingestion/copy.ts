import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { from } from 'pg-copy-streams';
import { render, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { unreadable } from './rejection.js';

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
    // The producer too is ended by the signal, and hears of it as of an abort without its reason.
    signal?.throwIfAborted();
    if (failure !== undefined) throw failure;
    throw unreadable(error);
  }
  return copy.rowCount;
}
