import { HeadgateError, isHeadgateError } from '../kernel/index.js';
import type { ApplyOptions, ApplyResult } from './apply-options.js';
import { ApplyRun, type WithinOptions } from './apply-run.js';
import type { Transaction } from '../store/index.js';
import { codeOf } from './change-table.js';
import { parseManifests } from './manifest.js';

/** A table that is in use is waited for this often, each time anew from the start. */
const ATTEMPTS = 3;

/** Carries the result of a dry run out of the transaction that it rolls back. */
class DryRun extends Error {
  readonly result: ApplyResult;
  constructor(result: ApplyResult) {
    super('dry run');
    this.result = result;
  }
}

/**
 * Brings what is in force to what the manifests say, all of it in one transaction or nothing. Applying the same again
 * changes nothing. Applies that run at once wait for each other.
 * @throws HeadgateError BAD_USER_INPUT with file, line, column and path for a document that is not right; CONFLICT when
 * data, other documents or a table in use forbid the change.
 */
export async function applyManifests(options: ApplyOptions): Promise<ApplyResult> {
  const { database, kinds, dryRun = false, notify } = options;
  const documents = [...(options.documents ?? []), ...(options.files ? parseManifests(options.files, kinds) : [])];
  for (let attempt = 1; ; attempt += 1) {
    try {
      const result = await database.transaction(async (tx) => {
        const done = await new ApplyRun(tx, documents, options).run();
        if (dryRun) throw new DryRun(done);
        return done;
      });
      if (result.changes.some(({ change }) => change !== 'unchanged')) await notify?.(result.version);
      return result;
    } catch (error) {
      if (error instanceof DryRun) return error.result;
      if (isBusy(error) && attempt < ATTEMPTS) continue;
      throw isBusy(error) && !isHeadgateError(error) ? busyError(error) : error;
    }
  }
}

/**
 * The same within a transaction that does more than that. Processes hear of it when it commits.
 * @throws HeadgateError as `applyManifests`; CONFLICT with `busy: true` when the table is in use for too long
 */
export async function applyWithin(tx: Transaction, options: WithinOptions): Promise<ApplyResult> {
  const [row] = await tx.query<{ timeout: string }>("SELECT current_setting('lock_timeout') AS timeout");
  try {
    return await new ApplyRun(tx, options.documents ?? [], options).run();
  } finally {
    await tx.query("SELECT set_config('lock_timeout', $1, true)", [row?.timeout ?? '0']).catch(() => undefined);
  }
}

function isBusy(error: unknown): boolean {
  return isHeadgateError(error) ? error.details.busy === true : ['55P03', '40P01'].includes(codeOf(error));
}

function busyError(cause: unknown): HeadgateError {
  return new HeadgateError('CONFLICT', 'Something that the manifests change is in use. Nothing was changed; try again.', { busy: true }, { cause });
}
