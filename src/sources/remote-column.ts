import { columnType, type Field, type ScalarType } from '../catalog/index.js';
import { raw, sql, type Sql } from '../sql/index.js';

/** A column of a table at a source, as it is there now. */
export interface RemoteColumn {
  readonly name: string;
  /** PostgreSQL's own name of the type under all domains (`int4`, `varchar`), `enum` or `citext`; of the elements, for a list. */
  readonly type: string;
  readonly list: boolean;
  readonly notNull: boolean;
  /** The collation that its indexes have; absent where it has none, and where equal texts need not be the same. */
  readonly collation?: readonly [schema: string, name: string];
  /** As a person calls it. */
  readonly typeText: string;
  /** Another one when anything of it changed. */
  readonly token: string;
  readonly comment?: string;
}

/** The types of PostgreSQL that each of ours can show: without a loss, and without an error for any value. */
const FITTING: Readonly<Record<ScalarType, readonly string[]>> = {
  text: ['text', 'varchar', 'bpchar', 'name', 'citext', 'enum', 'uuid', 'inet', 'cidr', 'macaddr', 'macaddr8'],
  integer: ['int4', 'int2'],
  bigint: ['int8', 'int4', 'int2', 'oid'],
  decimal: ['numeric', 'int8', 'int4', 'int2'],
  float: ['float8', 'float4', 'int4', 'int2'],
  boolean: ['bool'],
  date: ['date'],
  timestamp: ['timestamptz', 'timestamp'],
  time: ['time'],
  uuid: ['uuid'],
  json: ['jsonb', 'json'],
};

/** The type that a contract gives such a column; undefined for what none of ours can show. */
export function contractType({ type, list }: Pick<RemoteColumn, 'type' | 'list'>): { readonly type: ScalarType; readonly list: boolean } | undefined {
  // uuid before text: of the types that fit, the first one whose own it is.
  const own = (Object.keys(FITTING) as ScalarType[]).find((candidate) => FITTING[candidate][0] === type);
  const found = own ?? (Object.keys(FITTING) as ScalarType[]).find((candidate) => FITTING[candidate].includes(type));
  return found !== undefined && fits({ type, list }, { type: found, list }) ? { type: found, list } : undefined;
}

export function fits(column: Pick<RemoteColumn, 'type' | 'list'>, field: Pick<Field, 'type' | 'list'>): boolean {
  // The elements of a list can't be looked at one by one before they are cast.
  if (column.list && column.type === 'json') return false;
  return column.list === field.list && FITTING[field.type].includes(column.type);
}

/**
 * The column's value in the field's own type, as the store would have it. It is total.
 * @param version the server's, as in `server_version_num`
 */
export function castColumn(column: RemoteColumn, field: Pick<Field, 'type' | 'list'>, value: Sql, version: number): Sql {
  if (FITTING[field.type][0] === column.type && field.type !== 'text') return value;
  const type = raw(columnType(field));
  if (field.type === 'text') return sql`(${value}::${type} COLLATE "C")`;
  if (field.type === 'timestamp' && !field.list) return sql`pg_catalog.timezone('UTC', ${value})`;
  if (field.type === 'json')
    return sql`CASE WHEN ${version >= 160_000 ? sql`pg_catalog.pg_input_is_valid(${value}::text, 'jsonb')` : isJsonb(value)} THEN ${value}::jsonb END`;
  return sql`${value}::${type}`;
}

/**
 * The type json keeps whatever looks like JSON; jsonb refuses NUL, halves of surrogate pairs, and numbers with too many
 * digits. What it would refuse becomes null. Backslashes and quotes that stand for themselves, and whole pairs, are taken
 * out before the first two are looked for; and texts before numbers are.
 */
function isJsonb(value: Sql): Sql {
  const unescaped = sql`pg_catalog.replace(pg_catalog.replace(${value}::text, E'\\\\\\\\', ''), E'\\\\"', '')`;
  const unpaired = sql`pg_catalog.regexp_replace(${unescaped}, '\\\\u[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2}', '', 'g')`;
  const numbers = sql`pg_catalog.regexp_replace(${unescaped}, '"[^"]*"', '', 'g')`;
  return sql`${unpaired} !~ '\\\\u(0000|[dD][89a-fA-F])' AND ${numbers} !~ '[0-9]{250}|[eE][-+]?0*[1-9][0-9]{3}'`;
}
