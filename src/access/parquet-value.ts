import type { Field } from '../catalog/index.js';
import { raw, sql, type Sql } from '../sql/index.js';
import { bytes } from './json-object.js';
import { listOf, scalar } from './json-value.js';

/**
 * A value in bytes of JSON, in the terms of a Parquet file: dates as days since 1970, timestamps and times as
 * microseconds, json as its text. Numbers that JavaScript's don't hold are texts.
 */
export function parquetValue(field: Field, value: Sql): Sql {
  const json = field.list ? listOf(physical(field, raw('e.v')), value) : sql`JSON_SCALAR(${physical(field, value)})`;
  return sql`coalesce(json_send(${json}), ${bytes('null')})`;
}

function physical(field: Field, value: Sql): Sql {
  switch (field.type) {
    case 'date':
      return sql`(${scalar(field, value)} - '1970-01-01'::date)`;
    case 'timestamp':
      return microseconds(scalar(field, value));
    case 'time':
      return microseconds(value);
    case 'json':
      return sql`(${value})::text`;
    default:
      return scalar(field, value);
  }
}

/** Exact, since the seconds come as numeric; and no error, since not all moments fit into a bigint when 1970 is 0. */
function microseconds(value: Sql): Sql {
  return sql`trunc(extract(epoch FROM ${value}) * 1000000)::text`;
}
