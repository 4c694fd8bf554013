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

/** Only rows whose subject has consented to the purpose at the moment of reading. */
export interface ConsentCondition {
  readonly purpose: string;
  /** The name of the field that says which person a row is about; undefined where only a part of the contract was decided on, of which nothing can be read. */
  readonly subject: string | undefined;
}

/** What a principal reads of a dataset of which it sees no row: numbers over whole cells. */
export interface AggregateDecision {
  /** Of these all together a cell is made, whichever of them is asked for. */
  readonly dimensions: readonly string[];
  readonly measures: readonly string[];
  readonly minGroup: number;
  /** Rows that cells are made of. */
  readonly rows: 'all' | readonly Expression[];
  readonly grants: readonly string[];
}

/** What a principal sees of one dataset. Made by `decide` only, and the only thing reads are governed by. */
export interface DatasetDecision {
  readonly dataset: Dataset;
  /** Rows in which any of the expressions holds; 'none' when no grant shows anything. */
  readonly rows: 'all' | 'none' | readonly Expression[];
  /** Holds beside `rows`, which is never 'all' with it. */
  readonly consent?: ConsentCondition;
  readonly fields: ReadonlyMap<string, FieldDecision>;
  /** Where `rows` is 'none': numbers over many rows that can be read all the same. Whoever does not ask for it gives nothing. */
  readonly aggregate?: AggregateDecision;
  /** The code with which the dataset as a whole is refused when `rows` is 'none'. */
  readonly refusal: RefusalCode;
  /** Claims that the row filters read. */
  readonly claims: readonly string[];
  /** What is seen depends on the moment of asking: by a filter, or by consents. */
  readonly usesTime: boolean;
  /** Equal for equal decisions; the values of the claims are not part of it. */
  readonly fingerprint: string;
}
