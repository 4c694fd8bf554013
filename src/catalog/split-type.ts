import type { ScalarType } from './model.js';

/** `text[]` -> text, and that it is a list. */
export function splitType(type: string): { readonly type: ScalarType; readonly list: boolean } {
  const list = type.endsWith('[]');
  return { type: (list ? type.slice(0, -2) : type) as ScalarType, list };
}
