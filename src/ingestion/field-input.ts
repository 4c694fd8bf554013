import { columnType, ISO_PATTERNS, type Field } from '../catalog/index.js';
import { literal, raw, sql, type Sql } from '../sql/index.js';
import { dateFormat } from './date-format.js';

/** How a field's text becomes a value: a test that never raises, and the conversion for texts that pass it. */
export interface FieldInput {
  /** Boolean, true also for null. */
  readonly valid: Sql;
  /** Of the column's type; only to be evaluated when `valid` is true, or where an error is borne. */
  readonly value: Sql;
  /** What is left to be tested where `value` does not raise, for the same as `valid`; undefined for nothing. It may raise where `value` does. */
  readonly meant: Sql | undefined;
}

/**
 * The input of a field from `text`, an SQL expression of type text that is null for no value. Lists come as JSON arrays.
 * @throws HeadgateError BAD_USER_INPUT when the field's declared format can't be understood.
 */
export function fieldInput(field: Field, text: Sql): FieldInput {
  if (!field.list) return scalarInput(field, text);
  const element = scalarInput({ ...field, list: false }, sql`_e._v`);
  const elements = sql`jsonb_array_elements(${text}::jsonb)`;
  const asText = sql`SELECT _j #>> '{}' AS _v, jsonb_typeof(_j) AS _t FROM ${elements} AS _a(_j)`;
  const nested = field.type === 'json' ? sql`false` : sql`_e._t IN ('object', 'array')`;
  return {
    // CASE fixes the order: the elements are looked at only when it is an array.
    valid: sql`CASE WHEN ${text} IS NULL THEN true WHEN NOT pg_input_is_valid(${text}, 'jsonb') THEN false
      WHEN jsonb_typeof(${text}::jsonb) <> 'array' THEN false
      ELSE NOT EXISTS (SELECT FROM (${asText}) _e WHERE ${nested} OR NOT ${element.valid}) END`,
    value: sql`CASE WHEN ${text} IS NOT NULL THEN ARRAY(SELECT ${element.value} FROM (${asText}) _e) END`,
    meant: sql`(${text} IS NULL OR NOT EXISTS (SELECT FROM (${asText}) _e WHERE ${nested}${element.meant ? sql` OR NOT ${element.meant}` : sql``}))`,
  };
}

function scalarInput(field: Field, text: Sql): FieldInput {
  const type = columnType(field);
  if (field.type === 'text') return { valid: sql`true`, value: text, meant: undefined };
  if (field.type !== 'date' && field.type !== 'time' && field.type !== 'timestamp') {
    return { valid: sql`(${text} IS NULL OR pg_input_is_valid(${text}, ${literal(type)}))`, value: sql`(${text})::${raw(type)}`, meant: undefined };
  }
  const format = field.format === undefined ? undefined : dateFormat(field.format, field.type);
  const pattern = literal(format?.pattern ?? ISO_PATTERNS[field.type]);
  const iso = format ? sql`regexp_replace(${text}, ${pattern}, ${literal(format.iso)})` : text;
  const value = sql`(${iso})::${raw(type)}`;
  const usual = format ? sql`` : sql`${usualText(field.type, text, value)} OR `;
  return {
    valid: sql`(${text} IS NULL OR (${text} ~ ${pattern} AND pg_input_is_valid(${iso}, ${literal(type)})))`,
    value,
    meant: sql`(${text} IS NULL OR ${usual}${text} ~ ${pattern})`,
  };
}

/**
 * True only for texts that fit the type's pattern, as nearly all are: a text that is what PostgreSQL itself writes for the value, in
 * sessions with ISO dates and the time zone UTC. The pattern takes ten times as long.
 */
function usualText(type: 'date' | 'time' | 'timestamp', text: Sql, value: Sql): Sql {
  if (type === 'time') return sql`${value}::text = ${text}`;
  if (type === 'date') return sql`(${text} LIKE '____-__-__' AND ${value}::text = ${text})`;
  return sql`(${text} LIKE '____-__-__T__:__:__%Z' AND ${value}::text = replace(replace(${text}, 'T', ' '), 'Z', '+00'))`;
}

/** What a field expects, for people. */
export function expectation(field: Field): string {
  if (field.list) return `a JSON array of ${field.type}`;
  if (field.format !== undefined) return `a ${field.type} as ${field.format}`;
  return EXPECTATIONS[field.type];
}

const EXPECTATIONS: Readonly<Record<Field['type'], string>> = {
  text: 'a text',
  integer: 'a whole number from -2147483648 to 2147483647',
  bigint: 'a whole number of 64 bits',
  decimal: 'a decimal number',
  float: 'a number',
  boolean: 'true or false',
  date: 'a date as YYYY-MM-DD',
  timestamp: 'a time stamp as YYYY-MM-DDThh:mm:ssZ (ISO 8601)',
  time: 'a time as hh:mm:ss',
  uuid: 'a UUID',
  json: 'JSON',
};
