import type { Field } from '../catalog/index.js';
import { identifier, literal, raw, sql, type Sql } from '../sql/index.js';
import type { LandingJob } from './landing.js';

/** Rows as texts, on their way to `landed`: of CSV a column for each field, of JSON the object as `_doc`. */
export const STAGE = raw('pg_temp.stage');

/** Whether rows of this format are staged as JSON. */
export function isJson(format: LandingJob['format']): boolean {
  return format === 'json' || format === 'ndjson';
}

/** What a field of a staged row (`s`) is read from. */
export function stageText({ format }: LandingJob, field: Field): Sql {
  const name = isJson(format) ? literal(field.name) : identifier(field.name);
  // What is nested keeps its JSON; anything else is taken without its quotes.
  const text = isJson(format) ? (field.list || field.type === 'json' ? sql`nullif(s._doc -> ${name}, 'null')::text` : sql`s._doc ->> ${name}`) : sql`s.${name}`;
  return field.type === 'text' && !field.list ? text : sql`nullif(${text}, '')`;
}

/** Whether a JSON value is of a kind that the field can be read from. */
export function stageShape({ format }: LandingJob, field: Field): Sql {
  if (!isJson(format) || field.list || field.type === 'json') return sql`true`;
  return sql`(jsonb_typeof(s._doc -> ${literal(field.name)}) IN ('object', 'array')) IS NOT TRUE`;
}
