import { param, sql, type Sql } from './fragment.js';

/** SHA-256 works on blocks of 64 bytes; RFC 2104 fixes the two pads. */
const BLOCK = 64;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/** A key as HMAC-SHA-256 in SQL uses it: two blocks, each a parameter of type bytea. */
export interface HmacKey {
  readonly inner: Sql;
  readonly outer: Sql;
}

export function hmacKey(key: Buffer): HmacKey {
  return { inner: block(key, INNER_PAD), outer: block(key, OUTER_PAD) };
}

/** HMAC (RFC 2104) with SHA-256, which PostgreSQL has without an extension. @param bytes of type bytea, as is the answer */
export function hmacSql({ inner, outer }: HmacKey, bytes: Sql): Sql {
  return sql`pg_catalog.sha256(${outer} || pg_catalog.sha256(${inner} || ${bytes}))`;
}

function block(key: Buffer, pad: number): Sql {
  const bytes = Buffer.alloc(BLOCK, pad);
  key.forEach((byte, i) => (bytes[i] = byte ^ pad));
  return param(bytes, 'bytea');
}
