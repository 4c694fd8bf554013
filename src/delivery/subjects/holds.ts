import { isHeld, loadHolds } from '../../catalog/index.js';
import { HeadgateError } from '../../kernel/index.js';
import type { Transaction } from '../../store/index.js';
import type { EraseHook } from './erase-hook.js';
import { hasRows } from './erase-rows.js';
import type { SubjectDataset } from './subject.js';

/**
 * All or nothing: what is held anywhere is erased nowhere.
 * @throws HeadgateError CONFLICT that names the hold, and not what it holds
 */
export async function refuseHeldSubject(tx: Transaction, targets: readonly SubjectDataset[], subject: string, hooks: readonly EraseHook[] = []): Promise<void> {
  for (const hold of await loadHolds(tx)) {
    if (!isHeld(hold)) continue;
    if (hold.subjects?.includes(subject)) throw held(hold.name);
    for (const target of targets) {
      const { name } = target.dataset;
      if (!hold.datasets?.includes(name)) continue;
      if (await hasRows(tx, target, subject)) throw held(hold.name);
      for (const hook of hooks) if (await hook.waitsFor?.(tx, subject, name)) throw held(hold.name);
    }
  }
  for (const hook of hooks) {
    const hold = await hook.holdWith?.(tx, subject);
    if (hold !== undefined) throw heldBeside(hold, hook.name);
  }
}

function heldBeside(hold: string, name: string): HeadgateError {
  return new HeadgateError(
    'CONFLICT',
    `Nothing was erased: in what waits (${name}) the person stands beside somebody whom the legal hold "${hold}" keeps, and they can't be told apart before it is loaded. Have it loaded (redrive it, or let its collector go on), and erase again.`,
    { hold },
  );
}

function held(name: string): HeadgateError {
  return new HeadgateError('CONFLICT', `Nothing was erased: the legal hold "${name}" keeps what there is. Erase again when it is lifted.`, { hold: name });
}
