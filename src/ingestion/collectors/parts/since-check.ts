import type { PartFacts, PartProblem } from './part.js';

/** What of `since` says what is collected; the lag says how. */
export function sinceIdentity(asked: 'parameter' | 'variable'): readonly string[] {
  return ['pointer', asked, 'format', 'start'].map((key) => `since.${key}`);
}

/** Rows of the lag window come again: something must tell that they are there. */
export function checkSince(since: unknown, { mode, dataset }: PartFacts): PartProblem | undefined {
  if (since === undefined) return undefined;
  if (mode === 'replace') {
    return { path: ['since'], message: 'what is new since the last time can not replace what was there before; say mode: merge, or leave since out' };
  }
  if (dataset.key.length > 0) return undefined;
  return {
    path: ['since'],
    message: `rows near the end of the last time come again, and ${dataset.name} has no key by which they are known; give its contract a key, and say mode: merge`,
  };
}
