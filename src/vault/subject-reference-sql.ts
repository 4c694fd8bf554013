import { param, raw, sql, type Sql } from '../sql/index.js';
import type { KeyRing } from '../store/index.js';

/** SHA-256 works on blocks of 64 bytes; RFC 2104 fixes the two pads. */
const BLOCK = 64;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/** `subjectReference` of texts, as SQL: so a person can be found again of whom nothing but the reference is kept. */
export function subjectReferenceSql(keyRing: KeyRing): (text: Sql) => Sql {
  const key = keyRing.derive('audit/subject');
  const [inner, outer] = [block(key, INNER_PAD), block(key, OUTER_PAD)];
  return (text) => sql`pg_catalog.encode(pg_catalog.sha256(${outer} || pg_catalog.sha256(${inner} || pg_catalog.textsend((${text})::text))), ${raw("'hex'")})`;
}

function block(key: Buffer, pad: number): Sql {
  const bytes = Buffer.alloc(BLOCK, pad);
  key.forEach((byte, i) => (bytes[i] = byte ^ pad));
  return param(bytes, 'bytea');
}
