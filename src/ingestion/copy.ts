import { type Duplex, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { from, type CopyStreamQuery } from 'pg-copy-streams';
import { render, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { unreadable } from './rejection.js';

/**
 * Streams `chunks` into a COPY ... FROM STDIN and returns how many rows PostgreSQL took.
 * An error of the chunks' producer ends the COPY and is the one that is thrown. `onSent` is told of chunks that are no longer needed.
 * @throws HeadgateError DATA_REJECTED for what PostgreSQL refuses, without its text: that may quote data.
 */
export async function copyIn(
  tx: Transaction,
  statement: Sql,
  chunks: AsyncIterable<Buffer>,
  signal?: AbortSignal,
  onSent?: (chunk: Buffer) => void,
): Promise<number> {
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
    const target = onSent ? telling(copy, tx.client.connection.stream, onSent) : copy;
    await pipeline(Readable.from(source(), { objectMode: true, highWaterMark: 4 }), target, { ...(signal && { signal }) });
  } catch (error) {
    // The producer too is ended by the signal, and hears of it as of an abort without its reason.
    signal?.throwIfAborted();
    if (failure !== undefined) throw failure;
    throw unreadable(error);
  }
  return copy.rowCount;
}

/** Writes to `copy`, and tells of each chunk when it is no longer in this process: nothing of it, or of what came after it, waits in the socket. */
function telling(copy: CopyStreamQuery, socket: Duplex, onSent: (chunk: Buffer) => void): Writable {
  let waiting: Buffer[] = [];
  const target = new Writable({
    highWaterMark: 1,
    write: (chunk: Buffer, _, done) => {
      copy.write(chunk, (error) => {
        waiting.push(chunk);
        if (socket.writableLength === 0) {
          for (const sent of waiting) onSent(sent);
          waiting = [];
        }
        done(error);
      });
    },
    final: (done) => {
      copy.end(done);
    },
    destroy: (error, done) => {
      copy.destroy(error ?? undefined);
      done(error);
    },
  });
  copy.on('error', (error) => target.destroy(error));
  return target;
}
