import { ISO_PATTERNS, type NewColumn, type ScalarType } from '../catalog/index.js';
import { camelCase } from '../kernel/index.js';
import { localName } from '../sources/index.js';
import { literal, raw, sql, type Sql } from '../sql/index.js';
import { chooseType, type ColumnFacts } from './infer/choose-type.js';
import type { LandingJob } from './landing.js';
import { rejected } from './rejection.js';
import { rows } from './work-tables.js';

/** A file with more new columns than this is rather another file. */
const MOST_NEW_COLUMNS = 100;

/**
 * The fields that columns become which the contract does not have, each of the type that `headgate dataset infer` would give it. Dates and
 * times are those of ISO 8601, since a field that nobody has looked at has no format; lists are json.
 * @param values `name`, `kind` (of JSON: object, array, string, number, boolean; of CSV: text) and `text`, never null, a row for each value
 * @throws HeadgateError DATA_REJECTED when two columns, or a column and a field, would have one name
 */
export async function newColumns({ tx, dataset }: Pick<LandingJob, 'tx' | 'dataset'>, values: Sql): Promise<readonly NewColumn[]> {
  const found = await rows<CountedColumn>(
    tx,
    sql`SELECT name, ${FACTS} FROM (SELECT v.*, ${WAS} AS was FROM (${values}) AS v OFFSET 0) AS w GROUP BY name ORDER BY name LIMIT ${raw(String(MOST_NEW_COLUMNS + 1))}`,
  );
  if (found.length > MOST_NEW_COLUMNS) {
    throw rejected(`The rows have more than ${MOST_NEW_COLUMNS} columns that are not in the contract of "${dataset.name}". Change the file, or the contract.`);
  }
  const taken = new Map<string, string>([
    ...dataset.fields.map(({ name, graphqlName }): [string, string] => [graphqlName, `the field ${name}`]),
    ...dataset.relations.map(({ name, graphqlName }): [string, string] => [graphqlName, `the relation ${name}`]),
  ]);
  return found.map((counted) => {
    const column = counted.name;
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
    return { column, field, type: typeOf(counted, field) };
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

/** What all values of a column have in common, as PostgreSQL counts it: `ColumnProfile` counts the same of a file. */
interface CountedColumn {
  readonly name: string;
  readonly kinds: readonly string[];
  readonly values: number;
  readonly wholes: number;
  readonly fractions: number;
  readonly exponents: number;
  readonly booleans: number;
  readonly uuids: number;
  readonly jsons: number;
  readonly zeroOne: number;
  readonly leadingZeros: number;
  readonly signs: number;
  readonly quoted: number;
  readonly floats: number;
  readonly dates: number;
  readonly timestamps: number;
  readonly times: number;
  readonly least: string | null;
  readonly most: string | null;
  readonly integerDigits: number;
  readonly fractionDigits: number;
}

const IS_TEXT = sql`kind IN ('string', 'text')`;
const NUMBER = sql`was IN ('whole', 'fraction', 'exponent')`;

/** What a value is; no test raises. A number counts as one only when PostgreSQL can hold it. */
const WAS = sql`CASE
  WHEN kind IN ('object', 'array') THEN 'nested'
  WHEN kind = 'boolean' THEN 'boolean'
  WHEN text = '' THEN 'empty'
  WHEN text ~ '^[+-]?[0-9]+$' AND pg_input_is_valid(text, 'numeric') THEN 'whole'
  WHEN text ~ '^[+-]?([0-9]+\\.[0-9]*|\\.[0-9]+)$' AND pg_input_is_valid(text, 'numeric') THEN 'fraction'
  WHEN text ~ '^[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)[eE][+-]?[0-9]{1,3}$' AND pg_input_is_valid(text, 'float8') THEN 'exponent'
  WHEN kind = 'text' AND lower(text) IN ('true', 'false', 'yes', 'no') THEN 'boolean'
  WHEN text ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN 'uuid'
  WHEN kind = 'text' AND text ~ '^[[:space:]]*[[{]' AND pg_input_is_valid(text, 'jsonb') THEN 'json'
  ELSE 'word' END`;

const FACTS = sql`array_agg(DISTINCT CASE WHEN kind IN ('object', 'array') THEN 'nested' ELSE kind END) FILTER (WHERE was <> 'empty') AS kinds,
  ${count('values', sql`was <> 'empty'`)}, ${count('wholes', sql`was = 'whole'`)}, ${count('fractions', sql`was = 'fraction'`)},
  ${count('exponents', sql`was = 'exponent'`)}, ${count('booleans', sql`was = 'boolean'`)}, ${count('uuids', sql`was = 'uuid'`)},
  ${count('jsons', sql`was = 'json'`)}, ${count('zeroOne', sql`${NUMBER} AND text IN ('0', '1')`)},
  ${count('leadingZeros', sql`${NUMBER} AND text ~ '^[+-]?0[0-9]'`)}, ${count('signs', sql`${NUMBER} AND text LIKE '+%'`)},
  ${count('quoted', sql`${NUMBER} AND kind = 'string'`)}, ${count('floats', sql`${NUMBER} AND pg_input_is_valid(text, 'float8')`)},
  ${isoCount('dates', 'date', 'date')}, ${isoCount('timestamps', 'timestamp', 'timestamptz')}, ${isoCount('times', 'time', 'time')},
  min(CASE WHEN was = 'whole' THEN text::numeric END)::text AS least, max(CASE WHEN was = 'whole' THEN text::numeric END)::text AS most,
  ${digits('integerDigits', 1)}, ${digits('fractionDigits', 2)}`;

function count(name: string, condition: Sql): Sql {
  return sql`count(*) FILTER (WHERE ${condition})::float8 AS ${raw(`"${name}"`)}`;
}

function isoCount(name: string, pattern: keyof typeof ISO_PATTERNS, type: string): Sql {
  return count(name, sql`${IS_TEXT} AND was = 'word' AND text ~ ${literal(ISO_PATTERNS[pattern])} AND pg_input_is_valid(text, ${literal(type)})`);
}

/** The most digits before (1) or behind (2) the point. */
function digits(name: string, part: 1 | 2): Sql {
  return sql`coalesce(max(length(split_part(ltrim(text, '+-'), '.', ${raw(String(part))}))) FILTER (WHERE was IN ('whole', 'fraction')), 0)::float8 AS ${raw(`"${name}"`)}`;
}

function typeOf({ kinds, least, most, floats, dates, timestamps, times, ...counted }: CountedColumn, field: string): ScalarType {
  const { values } = counted;
  const written = ([dates, timestamps, times] as const).findIndex((fitting) => values > 0 && fitting === values);
  const facts: ColumnFacts = {
    ...counted,
    kinds: new Set(kinds ?? []),
    least: least === null ? undefined : BigInt(least),
    most: most === null ? undefined : BigInt(most),
    writtenAs: written < 0 ? undefined : { type: (['date', 'timestamp', 'time'] as const)[written] ?? 'date' },
    // A list whose elements are of one kind now may have others in it later.
    lists: 0,
    items: undefined,
    // Of what is a text in any case these are for comments.
    markers: 0,
    longest: 0,
    thousands: 0,
  };
  const { type } = chooseType(facts, field, true);
  return type === 'float' && floats < values ? 'text' : type;
}
