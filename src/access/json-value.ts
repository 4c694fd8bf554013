import type { Field } from '../catalog/index.js';
import { raw, sql, word, type Sql } from '../sql/index.js';
import { bytes, textBytes, type Json } from './json-object.js';

const JSON_SCALAR = word('jsonScalar', 'JSON_SCALAR');

/**
 * A value as it stands in the answer, in bytes of JSON: BigInt and Decimal as strings, dates and times as ISO 8601
 * (RFC 3339 in UTC for timestamps), NaN and the infinities as null, since JSON has no words for them.
 * @param isNeverNull as the contract promises, and no mask or refusal stands in the value's place
 */
export function jsonValue(field: Pick<Field, 'type' | 'list'>, value: Sql, isNeverNull: boolean): Json {
  if (isNeverNull && !field.list && (field.type === 'bigint' || field.type === 'uuid')) return { bare: sql`(${value})::text` };
  if (field.type === 'json' && !field.list) return orNull(textBytes(sql`(${value})::text`));
  const json = field.list ? jsonBytes(list(field, value)) : jsonBytes(sql`${JSON_SCALAR}(${scalar(field, value)})`);
  return isNeverNull && field.type === 'text' && !field.list ? json : orNull(json);
}

/** Unlike to_json, which asks for each value anew how its type is written, JSON_SCALAR knows from the start. */
export function jsonScalar(value: Sql): Sql {
  return orNull(jsonBytes(sql`${JSON_SCALAR}(${value})`));
}

/** As they would be sent; a cast goes by way of a text that is measured anew. */
function jsonBytes(json: Sql): Sql {
  return sql`json_send(${json})`;
}

function orNull(json: Sql): Sql {
  return sql`coalesce(${json}, ${bytes('null')})`;
}

/** A list as json; null for null. */
export function list(field: Pick<Field, 'type'>, value: Sql): Sql {
  switch (field.type) {
    case 'bigint':
      return sql`to_json((${value})::text[])`;
    case 'decimal':
    case 'float':
    case 'date':
    case 'timestamp': {
      return listOf(scalar(field, raw('e.v')), value);
    }
    default:
      return sql`to_json(${value})`;
  }
}

/** A list as json, of what `element` makes of each of its values, `e.v`. */
export function listOf(element: Sql, value: Sql): Sql {
  return sql`(SELECT coalesce(json_agg(${element} ORDER BY e.i), '[]') FROM unnest(${value}) WITH ORDINALITY AS e (v, i) HAVING ${value} IS NOT NULL)`;
}

/** What JSON is made of, with null for what it has no words for. */
export function scalar(field: Pick<Field, 'type'>, value: Sql): Sql {
  switch (field.type) {
    case 'bigint':
      return sql`(${value})::text`;
    // NaN sorts above infinity, so two comparisons leave out all three.
    case 'decimal':
      return sql`CASE WHEN ${value} ${word('aboveLeast', "> '-Infinity'")} AND ${value} ${word('belowGreatest', "< 'Infinity'")} THEN (${value})::text END`;
    case 'float':
      return sql`CASE WHEN ${value} > '-Infinity' AND ${value} < 'Infinity' THEN ${value} END`;
    case 'date':
    case 'timestamp':
      // Written once, since a mask can stand in its place, and would be computed as often as it is written.
      return sql`NULLIF(NULLIF(${value}, 'infinity'), '-infinity')`;
    default:
      return value;
  }
}
