import { LruMap } from '../kernel/index.js';
import { hmacKey, type HmacKey } from '../sql/index.js';
import type { MasterKey } from '../store/index.js';

/** Scopes that are kept; a scope is a few hundred bytes. */
const KEPT = 10_000;

/** The same scope gives the same Parameter objects, so a statement sends each key once. */
export type MaskKeys = (scope: string) => HmacKey;

/**
 * The keys of the hash masks: one per scope, derived from a master key, never part of a statement's text. All keys of an answer
 * come from one such function, made of one master key: see `Authorizer`.
 */
export function maskKeys(master: Pick<MasterKey, 'derive'>): MaskKeys {
  const keys = new LruMap<string, HmacKey>(KEPT);
  return (scope) => keys.getOrMake(scope, () => hmacKey(master.derive(`mask/${scope}`)));
}
