import { hmacSql, literal, raw, sql, type HmacKey, type Sql } from '../sql/index.js';
import type { MaskKeys } from './mask-keys.js';

const TOKEN_START = 'tok_';
const TOKEN_DIGITS = 32;
/** What a token looks like. */
export const TOKEN = new RegExp(`^${TOKEN_START}[0-9a-f]{${TOKEN_DIGITS}}$`);

/**
 * Keys are kept apart by what they are for, so that a token can't be compared with a hash of the same scope, nor a pseudonym be
 * told from either. No scope that a grant names has a slash.
 */
type Use = 'hash' | 'token' | 'pseudonym';

export function keyOf(use: Use, scope: string, keys: MaskKeys): HmacKey {
  return keys(use === 'hash' ? scope : `${use}/${scope}`);
}

/** HMAC of the UTF-8 bytes. */
export function hmac(key: HmacKey, column: Sql): Sql {
  return hmacSql(key, bytes(column));
}

export function hash(scope: string, column: Sql, keys: MaskKeys): Sql {
  return sql`pg_catalog.encode(${hmac(keyOf('hash', scope, keys), column)}, 'hex')`;
}

/** 128 bits: among 10^12 values of a field, two with one token are as likely as 1 to 10^15. */
export function token(scope: string, column: Sql, keys: MaskKeys): Sql {
  const digits = sql`pg_catalog.encode(${hmac(keyOf('token', scope, keys), column)}, 'hex')`;
  return sql`(${literal(TOKEN_START)} || pg_catalog.left(${digits}, ${raw(`${TOKEN_DIGITS}`)}))`;
}

/**
 * A text as the server keeps it, which is UTF-8, and as it is sent to us. `convert_to` gives the same, and looks up two
 * encodings for each value; a cast would take backslashes for escapes.
 */
function bytes(column: Sql): Sql {
  return sql`pg_catalog.textsend(${column})`;
}
