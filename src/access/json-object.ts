import { join, literal, raw, sql, type Sql } from '../sql/index.js';

/** A function of PostgreSQL takes 100 arguments; the first is the format. */
const PAIRS_A_CALL = 90;

/**
 * A JSON object as text, from keys and values that are JSON already (`jsonValue`, objects, lists). Of all ways to write
 * one this is the fastest: the functions that build json look up, for each value of each row, how its type is written.
 */
export function jsonObject(pairs: readonly (readonly [key: string, value: Sql])[]): Sql {
  const calls: Sql[] = [];
  for (let i = 0; i < pairs.length; i += PAIRS_A_CALL) {
    const part = pairs.slice(i, i + PAIRS_A_CALL);
    const members = part.map(([key]) => `${JSON.stringify(key).replaceAll('%', '%%')}:%s`).join(',');
    const [open, close] = [i === 0 ? '{' : ',', i + PAIRS_A_CALL >= pairs.length ? '}' : ''];
    calls.push(sql`format(${join([literal(`${open}${members}${close}`), ...part.map(([, value]) => value)])})`);
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
