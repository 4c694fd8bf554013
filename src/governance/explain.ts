import type { Dataset } from '../catalog/index.js';
import type { Principal } from '../identity/index.js';
import { fingerprint } from '../kernel/index.js';
import { columnsOf } from './columns.js';
import { decide, grantsInForce } from './decide.js';
import type { AggregateDecision, FieldDecision, RefusalCode } from './decision.js';
import { closedness } from './effects.js';
import type { Effect } from './grant.js';
import { maskDocument, sqlMaskExpression } from './mask.js';
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
  /** The purpose to which a row's subject must have consented, now; absent where none is needed. */
  readonly consent?: string;
  /** The grants in force for this principal and purpose. */
  readonly grants: readonly string[];
  readonly fields: readonly FieldExplanation[];
  /** Where no row can be seen: of what there are numbers over many rows. */
  readonly aggregate?: AggregateExplanation;
}

export interface AggregateExplanation {
  /** Contract names. */
  readonly dimensions: readonly string[];
  readonly measures: readonly string[];
  /** Distinct subjects, or rows where the dataset names no subject, that a cell must have. */
  readonly minGroup: number;
  readonly rowFilters: readonly string[];
  readonly grants: readonly string[];
}

/**
 * What `decide` decides, with its reasons. It is asked of the same function, so it can't say something else.
 * @param knows whether the one who asks may know of a field: a row filter that names another is not spelled out
 */
export function explain(policy: Policy, principal: Principal, dataset: Dataset, knows: (field: string) => boolean = () => true): Explanation {
  const decision = decide(policy, principal, dataset);
  const grants = grantsInForce(policy, principal, dataset, 'read');
  const showing = grants.filter((grant) => grant.shows);
  return {
    dataset: dataset.name,
    rows: typeof decision.rows === 'string' ? decision.rows : 'some',
    rowFilters:
      typeof decision.rows === 'string' || showing.some((grant) => grant.rows === undefined)
        ? []
        : [...new Set(showing.flatMap((grant) => rowsText(grant, knows) ?? []))],
    ...(decision.consent && { consent: decision.consent.purpose }),
    grants: grants.map((grant) => grant.name),
    ...(decision.aggregate && { aggregate: aggregateExplanation(decision.aggregate, grants, knows) }),
    fields: dataset.fields.map((field) => {
      const seen = decision.fields.get(field.name);
      return {
        field: field.name,
        graphqlName: field.graphqlName,
        access: seen?.access ?? 'forbidden',
        effects: effectTexts(grants, dataset, field.name, knows),
        ...(seen?.access === 'forbidden' && { code: seen.code }),
        grants: seen?.grants ?? [],
      };
    }),
  };
}

function aggregateExplanation(aggregate: AggregateDecision, grants: readonly DatasetGrant[], knows: (field: string) => boolean): AggregateExplanation {
  const { dimensions, measures, minGroup, grants: names } = aggregate;
  const filters = grants.filter(({ name }) => names.includes(name)).flatMap((grant) => rowsText(grant, knows) ?? []);
  return { dimensions: dimensions.filter(knows), measures: measures.filter(knows), minGroup, rowFilters: [...new Set(filters)], grants: names };
}

function rowsText(grant: DatasetGrant, knows: (field: string) => boolean): string | undefined {
  if (grant.rows === undefined) return grant.spec.rows;
  return grant.rows.columns.every(knows) ? grant.spec.rows : 'a condition on fields that you may not know of';
}

function effectTexts(grants: readonly DatasetGrant[], dataset: Dataset, field: string, knows: (field: string) => boolean): readonly string[] {
  const effects = grants.flatMap((grant) => {
    const effect = grant.effects.get(field);
    return effect ? [{ effect, text: knownEffectText(effect, dataset, knows), rows: rowsText(grant, knows) }] : [];
  });
  // A denial is tried first; the rest from open to closed.
  const place = (effect: Effect): number => (effect.kind === 'deny' ? -1 : closedness(effect));
  const texts = effects.toSorted((a, b) => place(a.effect) - place(b.effect)).map(({ text, rows }) => (rows === undefined ? text : `${text} where ${rows}`));
  return [...new Set(texts)];
}

/** "hash", "partial (first 1, last 0, with *)". An expression is told apart from others, and not spelled out: it may name what is not known. */
export function effectText(effect: Effect): string {
  if (effect.kind === 'allow' || effect.kind === 'deny') return effect.kind;
  if (effect.kind === 'sql') return `sql (expression ${fingerprint(JSON.stringify(effect)).slice(0, 8)})`;
  const { mask, ...settings } = maskDocument(effect);
  const words = Object.entries(settings).map(([name, value]) => `${name} ${String(value)}`);
  return words.length === 0 ? mask : `${mask} (${words.join(', ')})`;
}

/** The same, with an expression spelled out where it names nothing that is not known. */
function knownEffectText(effect: Effect, dataset: Dataset, knows: (field: string) => boolean): string {
  const isSpelled = effect.kind === 'sql' && sqlMaskExpression(effect, columnsOf(dataset)).columns.every(knows);
  return isSpelled ? `sql (${effect.sql})` : effectText(effect);
}
