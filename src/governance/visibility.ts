import type { Catalog, Dataset, DatasetRule, FieldRule } from '../catalog/index.js';
import { hasRole, type Principal } from '../identity/index.js';
import { grantsFor } from './decide.js';
import { compileExpression } from '../sql/index.js';
import { columnsOf } from './columns.js';
import type { DatasetGrant, Policy } from './policy.js';

/**
 * The secret names that a principal may know of: `dataset` and `dataset.field`, sorted. With the catalog's version it
 * fixes the whole schema that the principal has. Engineers and admins create things and know all names; a grant
 * discloses a name for any purpose, since only the data depend on it.
 */
export function knownSecrets(policy: Policy, principal: Principal): readonly string[] {
  const all = hasRole(principal, 'admin', 'engineer');
  const known: string[] = [];
  for (const dataset of policy.catalog.datasets.values()) {
    const grants = all ? [] : grantsFor(policy, principal, dataset).filter((grant) => grant.shows || opensNumbers(grant));
    if (dataset.visibility === 'secret' && (all || grants.length > 0)) known.push(dataset.name);
    for (const field of dataset.fields) {
      if (field.visibility !== 'secret') continue;
      const granted = grants.some((grant) => (grant.effects.get(field.name)?.kind ?? 'deny') !== 'deny' || isInNumbers(grant, field.name));
      if (all || granted) known.push(`${dataset.name}.${field.name}`);
    }
  }
  return known.toSorted();
}

function opensNumbers({ spec, isBroken }: DatasetGrant): boolean {
  return spec.aggregateOnly !== undefined && !isBroken;
}

/** A dimension or a measure must be named to be read. */
function isInNumbers(grant: DatasetGrant, field: string): boolean {
  const { dimensions = [], measures = [] } = grant.spec.aggregateOnly ?? {};
  return opensNumbers(grant) && (dimensions.includes(field) || measures.includes(field));
}

/**
 * The catalog without what is secret and not in `known`; and without what would name it: relations, rules, indexes. A key
 * of which a part is hidden is no key at all, since the rest of it does not tell rows apart.
 */
export function visibleCatalog(catalog: Catalog, known: readonly string[]): Catalog {
  const names = new Set(known);
  const isKnown = (dataset: Dataset) => dataset.visibility === 'listed' || names.has(dataset.name);
  const shown = (dataset: Dataset, field: string) =>
    dataset.fields.some((f) => f.name === field && (f.visibility === 'listed' || names.has(`${dataset.name}.${f.name}`)));
  const isRuleShown = (rule: FieldRule) => {
    const target = rule.kind === 'references' ? catalog.datasets.get(rule.dataset) : undefined;
    return rule.kind !== 'references' || (target !== undefined && isKnown(target) && shown(target, rule.field));
  };
  const datasets = [...catalog.datasets.values()].filter(isKnown).map((dataset): [string, Dataset] => {
    const relations = dataset.relations.filter((relation) => {
      const target = catalog.datasets.get(relation.to);
      return target !== undefined && isKnown(target) && relation.on.every(({ local, remote }) => shown(dataset, local) && shown(target, remote));
    });
    const isShown = (field: string) => shown(dataset, field);
    const fields = dataset.fields.filter((field) => isShown(field.name)).map((field) => ({ ...field, rules: field.rules.filter(isRuleShown) }));
    const { subject, consent, freshness, ...rest } = dataset;
    const visible: Dataset = {
      ...rest,
      fields,
      relations,
      key: dataset.key.every(isShown) ? dataset.key : [],
      indexes: dataset.indexes.filter((index) => index.every(isShown)),
      rules: fields.length === dataset.fields.length ? dataset.rules : dataset.rules.filter((rule) => fieldsOfRule(rule, dataset).every(isShown)),
      // Who may not know of the subject's field reads under consent all the same: what is decided is decided on the whole dataset.
      ...(subject !== undefined && isShown(subject) && { subject, ...(consent && { consent }) }),
      ...(freshness && isShown(freshness.field) && { freshness }),
    };
    return [dataset.name, visible];
  });
  return { ...catalog, datasets: new Map(datasets) };
}

function fieldsOfRule(rule: DatasetRule, dataset: Dataset): readonly string[] {
  if (rule.kind === 'unique') return rule.fields;
  return rule.kind === 'check' ? compileExpression(rule.expression, { columns: columnsOf(dataset) }).columns : [];
}
