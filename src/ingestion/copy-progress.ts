import type { Database, Transaction } from '../store/index.js';
import type { LoadProgress } from './outcome.js';

/** How often it is asked how many rows have landed: as often as a run tells. */
const LOOK_MS = 1_000;

/**
 * Tells how many rows the COPY of `tx` has taken so far, beside the bytes, until the returned function is called. It asks by another
 * session, since the one that copies can't answer; what it can't learn it leaves out.
 */
export async function tellRows(
  database: Pick<Database, 'query'>,
  tx: Transaction,
  onProgress: ((progress: LoadProgress) => void) | undefined,
): Promise<{ readonly onProgress: (progress: LoadProgress) => void; readonly stop: () => void }> {
  if (!onProgress) return { onProgress: () => undefined, stop: () => undefined };
  const [session] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  let last: LoadProgress | undefined;
  const look = async () => {
    const [copy] = await database.query<{ rows: number }>('SELECT tuples_processed::float8 AS rows FROM pg_stat_progress_copy WHERE pid = $1', [session?.pid]);
    // A large file is copied once; what is copied after it are the few rows of it that were refused.
    if (copy && last?.phase === 'load') tell({ ...last, rowsRead: Math.max(copy.rows, last.rowsRead ?? 0) });
  };
  const tell = (progress: LoadProgress) => {
    last = { ...(last?.rowsRead !== undefined && { rowsRead: last.rowsRead }), ...progress };
    onProgress(last);
  };
  const timer = setInterval(() => void look().catch(() => undefined), LOOK_MS);
  timer.unref();
  return { onProgress: tell, stop: () => clearInterval(timer) };
}
