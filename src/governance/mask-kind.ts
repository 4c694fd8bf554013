/** What a mask does to a cell. It keeps the field's type; docs/masks.md has the results. */
export type Mask =
  | { readonly kind: 'redact' }
  | { readonly kind: 'nullify' }
  /** Two fields with one scope have equal hashes for equal values; left out, it is `dataset.field`. */
  | { readonly kind: 'hash'; readonly scope?: string }
  | { readonly kind: 'partial'; readonly first: number; readonly last: number; readonly with: string }
  | { readonly kind: 'email' }
  | { readonly kind: 'year' }
  | { readonly kind: 'truncate'; readonly to: 'month' | 'day' | 'hour' }
  /** A positive decimal number without zeros at its ends. */
  | { readonly kind: 'round'; readonly step: string }
  /** Of a text that holds a number: the steps between which it lies. */
  | { readonly kind: 'range'; readonly step: string }
  /** Decimal places of a coordinate in degrees. */
  | { readonly kind: 'location'; readonly digits: number }
  /** A made-up value. In a grant `made` is written `kind`. Two fields with one scope have equal ones for equal values, as for `hash`. */
  | { readonly kind: 'pseudonym'; readonly made: Made; readonly scope?: string }
  /** As `hash`, and what it stands for can be asked for, with a right of its own. */
  | { readonly kind: 'tokenize'; readonly scope?: string }
  | SqlMask;

/** What a pseudonym looks like. */
export const MADE = ['name', 'email', 'city', 'phone'] as const;
export type Made = (typeof MADE)[number];

/** An expression over the row. */
export interface SqlMask {
  readonly kind: 'sql';
  readonly sql: string;
  /** Columns that it may read although they are not seen plain. Not a part of the mask as it is written: its grant says so. */
  readonly discloses?: readonly string[];
}

/** All effects from open to closed; masks that are not here yet keep their place. */
export const EFFECT_ORDER: readonly string[] = [
  'allow',
  'partial',
  'email',
  'location',
  'truncate',
  'year',
  'round',
  'range',
  'pseudonym',
  'tokenize',
  'hash',
  'redact',
  'nullify',
  'sql',
  'deny',
];
