import type { Field } from '../catalog/index.js';

/** What a field is compared with, when the request is there. */
export type Operand = { readonly slot: number } | { readonly claim: string } | { readonly text: string } | { readonly keysAt: number };

/** The field has one of the values, or is beyond the one. */
export interface PlannedTest {
  readonly field: Field;
  readonly operator: 'in' | 'gt' | 'gte' | 'lt' | 'lte';
  readonly operands: readonly Operand[];
}
