import { join, literal, raw, sql, type Sql } from '../sql/index.js';

/** A function of PostgreSQL takes 100 arguments; the first is the format. */
const PAIRS_A_CALL = 90;

/** A text that is never null and has no character that JSON escapes: it only lacks its quotes. */
export interface Bare {
  readonly bare: Sql;
}

/** A value in SQL that is JSON already (`jsonValue`, objects, lists), or nearly. */
export type Json = Sql | Bare;

/**
 * A JSON object as text. Of all ways to write one this is the fastest: the functions that build json look up, for each
 * value of each row, how its type is written.
 */
export function jsonObject(pairs: readonly (readonly [key: string, value: Json])[]): Sql {
  const calls: Sql[] = [];
  for (let i = 0; i < pairs.length; i += PAIRS_A_CALL) {
    const part = pairs.slice(i, i + PAIRS_A_CALL);
    const members = part.map(([key, value]) => `${JSON.stringify(key).replaceAll('%', '%%')}:${'bare' in value ? '"%s"' : '%s'}`).join(',');
    const [open, close] = [i === 0 ? '{' : ',', i + PAIRS_A_CALL >= pairs.length ? '}' : ''];
    calls.push(sql`format(${join([literal(`${open}${members}${close}`), ...part.map(([, value]) => ('bare' in value ? value.bare : value))])})`);
  }
  if (calls.length === 0) return raw("'{}'::text");
  return calls.length === 1 && calls[0] ? calls[0] : sql`(${join(calls, ' || ')})`;
}

/** The texts of an aggregate's rows as a JSON list. */
export function jsonList(element: Sql, order: Sql, filter: Sql): Sql {
  return sql`coalesce('[' || string_agg(${element}, ','${order})${filter} || ']', '[]')`;
}

/** A JSON text that does not depend on any row. */
export function jsonConstant(value: string | boolean | null): Sql {
  return sql`${literal(JSON.stringify(value))}::text`;
}
