import type { DatasetDecision } from '../governance/index.js';

/** What must stay as it is for an answer to be kept, beside the statement and its values, and for how long it may be. */
export interface Keepable {
  readonly ttlMs: number;
  /** The ids of all datasets that the statement reads. */
  readonly datasets: readonly string[];
  readonly fingerprints: readonly string[];
}

/**
 * Undefined when an answer under these decisions must not be kept: a dataset in it did not opt in, a condition of a grant
 * depends on the moment, or rows are shown by consent, which can be withdrawn at any time.
 */
export function keepable(decisions: ReadonlyMap<string, DatasetDecision>): Keepable | undefined {
  const all = [...decisions.values()];
  const ttls = all.map(({ dataset }) => dataset.cache?.ttlSeconds ?? 0);
  if (all.length === 0 || ttls.includes(0) || all.some(({ usesTime }) => usesTime)) return undefined;
  return {
    ttlMs: Math.min(...ttls) * 1000,
    datasets: all.map(({ dataset }) => dataset.id),
    fingerprints: all.map(({ fingerprint }) => fingerprint),
  };
}
