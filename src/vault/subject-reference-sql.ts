import { hmacKey, hmacSql, sql, type Sql } from '../sql/index.js';
import type { KeyRing } from '../store/index.js';
import { REFERENCE_LABEL } from './subject-reference.js';

/** `subjectReference` of texts, as SQL: so a person can be found again of whom nothing but the reference is kept. */
export function subjectReferenceSql(keyRing: KeyRing): (text: Sql) => Sql {
  const key = hmacKey(keyRing.derive(REFERENCE_LABEL));
  return (text) => sql`pg_catalog.encode(${hmacSql(key, sql`pg_catalog.textsend((${text})::text)`)}, 'hex')`;
}
