import { toDataset, type DatasetSpec } from './dataset-spec.js';
import type { Catalog } from './catalog.js';
import type { Dataset } from './model.js';

/** The catalog of these contracts as if each had just been applied: for what needs no store. */
export function catalogOf(specs: readonly DatasetSpec[]): Catalog {
  const datasets = specs.map((spec): [string, Dataset] => [spec.name, toDataset(spec, { id: spec.name, contractVersion: 1 })]);
  return { version: '1', datasets: new Map(datasets), purposes: new Map(), sources: new Map() };
}
