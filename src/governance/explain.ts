import type { Dataset } from '../catalog/index.js';
import type { Principal } from '../identity/index.js';
import { decide, grantsFor, isForPurpose } from './decide.js';
import type { FieldDecision, RefusalCode } from './decision.js';
import { closedness } from './effects.js';
import type { Effect } from './grant.js';
import type { DatasetGrant, Policy } from './policy.js';

export interface FieldExplanation {
  readonly field: string;
  readonly graphqlName: string;
  readonly access: FieldDecision['access'];
  /** "hash", "year where birth_date < ...": in the order in which a cell tries them. */
  readonly effects: readonly string[];
  readonly code?: RefusalCode;
  /** The grants that speak about it. */
  readonly grants: readonly string[];
}

export interface Explanation {
  readonly dataset: string;
  readonly rows: 'all' | 'none' | 'some';
  readonly rowFilters: readonly string[];
  /** The grants in force for this principal and purpose. */
  readonly grants: readonly string[];
  readonly fields: readonly FieldExplanation[];
}

/**
 * What `decide` decides, with its reasons. It is asked of the same function, so it can't say something else.
 * @param knows whether the one who asks may know of a field: a row filter that names another is not spelled out
 */
export function explain(policy: Policy, principal: Principal, dataset: Dataset, knows: (field: string) => boolean = () => true): Explanation {
  const decision = decide(policy, principal, dataset);
  const grants = grantsFor(policy, principal, dataset, 'read').filter((grant) => isForPurpose(grant, principal.purpose));
  const showing = grants.filter((grant) => grant.shows);
  return {
    dataset: dataset.name,
    rows: typeof decision.rows === 'string' ? decision.rows : 'some',
    rowFilters: typeof decision.rows === 'string' ? [] : [...new Set(showing.flatMap((grant) => rowsText(grant, knows) ?? []))],
    grants: grants.map((grant) => grant.name),
    fields: dataset.fields.map((field) => {
      const seen = decision.fields.get(field.name);
      return {
        field: field.name,
        graphqlName: field.graphqlName,
        access: seen?.access ?? 'forbidden',
        effects: effectTexts(grants, field.name, knows),
        ...(seen?.access === 'forbidden' && { code: seen.code }),
        grants: seen?.grants ?? [],
      };
    }),
  };
}

function rowsText(grant: DatasetGrant, knows: (field: string) => boolean): string | undefined {
  if (grant.rows === undefined) return grant.spec.rows;
  return grant.rows.columns.every(knows) ? grant.spec.rows : 'a condition on fields that you may not know of';
}

function effectTexts(grants: readonly DatasetGrant[], field: string, knows: (field: string) => boolean): readonly string[] {
  const effects = grants.flatMap((grant) => {
    const effect = grant.effects.get(field);
    return effect ? [{ effect, rows: rowsText(grant, knows) }] : [];
  });
  // A denial is tried first; the rest from open to closed.
  const place = (effect: Effect): number => (effect.kind === 'deny' ? -1 : closedness(effect));
  const texts = effects
    .toSorted((a, b) => place(a.effect) - place(b.effect))
    .map(({ effect, rows }) => (rows === undefined ? effectText(effect) : `${effectText(effect)} where ${rows}`));
  return [...new Set(texts)];
}

/** "hash", "partial (first 1, last 0, with *)". */
export function effectText(effect: Effect): string {
  const { kind, ...settings } = effect;
  const words = Object.entries(settings).map(([name, value]) => `${name} ${String(value)}`);
  return words.length === 0 ? kind : `${kind} (${words.join(', ')})`;
}
