import type { Dataset, Field, Relation } from '../catalog/index.js';

/** A value that comes with each request: its place in the list of values, and its PostgreSQL type. */
export interface Slot {
  readonly slot: number;
  readonly type: string;
}

export const FIELD_OPERATORS = [
  'eq',
  'ne',
  'in',
  'notIn',
  'lt',
  'lte',
  'gt',
  'gte',
  'between',
  'isNull',
  'eqInsensitive',
  'inInsensitive',
  'contains',
  'startsWith',
  'endsWith',
  'like',
  'matches',
  'containsInsensitive',
  'startsWithInsensitive',
  'endsWithInsensitive',
  'likeInsensitive',
  'matchesInsensitive',
  'containedBy',
  'overlaps',
  'hasKey',
] as const;
export type FieldOperator = (typeof FIELD_OPERATORS)[number];

export type JsonPathOperator = 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte' | 'in' | 'isNull' | 'isNotNull';

/** A filter in the data plane's own words. An empty `and` is true, an empty `or` false. */
export type Condition =
  | { readonly kind: 'and' | 'or'; readonly conditions: readonly Condition[] }
  | { readonly kind: 'not'; readonly condition: Condition }
  | { readonly kind: 'field'; readonly field: Field; readonly operator: FieldOperator; readonly operands: readonly Slot[] }
  /** `isNull` has no operand: true and false are different statements. */
  | { readonly kind: 'isNull'; readonly field: Field; readonly isNull: boolean }
  | {
      readonly kind: 'jsonPath';
      readonly field: Field;
      readonly path: Slot;
      readonly operator: JsonPathOperator;
      /** Absent for `isNull` and `isNotNull`. */
      readonly operand?: Slot;
      /** What sizes are compared among; absent for the other operators. */
      readonly comparand?: 'number' | 'text';
    }
  | {
      readonly kind: 'related';
      /** `is` for a to-one relation. */
      readonly quantifier: 'is' | 'some' | 'every' | 'none';
      readonly relation: Relation;
      readonly target: Dataset;
      readonly condition: Condition;
    };
