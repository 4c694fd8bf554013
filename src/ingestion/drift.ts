import { camelCase } from '../kernel/index.js';
import { columnType, type ContractDrift, type Dataset, type Field, type NewColumn, type ScalarType, type Widening } from '../catalog/index.js';
import { localName } from '../sources/index.js';
import { identifier, join, literal, raw, sql, type Sql } from '../sql/index.js';
import { place } from './contract-rules.js';
import { ISO_PATTERNS } from './iso-shape.js';
import type { LandingJob } from './landing.js';
import { rejected } from './rejection.js';
import { STAGE, stageShape, stageText } from './stage.js';
import { LANDED, rows } from './work-tables.js';

/** The rows want another contract than the one in force; nothing is wrong, the load begins again with that. */
export class Drifted extends Error {
  readonly drift: ContractDrift;
  constructor(drift: ContractDrift) {
    super('the contract follows the rows');
    this.drift = drift;
  }
}

/** A file with more new columns than this is rather another file. */
const MOST_NEW_COLUMNS = 100;

const WHOLE = literal('^(0|-?[1-9][0-9]*)$');
const DECIMAL = literal('^-?(0|[1-9][0-9]*)(\\.[0-9]+)?$');
const FLOAT = literal('^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?$');
const UUID = literal('^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$');

/**
 * The fields that columns become which the contract does not have, each of the narrowest type that all their values fit. A number
 * with zeros in front is a text, as is one that JSON has in quotes: somebody wanted it so.
 * @param values `name`, `kind` (of JSON: object, array, string, number, boolean; of CSV: text) and `text`, never null, a row for each value
 * @throws HeadgateError DATA_REJECTED when two columns, or a column and a field, would have one name
 */
export async function newColumns({ tx, dataset }: Pick<LandingJob, 'tx' | 'dataset'>, values: Sql): Promise<readonly NewColumn[]> {
  const found = await rows<{ name: string; type: ScalarType }>(
    tx,
    sql`SELECT name, ${TYPE_OF_ALL} AS type FROM (${values}) AS v GROUP BY name ORDER BY name LIMIT ${raw(String(MOST_NEW_COLUMNS + 1))}`,
  );
  if (found.length > MOST_NEW_COLUMNS) {
    throw rejected(`The rows have more than ${MOST_NEW_COLUMNS} columns that are not in the contract of "${dataset.name}". Change the file, or the contract.`);
  }
  const taken = new Map<string, string>([
    ...dataset.fields.map(({ name, graphqlName }): [string, string] => [graphqlName, `the field ${name}`]),
    ...dataset.relations.map(({ name, graphqlName }): [string, string] => [graphqlName, `the relation ${name}`]),
  ]);
  return found.map(({ name: column, type }) => {
    const field = fieldName(column, taken);
    const shown = column.slice(0, 80);
    const other = taken.get(camelCase(field));
    if (other !== undefined) {
      throw rejected(
        `The column "${shown}" is not in the contract of "${dataset.name}", and would be named like ${other}. If it is the same, give that field the alias; else name the column otherwise.`,
        { extra: [shown] },
      );
    }
    taken.set(camelCase(field), `the column "${shown}"`);
    return { column, field, type };
  });
}

const FALLBACK = 'column';

/** The column's name as a contract can have it. Of names without a Latin letter nothing is left to be taken for another: they are numbered. */
function fieldName(column: string, taken: ReadonlyMap<string, unknown>): string {
  const name = localName(column, FALLBACK);
  if (name !== FALLBACK || /[a-z]/i.test(column)) return name;
  for (let i = 2, numbered = name; ; i += 1) {
    if (!taken.has(camelCase(numbered))) return numbered;
    numbered = `${FALLBACK}_${i}`;
  }
}

const IS_NUMBER = sql`kind IN ('number', 'text')`;
const IS_TEXT = sql`kind IN ('string', 'text')`;

/** The narrowest type of all values of a group; no test raises. */
const TYPE_OF_ALL = sql`CASE
  WHEN bool_or(kind IN ('object', 'array')) THEN 'json'
  WHEN bool_and(kind = 'boolean' OR (kind = 'text' AND lower(text) IN ('true', 'false'))) THEN 'boolean'
  WHEN bool_and(${IS_NUMBER} AND text ~ ${WHOLE} AND pg_input_is_valid(text, 'integer')) THEN 'integer'
  WHEN bool_and(${IS_NUMBER} AND text ~ ${WHOLE} AND pg_input_is_valid(text, 'bigint')) THEN 'bigint'
  WHEN bool_and(${IS_NUMBER} AND text ~ ${DECIMAL} AND pg_input_is_valid(text, 'numeric')) THEN 'decimal'
  WHEN bool_and(${IS_NUMBER} AND text ~ ${FLOAT} AND pg_input_is_valid(text, 'float8')) THEN 'float'
  WHEN bool_and(${IS_TEXT} AND text ~ ${literal(ISO_PATTERNS.date)} AND pg_input_is_valid(text, 'date')) THEN 'date'
  WHEN bool_and(${IS_TEXT} AND text ~ ${literal(ISO_PATTERNS.timestamp)} AND pg_input_is_valid(text, 'timestamptz')) THEN 'timestamp'
  WHEN bool_and(${IS_TEXT} AND text ~ ${UUID}) THEN 'uuid'
  WHEN bool_and(kind = 'text' AND text ~ '^[[:space:]]*[[{]' AND pg_input_is_valid(text, 'jsonb')) THEN 'json'
  ELSE 'text' END`;

/** The types that a field can widen to, each with all values of the ones before it. A number never becomes a float: that rounds. */
const WIDER: Readonly<Partial<Record<ScalarType, readonly ScalarType[]>>> = {
  integer: ['bigint', 'decimal'],
  bigint: ['decimal'],
  date: ['timestamp'],
};

const PATTERNS: Readonly<Partial<Record<ScalarType, Sql>>> = {
  bigint: literal('^[+-]?[0-9]+$'),
  decimal: literal('^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]{1,3})?$'),
  timestamp: literal(ISO_PATTERNS.timestamp),
};

/**
 * How fields must widen for values that landed as misfits. A text is what a field becomes only when nothing narrower helps, more
 * of the values that came misfit than fit, and no rule looks at them.
 * @param fixedFields those whose type must stay; asked for when there are misfits
 */
export async function widenings(job: LandingJob, fixedFields: () => Promise<ReadonlySet<string>>): Promise<readonly Widening[]> {
  const { tx, dataset, rules } = job;
  const [bad] = await rows<{ places: number[] | null; staged: boolean }>(
    tx,
    sql`SELECT (SELECT array_agg(DISTINCT p)::int[] FROM ${LANDED} l, unnest(l._bad) AS p) AS places, to_regclass('pg_temp.stage') IS NOT NULL AS staged`,
  );
  if (!bad?.places || !bad.staged) return [];
  const misfits = new Set(bad.places);
  if (!dataset.fields.some(({ name }) => misfits.has(rules.typeOf.get(name) ?? -1))) return [];
  const fixed = await fixedFields();
  const found: Widening[] = [];
  for (const field of dataset.fields) {
    const at = rules.typeOf.get(field.name);
    if (at === undefined || !misfits.has(at) || fixed.has(field.name)) continue;
    const to = await widerType(job, field, dataset);
    if (to) found.push({ field: field.name, from: field.type, to });
  }
  return found;
}

async function widerType(job: LandingJob, field: Field, dataset: Dataset): Promise<ScalarType | undefined> {
  const candidates = WIDER[field.type] ?? [];
  const fits = candidates.map((type, i) => {
    const test = sql`m.text ~ ${PATTERNS[type] ?? literal('')} AND pg_input_is_valid(m.text, ${literal(columnType({ type, list: false }))})`;
    return sql`count(*) FILTER (WHERE ${test})::float8 AS ${identifier(`fit${i}`)}`;
  });
  const misfits = sql`SELECT ${stageText(job, field)} AS text FROM ${STAGE} s JOIN ${LANDED} l ON l._pos = s._pos
    WHERE l._bad @> ARRAY[${place(job.rules.typeOf.get(field.name))}] AND ${stageShape(job, field)}`;
  const good = sql`(SELECT count(${identifier(field.name)})::float8 FROM ${LANDED})`;
  const [counts] = await rows<Record<string, number>>(
    job.tx,
    sql`SELECT ${join([sql`count(*)::float8 AS misfits`, sql`${good} AS good`, ...fits])} FROM (${misfits} OFFSET 0) AS m`,
  );
  const most = Math.max(0, ...candidates.map((_, i) => counts?.[`fit${i}`] ?? 0));
  // The narrowest of those that as many values fit as fit any.
  if (most > 0) return candidates.find((_, i) => counts?.[`fit${i}`] === most);
  const isFree = field.type !== 'text' && field.rules.length === 0 && !dataset.rules.some(({ kind }) => kind === 'check');
  return isFree && (counts?.['misfits'] ?? 0) > (counts?.['good'] ?? 0) ? 'text' : undefined;
}
