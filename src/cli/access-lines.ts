import type { AccessChange } from '../governance/index.js';

type ChangeLine = Pick<AccessChange, 'dataset' | 'movement' | 'before' | 'after' | 'rights' | 'audiences' | 'purposes' | 'withoutPurpose'> & {
  readonly field?: string | null | undefined;
};

/** One line for each change of what somebody sees. */
export function accessLines(changes: readonly ChangeLine[]): string[] {
  return changes.map(
    ({ dataset, field, movement, before, after, rights, audiences, purposes, withoutPurpose }) =>
      `${movement.padEnd(7)} ${field === null || field === undefined ? dataset : `${dataset}.${field}`}: ${before} -> ${after}; ${rights.join(', ')}; for ${audiences.join(', ')}${whenText(purposes, withoutPurpose)}`,
  );
}

/** With which purposes, where that matters. */
export function whenText(purposes: readonly string[], withoutPurpose: boolean): string {
  if (purposes.length === 0) return withoutPurpose ? '' : ', for no purpose';
  return ` (purpose ${[...purposes, ...(withoutPurpose ? ['or none'] : [])].join(', ')})`;
}
