import type { FetchBudget } from './fetch-budget.js';
import type { RowTest, WantedRows } from './wanted-rows.js';

/** Where the next page is, as the API says it. */
export type Position = { readonly number: number } | { readonly cursor: string } | { readonly place: string };

export interface RowsPage {
  readonly rows: readonly unknown[];
  /** Absent when it is known that there is no other page. */
  readonly next?: Position;
  /** Of all pages, by the API's word. */
  readonly count?: number;
}

/** A test as the API is asked for it, with the parameter or argument. */
export interface AskedTest extends RowTest {
  readonly as: string;
  /** Whether the parameter takes one value, or several. */
  readonly takes: 'one' | 'several';
}

/** How rows are asked for in the one or the other kind of API. */
export interface RowsApi {
  /** Rows that meet the tests, or more. */
  page(wanted: WantedRows, tests: readonly AskedTest[], at: Position | undefined, budget: FetchBudget): Promise<RowsPage>;
  /** @param key a value for each field of the key; undefined when there is no such row */
  one(wanted: WantedRows, key: ReadonlyMap<string, string>, budget: FetchBudget): Promise<unknown>;
  /** The rows of some keys, where the key is one field. */
  several(wanted: WantedRows, keys: readonly string[], budget: FetchBudget): Promise<readonly unknown[]>;
  /** Whether a row can be got by such a key. */
  gets(key: ReadonlyMap<string, string>): boolean;
}
