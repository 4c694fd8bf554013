import type { Field } from '../catalog/index.js';
import { identifier, join, literal, raw, sql, type Sql } from '../sql/index.js';
import { isCsv } from './dialect/read-dialect.js';
import type { LandingJob } from './landing.js';
import type { SourceColumn } from './source-columns.js';
import { run } from './work-tables.js';

/** Rows as texts, on their way to `landed`: of CSV a column for each field, of JSON the object as `_doc`. */
export const STAGE = raw('pg_temp.stage');

/** Whether rows of this format are staged as JSON. */
export function isJson(format: LandingJob['format']): boolean {
  return format === 'json' || format === 'ndjson';
}

/** What a field of a staged row (`s`) is read from. */
export function stageText({ format, spooled }: LandingJob, field: Field): Sql {
  const name = isJson(format) ? literal(field.name) : identifier(field.name);
  // What is nested keeps its JSON; anything else is taken without its quotes.
  const text = isJson(format) ? (field.list || field.type === 'json' ? sql`nullif(s._doc -> ${name}, 'null')::text` : sql`s._doc ->> ${name}`) : sql`s.${name}`;
  if (field.type === 'text' && !field.list) return text;
  return isCsv(format) && spooled.dialect.decimal === 'comma' && isFraction(field) && !field.list ? withPoint(text) : sql`nullif(${text}, '')`;
}

/** Whether its values may have decimals. */
export function isFraction({ type }: Pick<Field, 'type'>): boolean {
  return type === 'decimal' || type === 'float';
}

/** A number with a decimal comma, and points between thousands if any, as PostgreSQL reads it; what is none stays none. */
function withPoint(text: Sql): Sql {
  return sql`CASE WHEN ${text} ~ ${literal('^ *[+-]?([0-9]{1,3}([.][0-9]{3})+|[0-9]*)(,[0-9]*)?([eE][+-]?[0-9]+)? *$')}
    THEN nullif(replace(replace(${text}, '.', ''), ',', '.'), '') WHEN ${text} IS NULL THEN NULL ELSE 'not a number with a decimal comma' END`;
}

/** A column of the file in `stage`: named for the field, or for its place where no field is there. */
export function stageColumn({ field }: SourceColumn, i: number): Sql {
  return identifier(field?.name ?? `_u${i}`);
}

/** Creates `stage` for rows with these columns. Returns their names there, in the same order. */
export async function createStage({ tx, dataset }: LandingJob, columns: readonly SourceColumn[]): Promise<readonly Sql[]> {
  const came = columns.map(stageColumn);
  // A field without a column is there too, with nothing in it.
  const absent = dataset.fields.filter((field) => !columns.some((column) => column.field === field)).map(({ name }) => identifier(name));
  await run(tx, sql`CREATE TEMP TABLE stage (_pos bigint, _line bigint, ${join([...came, ...absent].map((name) => sql`${name} text`))}) ON COMMIT DROP`);
  return came;
}

/** Whether a JSON value is of a kind that the field can be read from. */
export function stageShape({ format }: LandingJob, field: Field): Sql {
  if (!isJson(format) || field.list || field.type === 'json') return sql`true`;
  return sql`(jsonb_typeof(s._doc -> ${literal(field.name)}) IN ('object', 'array')) IS NOT TRUE`;
}
