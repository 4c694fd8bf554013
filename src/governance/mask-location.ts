import { literal, raw, sql, type Sql } from '../sql/index.js';

/** A coordinate, or a latitude and a longitude with a comma between them, in degrees. */
const COORDINATE = '-?[0-9]{1,3}([.][0-9]{1,30})?';
const COORDINATES = `^${COORDINATE}(, ?${COORDINATE})?$`;
const LARGEST = 180;

/**
 * A coordinate in degrees, rounded to decimal places: one of them is about 11 km, two 1.1 km, three 110 m. What is no coordinate
 * (more than 180 degrees, NaN) is masked altogether: of other units it is not known how much the places show.
 */
export function location(digits: number, type: 'text' | 'decimal' | 'float', column: Sql, hidden: string): Sql {
  const rounded = (degrees: Sql): Sql => sql`pg_catalog.round(${degrees}::numeric, ${raw(`${digits}`)})`;
  if (type === 'text') {
    const part = (n: number): Sql => rounded(sql`pg_catalog.split_part(${column}, ',', ${raw(`${n}`)})`);
    return sql`CASE WHEN ${column} ~ ${literal(COORDINATES)} THEN ${part(1)} || CASE WHEN pg_catalog.strpos(${column}, ',') > 0 THEN ',' || ${part(2)} ELSE '' END WHEN ${column} IS NOT NULL THEN ${literal(hidden)}::text END`;
  }
  const cast = raw(type === 'float' ? 'float8' : 'numeric');
  const end = raw(`${LARGEST}`);
  return sql`CASE WHEN ${column} >= -${end} AND ${column} <= ${end} THEN ${rounded(column)}::${cast} WHEN ${column} IS NOT NULL THEN 0::${cast} END`;
}
