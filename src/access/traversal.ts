import type { Dataset, Relation } from '../catalog/index.js';
import type { DatasetDecision, FieldDecision, RefusalCode } from '../governance/index.js';

/**
 * Whether a relation can be followed: only if both its key fields are seen plain, or both as a hash under one scope.
 * Following it otherwise would tell which hidden values are equal.
 * @returns undefined when it can, else the code of the refusal.
 */
export function relationRefusal(relation: Relation, here: DatasetDecision, there: DatasetDecision): RefusalCode | undefined {
  for (const { local, remote } of relation.on) {
    const near = here.fields.get(local);
    const far = there.fields.get(remote);
    if (near === undefined || far === undefined) return 'FORBIDDEN';
    if (near.access === 'forbidden') return near.code;
    if (far.access === 'forbidden') return far.code;
    if (near.access === 'plain' && far.access === 'plain') continue;
    const scope = hashScope(near, here.dataset, local);
    if (scope === undefined || scope !== hashScope(far, there.dataset, remote)) return 'FORBIDDEN';
  }
  return undefined;
}

function hashScope(decision: FieldDecision, dataset: Dataset, field: string): string | undefined {
  if (decision.access !== 'masked') return undefined;
  const [only, ...others] = decision.cases;
  if (only === undefined || others.length > 0 || only.when !== 'always' || only.effect.kind !== 'hash') return undefined;
  return only.effect.scope ?? `${dataset.name}.${field}`;
}
