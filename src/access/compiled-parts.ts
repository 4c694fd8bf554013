import { sql, type Sql } from '../sql/index.js';
import type { CompiledRead } from './compiled-read.js';
import type { PageScope } from './page-scope.js';

/** How many rows of a dataset one row of the place above holds, or one page: for the record. */
export interface Counted {
  readonly dataset: string;
  readonly rows: Sql;
}

export interface RootStatement extends Pick<CompiledRead, 'members' | 'counted' | 'maxBytes'> {
  /** The columns, and what comes behind them. */
  readonly list: readonly Sql[];
  readonly rest: Sql;
}

/** The members of a row: FROM items that they need behind the row's own, their JSON, and the rows of relations in it. */
export interface CompiledRow {
  readonly join: Sql;
  readonly value: Sql;
  readonly counts: readonly Counted[];
}

/** A relation's JSON, as a column of a FROM item of its own. */
export type RelationValue = CompiledRow;

export interface ConnectionParts {
  readonly page: PageScope | undefined;
  /** Takes the counts of what is nested in the page's rows. */
  readonly nested: Counted[];
}

export interface CompiledConnection {
  /** The members' values, as columns of `from`. */
  readonly columns: readonly (readonly [key: string, value: Sql])[];
  readonly from: Sql;
  readonly counts: readonly Counted[];
}

/** All columns of an answer are texts or bytes. */
export function countText({ rows }: Counted): Sql {
  return sql`(${rows})::text`;
}
