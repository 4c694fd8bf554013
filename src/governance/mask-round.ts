import { raw, sql, word, type Sql } from '../sql/index.js';

/** Beyond it a float's neighbours are a whole number apart. */
const FLOAT_INTEGERS = 2 ** 53;
/** A little under the largest number of the type `numeric`, so that twice of it and a step more can still be computed. */
const LARGEST_DECIMAL = '1e131000';

export function largest(type: 'integer' | 'bigint'): bigint {
  return 2n ** (type === 'integer' ? 31n : 63n) - 1n;
}

/**
 * To the nearest multiple of `step` (a positive decimal number of at most 15 digits), the half away from zero. A result that
 * the type can't hold becomes the last multiple that it can.
 */
export function roundSql(type: 'integer' | 'bigint' | 'decimal' | 'float', step: string, column: Sql): Sql {
  switch (type) {
    case 'integer':
      return integer(BigInt(step), column);
    case 'bigint':
      return bigint(BigInt(step), column);
    case 'decimal':
      return decimal(step, column);
    case 'float':
      return float(step, column);
  }
}

/** In 64 bits, where nothing overflows. The division of whole numbers truncates, which is what makes the half go away from zero. */
function integer(step: bigint, column: Sql): Sql {
  const nearest = sql`((${column}::int8 * 2 + CASE WHEN ${column} < 0 THEN ${raw(`-${step}`)} ELSE ${raw(`${step}`)} END) / ${raw(`${2n * step}`)} * ${raw(`${step}`)})`;
  return within('integer', step, nearest, column);
}

function bigint(step: bigint, column: Sql): Sql {
  return within('bigint', step, nearestDecimal(raw(`${step}`), column), column);
}

/** LEAST and GREATEST skip nulls, so a null goes its own way. */
function within(type: 'integer' | 'bigint', step: bigint, nearest: Sql, column: Sql): Sql {
  const top = (largest(type) / step) * step;
  const bottom = ((-largest(type) - 1n) / step) * step;
  const cast = raw(type === 'integer' ? 'int4' : 'int8');
  return sql`CASE WHEN ${column} IS NOT NULL THEN LEAST(GREATEST(${nearest}, ${raw(`${bottom}`)}), ${raw(`${top}`)})::${cast} END`;
}

function nearestDecimal(step: Sql, column: Sql): Sql {
  return sql`(pg_catalog.div(${column}::numeric * 2 + CASE WHEN ${column} < 0 THEN -${step} ELSE ${step} END, 2 * ${step}) * ${step})`;
}

function decimal(step: string, column: Sql): Sql {
  const end = raw(`'${LARGEST_DECIMAL}'::numeric`);
  // NaN is larger than Infinity, and both are larger than any number. Nulls reach the end of the CASE.
  return sql`CASE WHEN ${column} > -${end} AND ${column} < ${end} THEN ${nearestDecimal(raw(`'${step}'::numeric`), column)} WHEN ${column} IN ${word('endless', "('NaN', 'Infinity', '-Infinity')")} THEN ${column} WHEN ${column} > 0 THEN ${end} WHEN ${column} < 0 THEN -${end} END`;
}

/**
 * The step is a fraction of whole numbers, since 23 / 20 is the float that prints as 1.15 and 23 * 0.05 is another. Below half a
 * step the division could underflow, which PostgreSQL reports as an error. From 2^53 steps on, neighbouring floats are a step or
 * more apart, so the nearest float to the rounded number is the number itself.
 */
function float(step: string, column: Sql): Sql {
  const decimals = step.split('.')[1]?.length ?? 0;
  const constant = (value: number | string) => raw(`'${value}'::float8`);
  const numerator = constant(step.replace('.', '').replace(/^0+/, ''));
  const denominator = constant(10 ** decimals);
  const steps = sql`(${column} * ${denominator} / ${numerator})`;
  const whole = sql`pg_catalog.trunc(${steps})`;
  const away = sql`CASE WHEN pg_catalog.abs(${steps} - ${whole}) >= 0.5 THEN pg_catalog.sign(${column}) ELSE 0 END`;
  const size = sql`pg_catalog.abs(${column})`;
  return sql`CASE WHEN ${size} < ${constant(Number(step) / 2)} THEN 0::float8 WHEN ${size} < ${constant(Number(step) * FLOAT_INTEGERS)} THEN (${whole} + ${away}) * ${numerator} / ${denominator} ELSE ${column} END`;
}
