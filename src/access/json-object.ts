import { literal, raw, sql, type Sql } from '../sql/index.js';

/** A text that is never null and has no character that JSON escapes: it only lacks its quotes. */
export interface Bare {
  readonly bare: Sql;
}

/** The bytes of a JSON value (`jsonValue`, objects, lists), or nearly. */
export type Json = Sql | Bare;

/**
 * A JSON object. JSON is put together as bytes: of all ways to write it this is the fastest, since bytes know their length,
 * while texts are written out and measured anew on their way through each function; and the functions that build json
 * look up, for each value of each row, how its type is written.
 * @param before what stands before it
 */
export function jsonObject(pairs: readonly (readonly [key: string, value: Json])[], before = ''): Sql {
  const pieces: Sql[] = [];
  let text = `${before}{`;
  pairs.forEach(([key, value], i) => {
    const isBare = 'bare' in value;
    pieces.push(bytes(`${text}${i === 0 ? '' : ','}${JSON.stringify(key)}:${isBare ? '"' : ''}`), isBare ? textBytes(value.bare) : value);
    text = isBare ? '"' : '';
  });
  return concatenated([...pieces, bytes(`${text}}`)]);
}

/** So many values as a JSON list. */
export function jsonTuple(values: readonly Sql[]): Sql {
  return concatenated([...values.flatMap((value, i) => [bytes(i === 0 ? '[' : ','), value]), bytes(']')]);
}

/** The values of an aggregate's rows as a JSON list. */
export function jsonList(element: Sql, order: Sql, filter: Sql): Sql {
  return sql`coalesce(${bytes('[')} || string_agg(${element}, ${bytes(',')}${order})${filter} || ${bytes(']')}, ${bytes('[]')})`;
}

/** A JSON value that does not depend on any row. */
export function jsonConstant(value: string | boolean | null): Sql {
  return bytes(JSON.stringify(value));
}

/** A whole number that is never null. */
export function jsonNumber(value: Sql): Sql {
  return textBytes(sql`(${value})::text`);
}

/** A text of SQL as bytes. What sends values to clients does it, and clients of ours are told UTF-8, which the server keeps. */
export function textBytes(text: Sql): Sql {
  return sql`textsend(${text})`;
}

/** A text of ours as bytes. */
export function bytes(text: string): Sql {
  // To bytea a backslash begins an escape.
  return sql`${literal(text.replaceAll('\\', '\\\\'))}::bytea`;
}

/** By halves: a chain would copy its beginning at each of its links. */
function concatenated(pieces: readonly Sql[]): Sql {
  const [first = raw("''::bytea")] = pieces;
  if (pieces.length <= 1) return first;
  const half = pieces.length >> 1;
  return sql`(${concatenated(pieces.slice(0, half))} || ${concatenated(pieces.slice(half))})`;
}
