import { namesOf } from './loaded-columns.js';
import type { Field } from './model.js';
import { join, literal, raw, sql, type Sql } from '../sql/index.js';

const SPACES = literal(' \t\n\r\f\v');
/** What stands around a value in a line that could not be taken apart. */
const AROUND = literal(`[[:space:]"',;:{}()<>=\\[\\]|]+`);
/** A whole number as people write it: with zeros before or behind the point. */
const WHOLE = literal('^[+-]?[0-9]{1,40}(\\.0*)?$');

/**
 * Whether a quarantined row is about a subject: its `raw` has, under one of the names of the subject's field, a text for which `matches`
 * holds, read as a load would have read it, and without spaces around. Of a line that could not be taken apart each word
 * is looked at. Nothing here raises on data.
 * @param field the subject's
 * @param matches a test of a text; it sees the text form that the value would have
 */
export function rawIsAbout(field: Pick<Field, 'name' | 'type' | 'aliases'>, row: Sql, matches: (text: Sql) => Sql): Sql {
  const any = (text: Sql): Sql => join(formsOf(field, text).map(matches), ' OR ');
  const values = join(
    namesOf(field).map((name) => any(sql`(${row} ->> ${literal(name)})`)),
    ' OR ',
  );
  return sql`(${values} OR (jsonb_exists(${row}, '') AND EXISTS (SELECT FROM ${wordsOf(row)} AS _w(_t) WHERE ${any(raw('_w._t'))})))`;
}

/** The words of a line that could not be taken apart, each a row. */
export function wordsOf(row: Sql): Sql {
  return sql`pg_catalog.regexp_split_to_table(${row} ->> '', ${AROUND})`;
}

/** The texts that a value may have had, had it been loaded. */
export function formsOf({ type }: Pick<Field, 'type'>, text: Sql): readonly Sql[] {
  const trimmed = sql`pg_catalog.btrim(${text}, ${SPACES})`;
  if (type === 'uuid') {
    return [sql`CASE WHEN pg_input_is_valid(${trimmed}, 'uuid') THEN (${trimmed})::uuid::text ELSE pg_catalog.lower(${trimmed}) END`];
  }
  if (type === 'integer' || type === 'bigint') {
    return [
      sql`CASE WHEN ${trimmed} ~ ${WHOLE} THEN pg_catalog.trim_scale((${trimmed})::numeric)::text WHEN pg_input_is_valid(${trimmed}, 'bigint') THEN (${trimmed})::bigint::text ELSE ${trimmed} END`,
    ];
  }
  return [text, trimmed];
}
