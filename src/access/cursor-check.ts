import { HeadgateError } from '../kernel/index.js';
import type { CompiledRead } from './compiled-read.js';

/** A cursor that is damaged, or was made for another order, or before grants changed. */
export function badCursor(): HeadgateError {
  return new HeadgateError(
    'BAD_USER_INPUT',
    'The cursor does not belong to this query: it is damaged, was made with another order, or your grants changed meanwhile. Start again without it.',
  );
}

/** @throws HeadgateError BAD_USER_INPUT for a cursor that is not of this read */
export function checkCursors({ cursors }: Pick<CompiledRead, 'cursors'>, values: readonly unknown[]): void {
  for (const { slot, fingerprint } of cursors) if (values[slot] !== fingerprint) throw badCursor();
}
