import type { Dataset, Purpose } from './model.js';
import type { SourceSpec } from './source-spec.js';

/** The catalog at one version: immutable, and all that is needed to build the data plane's schema. */
export interface Catalog {
  readonly version: string;
  readonly datasets: ReadonlyMap<string, Dataset>;
  readonly purposes: ReadonlyMap<string, Purpose>;
  readonly sources: ReadonlyMap<string, SourceSpec>;
}
