import type { Field } from '../catalog/index.js';
import type { FieldOperator, Slot } from './condition.js';
import type { MeasureFunction, Quantity } from './measure.js';
import type { Through } from './relation.js';
import type { Truncation } from './truncation.js';

export type AggregateMember =
  | { readonly kind: 'typename'; readonly key: string }
  | { readonly kind: 'count'; readonly key: string }
  | { readonly kind: 'measures'; readonly key: string; readonly measure: MeasureFunction; readonly members: readonly MeasureMember[] };

export type MeasureMember = { readonly kind: 'typename'; readonly key: string } | { readonly kind: 'field'; readonly key: string; readonly field: Field };

/** Rows with equal keys are one group. */
export interface GroupKey {
  readonly through: Through;
  readonly field: Field;
  readonly truncation?: Truncation;
}

export interface Grouping {
  readonly keys: readonly GroupKey[];
  readonly having?: Having;
  /** Groups that are equal in it are ordered by their keys. */
  readonly order: readonly GroupOrder[];
  /** Groups at the most. */
  readonly limit: number;
  readonly offset: number;
  readonly members: readonly GroupMember[];
}

export type GroupMember =
  | { readonly kind: 'typename'; readonly key: string }
  | { readonly kind: 'keys'; readonly key: string; readonly members: readonly GroupKeyMember[] }
  | { readonly kind: 'aggregate'; readonly key: string; readonly members: readonly AggregateMember[] };

export type GroupKeyMember =
  | { readonly kind: 'typename'; readonly key: string; readonly typeName: string }
  /** `index` is the place in the grouping's keys. */
  | { readonly kind: 'key'; readonly key: string; readonly index: number }
  /** The keys of a related dataset. */
  | { readonly kind: 'through'; readonly key: string; readonly members: readonly GroupKeyMember[] }
  /** A field by which the rows were not grouped: null. */
  | { readonly kind: 'absent'; readonly key: string };

/** A condition on groups. An empty `and` is true, an empty `or` false. */
export type Having =
  | { readonly kind: 'and' | 'or'; readonly conditions: readonly Having[] }
  | { readonly kind: 'not'; readonly condition: Having }
  | { readonly kind: 'compare'; readonly quantity: Quantity; readonly operator: FieldOperator; readonly operands: readonly Slot[] }
  | { readonly kind: 'isNull'; readonly quantity: Quantity; readonly isNull: boolean };

export interface GroupOrder {
  readonly by: Quantity | { readonly kind: 'key'; readonly index: number };
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}
