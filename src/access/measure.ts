import type { Field, ScalarType } from '../catalog/index.js';
import { raw, sql, word, type Sql } from '../sql/index.js';

/** What is computed of a field over many rows. `stddev` and `variance` are of a sample, as in SQL: null for one row. */
export const MEASURES = ['countDistinct', 'sum', 'avg', 'min', 'max', 'stddev', 'variance'] as const;
export type MeasureFunction = (typeof MEASURES)[number];

/** One number (or text, or time) over many rows. */
export type Quantity = { readonly kind: 'count' } | { readonly kind: 'measure'; readonly measure: MeasureFunction; readonly field: Field };

type Measured = Pick<Field, 'type' | 'list' | 'encrypted'>;

/** The type of the result; undefined where there is no such measure of the field. */
export function measureType(measure: MeasureFunction, { type, list, encrypted }: Measured): ScalarType | undefined {
  if (list || type === 'json' || encrypted) return undefined;
  const isNumber = type === 'integer' || type === 'bigint' || type === 'decimal' || type === 'float';
  switch (measure) {
    case 'countDistinct':
      return 'bigint';
    case 'sum':
      return !isNumber ? undefined : type === 'integer' ? 'bigint' : type;
    case 'avg':
    case 'stddev':
    case 'variance':
      return !isNumber ? undefined : type === 'float' ? 'float' : 'decimal';
    case 'min':
    case 'max':
      return type === 'boolean' ? undefined : type;
  }
}

/** Floats from here on have squares and sums that a float can't hold, and PostgreSQL would raise an error. */
const LARGEST_FLOAT = '1e140';

/** Without zeros at the end, where the server knows how. */
export const trimmed = word('trimScale', 'trim_scale');

/** The measure as an aggregate over the rows' values. */
export function measureSql(measure: MeasureFunction, field: Measured, value: Sql): Sql {
  const name = raw(measure);
  switch (measure) {
    case 'countDistinct':
      return sql`count(DISTINCT ${value})`;
    case 'min':
    case 'max':
      // A masked text may have lost its column's collation; for UUIDs there is no such aggregate, and their texts are in the same order.
      if (field.type === 'text') return sql`${name}(${value} COLLATE "C")`;
      if (field.type === 'uuid') return sql`${name}((${value})::text COLLATE "C")::uuid`;
      if (field.type === 'decimal') return sql`round(${name}(${value}), ${mostDecimals(value)})`;
      return field.type === 'float' ? positiveZero(sql`${name}(${value})`) : sql`${name}(${value})`;
    case 'sum':
      return field.type === 'float' ? ofFloats(measure, value) : sql`${name}(${value})`;
    default:
      return field.type === 'float' ? ofFloats(measure, value) : sql`${trimmed}(${name}(${value}))`;
  }
}

/**
 * Digits behind the point of the value that has most of them. Of 1.5 and 1.50, which are equal, PostgreSQL gives the one that it
 * met first, and what it meets first can depend on rows that the principal does not see; so both are given as 1.50, as in a sum.
 */
export function mostDecimals(value: Sql): Sql {
  return sql`coalesce(max(scale(${value})), 0)`;
}

/** Makes 0 of the float -0, which is equal to it and written otherwise. */
export function positiveZero(value: Sql): Sql {
  return sql`(${value} + 0)`;
}

/**
 * Floats are rounded at each step: in another order of the rows the last digits differ, and the order can depend on rows that
 * the principal does not see. So they are taken by size. NaN, the infinities and what is too large have no sum: null.
 */
function ofFloats(measure: MeasureFunction, value: Sql): Sql {
  const summable = sql`FILTER (WHERE ${value} > ${raw(`-${LARGEST_FLOAT}`)}::float8 AND ${value} < ${raw(LARGEST_FLOAT)}::float8)`;
  return sql`CASE WHEN count(${value}) = count(${value}) ${summable} THEN ${raw(measure)}(${value} ORDER BY ${value}) ${summable} END`;
}
