import { identifier, join, literal, raw, sql, type Sql } from '../sql/index.js';

/** PostgreSQL cuts longer column names; a client may choose longer aliases. */
const LONGEST_COLUMN = 63;
/** json_build_object takes 100 arguments. */
const PAIRS_A_CALL = 50;

export interface JsonObject {
  /** Goes behind the FROM items that the values read. */
  readonly join: Sql;
  /** The object, of type json. */
  readonly value: Sql;
  /** What json_agg makes the same object of, without writing it twice: the row itself, where it is one. */
  readonly element: Sql;
}

/**
 * A JSON object from keys and values. As the row of a lateral subquery, which PostgreSQL flattens and writes clearly
 * faster than what json_build_object makes; only where a key is no column name, the function is used.
 */
export function jsonObject(pairs: readonly (readonly [key: string, value: Sql])[], alias: Sql): JsonObject {
  if (pairs.every(([key]) => Buffer.byteLength(key) <= LONGEST_COLUMN)) {
    const columns = pairs.map(([key, value]) => sql`${value} AS ${identifier(key as string)}`);
    return { join: sql` CROSS JOIN LATERAL (SELECT ${join(columns)}) AS ${alias}`, value: sql`row_to_json(${alias})`, element: alias };
  }
  const calls: Sql[] = [];
  for (let i = 0; i < pairs.length; i += PAIRS_A_CALL) {
    const part = pairs.slice(i, i + PAIRS_A_CALL).map(([key, value]) => sql`${literal(key)}, ${value}`);
    calls.push(sql`jsonb_build_object(${join(part)})`);
  }
  // jsonb joins objects; a single call keeps the order of keys and the text of numbers.
  const one = calls.length === 1 ? sql`json_build_object(${join(pairs.map(([key, value]) => sql`${literal(key)}, ${value}`))})` : undefined;
  const value = one ?? sql`(${join(calls, ' || ')})::json`;
  return { join: raw(''), value, element: value };
}
