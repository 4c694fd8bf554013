import { LruMap } from '../kernel/index.js';
import { param, type Sql } from '../sql/index.js';
import type { MasterKey } from '../store/index.js';

/** SHA-256 works on blocks of 64 bytes; RFC 2104 fixes the two pads. */
const BLOCK = 64;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;
/** Scopes that are kept; a scope is a few hundred bytes. */
const KEPT = 10_000;

/** The key of a scope as HMAC uses it: two blocks, each a parameter of type bytea. */
export interface MaskKey {
  readonly inner: Sql;
  readonly outer: Sql;
}

/** The same scope gives the same Parameter objects, so a statement sends each key once. */
export type MaskKeys = (scope: string) => MaskKey;

/**
 * The keys of the hash masks: one per scope, derived from a master key, never part of a statement's text. All keys of an answer
 * come from one such function, made of one master key: see `Authorizer`.
 */
export function maskKeys(master: Pick<MasterKey, 'derive'>): MaskKeys {
  const keys = new LruMap<string, MaskKey>(KEPT);
  return (scope) =>
    keys.getOrMake(scope, () => {
      const key = master.derive(`mask/${scope}`);
      return { inner: block(key, INNER_PAD), outer: block(key, OUTER_PAD) };
    });
}

function block(key: Buffer, pad: number): Sql {
  const bytes = Buffer.alloc(BLOCK, pad);
  key.forEach((byte, i) => (bytes[i] = byte ^ pad));
  return param(bytes, 'bytea');
}
