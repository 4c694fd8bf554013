import type { Dataset, Field, Relation } from '../catalog/index.js';
import type { Condition, Slot } from './condition.js';
import type { Through } from './relation.js';
import type { AggregateMember, Grouping } from './summary.js';

/**
 * What a reader asks for, in the data plane's own words and not yet governed. It comes from a GraphQL document, an
 * export or an entity reference; leaf values are slots, so that one plan serves all requests of its shape.
 */
export interface RowSelection {
  readonly dataset: Dataset;
  readonly members: readonly RowMember[];
}

export type RowMember =
  | { readonly kind: 'typename'; readonly key: string }
  | { readonly kind: 'field'; readonly key: string; readonly field: Field }
  | { readonly kind: 'one'; readonly key: string; readonly relation: Relation; readonly row: RowSelection }
  | { readonly kind: 'many'; readonly key: string; readonly relation: Relation; readonly connection: ConnectionSelection }
  /** What the principal may not see: null, with a refusal beside. */
  | { readonly kind: 'nothing'; readonly key: string };

export interface ConnectionSelection {
  readonly dataset: Dataset;
  readonly page: Page;
  readonly where?: Condition;
  /** Only rows that versions of the dataset's rows behind `after` brought, up to `upTo`. Put in by us, never by who asks. */
  readonly changes?: { readonly after: Slot; readonly upTo: Slot };
  readonly order: readonly OrderTerm[];
  readonly members: readonly ConnectionMember[];
}

export type ConnectionMember =
  | { readonly kind: 'typename'; readonly key: string }
  | { readonly kind: 'totalCount'; readonly key: string }
  /** Over all rows of `where`, not those of the page. */
  | { readonly kind: 'aggregate'; readonly key: string; readonly members: readonly AggregateMember[] }
  | { readonly kind: 'groupBy'; readonly key: string; readonly grouping: Grouping }
  | { readonly kind: 'nodes'; readonly key: string; readonly row: RowSelection }
  | { readonly kind: 'edges'; readonly key: string; readonly members: readonly EdgeMember[] }
  | { readonly kind: 'pageInfo'; readonly key: string; readonly members: readonly PageInfoMember[] }
  /** Of changes only: whether there are more rows than the page holds, and the version that they are up to. */
  | { readonly kind: 'hasMore' | 'dataVersion'; readonly key: string };

export type EdgeMember =
  | { readonly kind: 'typename'; readonly key: string }
  | { readonly kind: 'cursor'; readonly key: string }
  | { readonly kind: 'node'; readonly key: string; readonly row: RowSelection };

export interface PageInfoMember {
  readonly key: string;
  readonly name: '__typename' | 'hasNextPage' | 'hasPreviousPage' | 'startCursor' | 'endCursor';
}

export interface Page {
  /** Rows at the most. */
  readonly limit: number;
  /** True for `last`: the page ends where the order (or `before`) ends. */
  readonly backward: boolean;
  readonly offset: number;
  readonly after?: CursorPosition;
  readonly before?: CursorPosition;
}

/**
 * A cursor that was given, taken apart: where its fingerprint and its values stand among the request's values. A null
 * value has no slot, since it makes another statement.
 */
export interface CursorPosition {
  readonly fingerprint: number;
  readonly values: readonly (number | null)[];
}

export interface OrderTerm {
  readonly through: Through;
  readonly field: Field;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** A page of rows, one row by its key, or several by theirs: what a root field of the data plane asks for. */
export type ReadSelection =
  | { readonly kind: 'connection'; readonly connection: ConnectionSelection }
  | { readonly kind: 'byKey'; readonly row: RowSelection; readonly key: readonly KeyPart[] }
  /** Each slot holds a list, with a value for each row. How many rows is a matter of the price; the statement is the same for all. */
  | { readonly kind: 'byKeys'; readonly row: RowSelection; readonly key: readonly KeyPart[]; readonly rows: number };

/** A field of the key, and where its value is. */
export interface KeyPart {
  readonly field: Field;
  readonly value: Slot;
}

/** The same rows, asked for one or several at a time. */
export function manyByKey({ row, key }: Extract<ReadSelection, { kind: 'byKey' }>, rows: number): ReadSelection {
  return { kind: 'byKeys', row, key: key.map(({ field, value }) => ({ field, value: { slot: value.slot, type: `${value.type}[]` } })), rows };
}
