import type { CompiledRead, GovernedPlan } from '../../access/index.js';
import { LruMap } from '../../kernel/index.js';

/** A governed and compiled plan: it serves every request of its shape under equal decisions. */
export interface PreparedRead {
  readonly plan: GovernedPlan;
  readonly compiled: CompiledRead;
  readonly dataset: string;
}

export class PlanCache extends LruMap<string, PreparedRead> {
  constructor(bound = 2_000) {
    super(bound);
  }
}
