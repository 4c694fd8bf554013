import type { Dataset } from '../catalog/index.js';
import type { ErrorCode } from '../kernel/index.js';
import type { Expression } from '../sql/index.js';
import type { Effect } from './grant.js';

/** One row of the CASE that makes a cell: in the rows where any of `when` holds, `effect`. 'always' ends the list. */
export interface CellCase {
  readonly when: 'always' | readonly Expression[];
  readonly effect: Effect;
}

export type RefusalCode = Extract<ErrorCode, 'FORBIDDEN' | 'PURPOSE_REQUIRED' | 'UNAUTHENTICATED'>;

/** What a principal sees of one field. */
export type FieldDecision =
  /** Every visible row's value as it is. */
  | { readonly access: 'plain'; readonly grants: readonly string[] }
  /** Some cell is masked, or null because no grant covers it. */
  | { readonly access: 'masked'; readonly cases: readonly CellCase[]; readonly grants: readonly string[] }
  /** No cell can be seen. */
  | { readonly access: 'forbidden'; readonly code: RefusalCode; readonly grants: readonly string[] };

/** What a principal sees of one dataset. Made by `decide` only, and the only thing reads are governed by. */
export interface DatasetDecision {
  readonly dataset: Dataset;
  /** Rows in which any of the expressions holds; 'none' when no grant shows anything. */
  readonly rows: 'all' | 'none' | readonly Expression[];
  readonly fields: ReadonlyMap<string, FieldDecision>;
  /** The code with which the dataset as a whole is refused when `rows` is 'none'. */
  readonly refusal: RefusalCode;
  /** Claims that the row filters read. */
  readonly claims: readonly string[];
  /** A filter depends on the moment of asking. */
  readonly usesTime: boolean;
  /** Equal for equal decisions; the values of the claims are not part of it. */
  readonly fingerprint: string;
}
