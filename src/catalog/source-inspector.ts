import type { Dataset } from './model.js';
import type { SourceSpec } from './source-spec.js';

/** How a live dataset's contract and its table fit. */
export interface Inspection {
  /** What does not fit, each with its place in the document; none when all is well. */
  readonly problems: readonly { readonly path: readonly (string | number)[]; readonly message: string }[];
  readonly warnings: readonly string[];
}

/** Looks at sources for those who apply manifests. */
export interface SourceInspector {
  /**
   * Compares the contract with the table as it is now.
   * @throws HeadgateError UNAVAILABLE when the source can't be reached in its time; BAD_USER_INPUT when its secret is not set.
   */
  inspect(source: SourceSpec, dataset: Dataset): Promise<Inspection>;
}
