import type { Transaction } from './database.js';
import { withClient } from './client.js';
import type { Connection } from './connection.js';

/** A cancellation that comes between two statements ends neither, so it is sent until it has ended one. */
const AGAIN_MS = 500;

/**
 * Ends the statement that runs in `tx` when the signal aborts: one that sorts a million rows hears of nothing else.
 * The returned function ends the watch, when none is on its way any more; call it before the connection goes back to its pool, where a
 * cancellation that is late would end a statement of somebody else.
 */
export async function cancelOnAbort(connection: Connection, tx: Pick<Transaction, 'query'>, signal: AbortSignal | undefined): Promise<() => Promise<void>> {
  if (!signal) return () => Promise.resolve();
  signal.throwIfAborted();
  const [session] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  let again: NodeJS.Timeout | undefined;
  let sent: Promise<unknown> = Promise.resolve();
  // Not by the pool, which may be full of those that wait for this one.
  const cancel = () => {
    const one = withClient(connection, (client) => client.query('SELECT pg_cancel_backend($1)', [session?.pid])).catch(() => undefined);
    sent = Promise.all([sent, one]);
  };
  const abort = () => {
    cancel();
    again = setInterval(cancel, AGAIN_MS);
  };
  signal.addEventListener('abort', abort, { once: true });
  return async () => {
    signal.removeEventListener('abort', abort);
    clearInterval(again);
    await sent;
  };
}
