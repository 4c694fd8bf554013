import { governExport, type ExportSelection, type GovernedExport } from '../../access/index.js';
import { columnType, type Dataset } from '../../catalog/index.js';
import { visibleCatalog, type Authorizer } from '../../governance/index.js';
import type { Principal } from '../../identity/index.js';
import { isHeadgateError } from '../../kernel/index.js';
import { subjectDatasets, subjectValue, type SubjectDataset } from './subject.js';

/** A dataset of which a principal may export the rows about a person. */
export interface ExportedDataset {
  readonly target: SubjectDataset;
  /** Undefined where no value of the subject's field can be this person. */
  readonly selection: ExportSelection | undefined;
  readonly plan: GovernedExport;
  /** The refused rows too: the principal may export every field plain, in every row. */
  readonly withQuarantine: boolean;
}

/** What of a person a principal may export now. All names are those that the principal may know. */
export interface ExportScope {
  readonly datasets: readonly ExportedDataset[];
  /** `dataset`, all or some of its rows; `dataset.field`; `quarantine/dataset`. Whether there is anything in them is not looked at. */
  readonly withheld: readonly string[];
  /** `dataset.field`, in the file through a mask. */
  readonly masked: readonly string[];
  /** Datasets whose rows stay at a source. */
  readonly elsewhere: readonly string[];
}

/**
 * Reads about a person are steered by the subject's field, so that it must be seen plain; all else is as in any export: the
 * principal's own grants with the right `export`, for the purpose declared, decide on rows and fields.
 */
export function exportScope(authorizer: Authorizer, principal: Principal, subject: string): ExportScope {
  const whole = authorizer.policy.catalog;
  const visible = visibleCatalog(whole, authorizer.knownSecrets(principal));
  const { stored, elsewhere } = subjectDatasets(visible.datasets.values());
  const datasets: ExportedDataset[] = [];
  const withheld: string[] = [];
  const masked: string[] = [];
  for (const target of stored.toSorted((a, b) => (a.dataset.name < b.dataset.name ? -1 : 1))) {
    const { dataset, field } = target;
    const decision = authorizer.decide(principal, dataset, 'export');
    const plan = decision.fields.get(field.name)?.access === 'plain' ? governed(target, authorizer, principal) : undefined;
    if (!plan) {
      withheld.push(dataset.name, `quarantine/${dataset.name}`);
      continue;
    }
    if (decision.rows !== 'all') withheld.push(dataset.name);
    const given = new Set(plan.fields.map(({ name }) => name));
    for (const { name, graphqlName } of dataset.fields) {
      if (!given.has(name)) withheld.push(`${dataset.name}.${graphqlName}`);
      else if (decision.fields.get(name)?.access !== 'plain') masked.push(`${dataset.name}.${graphqlName}`);
    }
    // A refused row has no types, so neither a mask nor a row filter can be applied to it; and it may hold what is secret.
    const all: Dataset = whole.datasets.get(dataset.name) ?? dataset;
    const withQuarantine = decision.rows === 'all' && all.fields.every(({ name }) => decision.fields.get(name)?.access === 'plain');
    if (!withQuarantine) withheld.push(`quarantine/${dataset.name}`);
    datasets.push({ target, plan, withQuarantine, selection: subjectValue(field, subject) === undefined ? undefined : selectionOf(target) });
  }
  return { datasets, withheld, masked, elsewhere };
}

/** Undefined when nothing of it can be seen. */
function governed(target: SubjectDataset, authorizer: Authorizer, principal: Principal): GovernedExport | undefined {
  try {
    return governExport(selectionOf(target), (dataset) => authorizer.decide(principal, dataset, 'export'));
  } catch (error) {
    if (isHeadgateError(error)) return undefined;
    throw error;
  }
}

/** The rows whose subject is the first value of the request: a parameter, whatever text it is. */
function selectionOf({ dataset, field }: SubjectDataset): ExportSelection {
  return { dataset, where: { kind: 'field', field, operator: 'eq', operands: [{ slot: 0, type: columnType(field) }] }, order: [] };
}
