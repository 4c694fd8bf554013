import { checkCatalog } from './catalog-checks.js';
import { withLockTimeout } from './change-table.js';
import { DatasetSpec } from './dataset-spec.js';
import { describeDataset } from './describe-dataset.js';
import { HeadgateError } from '../kernel/index.js';
import { loadDatasets } from './load-catalog.js';
import type { ManifestKind, Need } from './manifest-kind.js';
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
  async save(_name, spec, _before, { tx, appliedBy }, fail) {
    await storeDataset(tx, spec, { appliedBy, fail });
  },
  async settle(_inForce, context, failOf) {
    const catalog = await context.catalog();
    checkCatalog(catalog, failOf);
    await withLockTimeout(context.tx, 'A dataset', () => settleIndexes(context.tx, catalog));
  },
  async remove(name, { tx }) {
    // Documents that need it were asked before; what a pipeline made is no document.
    for (const { name: other, spec, producedBy } of await loadDatasets(tx)) {
      if (producedBy !== null && needsOf(spec).some((need) => need.name === name)) {
        throw new HeadgateError('CONFLICT', `The dataset ${name} can't be removed: ${other}, made by the pipeline ${producedBy}, has a relation to it.`, {
          name,
          neededBy: other,
        });
      }
    }
    await dropDataset(tx, name);
  },
  needs: needsOf,
  describe: describeDataset,
};

/** The other datasets that its relations and references name. */
function needsOf(spec: DatasetSpec): Need[] {
  const referenced = spec.fields.flatMap(({ rules = [] }) => rules.flatMap(({ references }) => references?.split('.')[0] ?? []));
  const names = new Set([...(spec.relations ?? []).map(({ to }) => to), ...referenced]);
  names.delete(spec.name);
  return [...names].map((name) => ({ kind: 'Dataset', name }));
}
