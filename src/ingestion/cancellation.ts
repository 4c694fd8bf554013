import type { Database, Transaction } from '../store/index.js';

/** A cancellation that comes between two statements ends neither, so it is sent until it has ended one. */
const AGAIN_MS = 500;

/**
 * Ends the statement that runs in `tx` when the signal aborts: one that sorts a million rows hears of nothing else.
 * The returned function ends the watch; call it before the connection goes back to its pool.
 */
export async function cancelOnAbort(database: Database, tx: Transaction, signal: AbortSignal | undefined): Promise<() => void> {
  if (!signal) return () => undefined;
  signal.throwIfAborted();
  const [session] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  let again: NodeJS.Timeout | undefined;
  const cancel = () => void database.query('SELECT pg_cancel_backend($1)', [session?.pid]).catch(() => undefined);
  const abort = () => {
    cancel();
    again = setInterval(cancel, AGAIN_MS);
  };
  signal.addEventListener('abort', abort, { once: true });
  return () => {
    signal.removeEventListener('abort', abort);
    clearInterval(again);
  };
}
