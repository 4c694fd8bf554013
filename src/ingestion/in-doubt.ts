import { setTimeout as delay } from 'node:timers/promises';
import { HeadgateError, isHeadgateError } from '../kernel/index.js';
import type { RunEntity } from '../lifecycle/index.js';
import type { Database } from '../store/index.js';

/** How often, and after which rest, a database that is away is asked; a server that was stopped at once is back in less. */
const TRIES = 10;
const REST_MS = 500;

/**
 * Whether a load that lost its connection was committed: the answer to a COMMIT can be lost too. The run's row is locked by
 * its transaction from before the COMMIT on, so whoever has the lock knows.
 * @throws HeadgateError UNAVAILABLE when the database stays away
 */
export async function isCommitted(database: Database, run: Pick<RunEntity, 'id'>, error: unknown): Promise<boolean> {
  if (!isHeadgateError(error) || error.code !== 'UNAVAILABLE') return false;
  for (let tries = 1; ; tries += 1) {
    try {
      const [row] = await database.transaction((tx) => tx.query<{ status: string }>('SELECT status FROM headgate.run WHERE id = $1 FOR UPDATE', [run.id]));
      return row?.status === 'SUCCEEDED';
    } catch (cause) {
      if (tries === TRIES) {
        throw new HeadgateError(
          'UNAVAILABLE',
          `The connection to the database was cut, and it can't be asked now whether the rows were stored. Ask for the run ${run.id} when it is back, or send the rows again under the same Idempotency-Key: they are not stored twice.`,
          { run: run.id },
          { cause },
        );
      }
      await delay(REST_MS);
    }
  }
}
