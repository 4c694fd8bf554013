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
  | { readonly kind: 'round'; readonly step: string };

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
