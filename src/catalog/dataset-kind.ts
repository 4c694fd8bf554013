import { checkCatalog } from './catalog-checks.js';
import { withLockTimeout } from './change-table.js';
import { DatasetSpec } from './dataset-spec.js';
import { checkClassified } from './classification.js';
import { checkAtSource } from './at-source.js';
import { describeDataset } from './describe-dataset.js';
import { loadDatasets } from './load-catalog.js';
import type { Fail, ManifestKind, Need } from './manifest-kind.js';
import { dropDataset, storeDataset } from './store-dataset.js';
import { settleIndexes } from './table-indexes.js';

/** Datasets as manifests: a document is a contract, and saving it makes or changes the typed table. */
export const datasetKind: ManifestKind<DatasetSpec> = {
  kind: 'Dataset',
  schema: DatasetSpec,
  async load(tx) {
    const datasets = await loadDatasets(tx);
    return new Map(datasets.filter(({ producedBy }) => producedBy === null).map(({ name, spec }) => [name, spec]));
  },
  async madeElsewhere(tx) {
    const datasets = await loadDatasets(tx);
    return new Map(datasets.flatMap(({ name, producedBy }) => (producedBy === null ? [] : [[name, `the pipeline ${producedBy}`] as const])));
  },
  async save(_name, spec, before, context, fail) {
    if (before) await checkClassified(context.tx, before, spec, fail);
    if (spec.source !== undefined) await checkAtSource(spec, context, fail);
    await storeDataset(context.tx, spec, { appliedBy: context.appliedBy, fail, ...(context.follows && { follows: true }) });
  },
  async conclude(_inForce, context, failOf, saved) {
    const catalog = await context.catalog();
    checkCatalog(catalog, (other) => (saved.has(other) ? failOf(other) : conflicting(failOf(other))), saved);
    await withLockTimeout(context.tx, 'A dataset', () => settleIndexes(context.tx, catalog));
  },
  async remove(name, { tx }) {
    await dropDataset(tx, name);
  },
  needs: needsOf,
  describe: describeDataset,
};

/** A document that is as it was, and that a change around it breaks. */
function conflicting(fail: Fail): Fail {
  return (path, message, code = 'CONFLICT') => fail(path, message, code);
}

/** Its source, the purposes that need consent, and the other datasets that its relations and references name. */
function needsOf(spec: DatasetSpec): Need[] {
  const referenced = spec.fields.flatMap(({ rules = [] }) => rules.flatMap(({ references }) => references?.split('.')[0] ?? []));
  const names = new Set([...(spec.relations ?? []).map(({ to }) => to), ...referenced]);
  names.delete(spec.name);
  const source = spec.source === undefined ? [] : [{ kind: 'Source', name: spec.source }];
  const purposes = (spec.consent?.purposes ?? []).map((name) => ({ kind: 'Purpose', name }));
  return [...source, ...purposes, ...[...names].map((name) => ({ kind: 'Dataset', name }))];
}
