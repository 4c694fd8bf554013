import type { FetchedDataset } from '../../catalog/index.js';

/** What each wanted row meets: the field has one of the values, or is beyond the one. */
export interface RowTest {
  readonly field: string;
  readonly operator: 'in' | 'gt' | 'gte' | 'lt' | 'lte';
  /** As a contract's type writes them. */
  readonly values: readonly string[];
}

/** Which rows of a dataset are wanted at the least: more may come, and fewer never. */
export interface WantedRows {
  readonly dataset: FetchedDataset;
  readonly tests: readonly RowTest[];
  /** With it a list is asked for no key: how much it gives would tell of rows that nobody may see. By these rows can be got one by one, or in batches. */
  readonly byKey?: readonly RowTest[];
  /** The contract's names of the fields whose values are wanted. */
  readonly fields: readonly string[];
  /** Only so many, the first in an order; the tests say all that is asked of them. */
  readonly first?: { readonly rows: number; readonly by: string; readonly descending: boolean };
  /** Fields that may be told to who asks: the API's filters by others are not spoken of. */
  readonly told: ReadonlySet<string>;
}

export interface FetchedRows {
  /** As the API gives them. */
  readonly rows: readonly unknown[];
  /** There may be more, behind those that were asked for. */
  readonly isCut: boolean;
}
