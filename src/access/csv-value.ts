import type { Field } from '../catalog/index.js';
import { sql, type Sql } from '../sql/index.js';
import { list, scalar } from './json-value.js';

/**
 * A value whose text is what a CSV file shows: the words of the GraphQL API, without quotes around texts and with lists
 * and json as JSON. COPY writes its text, so what PostgreSQL writes alike is left as it is.
 * @param isPlain no mask stands in the value's place
 */
export function csvValue(field: Field, value: Sql, isPlain: boolean): Sql {
  if (field.list) return list(field, value);
  switch (field.type) {
    case 'boolean':
      // COPY writes t and f.
      return sql`(${value})::text`;
    case 'decimal':
      return sql`CASE WHEN ${value} > '-Infinity' AND ${value} < 'Infinity' THEN ${value} END`;
    case 'float':
      return scalar(field, value);
    case 'date':
      // The shorter way names the value twice: a mask would be computed as often.
      return isPlain ? sql`CASE WHEN isfinite(${value}) THEN ${value} END` : scalar(field, value);
    case 'timestamp':
      // Only as JSON does it come with a T, and with all of its offset.
      return sql`btrim(JSON_SCALAR(${scalar(field, value)})::text, '"')`;
    default:
      return value;
  }
}
