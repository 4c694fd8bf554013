import type { SchemaElement } from 'hyparquet-writer';
import type { Field, ScalarType } from '../catalog/index.js';

/** A column of a Parquet file: its part of the schema, and what the file holds of a value as it came from the database. */
export interface ParquetColumn {
  readonly schema: [SchemaElement, ...SchemaElement[]];
  readonly read: (value: unknown) => unknown;
  /** The least and the greatest value of a group; of texts they take as long as to write them. */
  readonly hasStatistics: boolean;
}

type Leaf = Omit<SchemaElement, 'name' | 'repetition_type'>;

const TEXT: Leaf = { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } };

/**
 * Decimals are texts: a contract gives them no scale, and a number of Parquet has one. Everything can be null, since a
 * mask or a denial may stand in its place.
 */
const LEAVES: Readonly<Record<ScalarType, Leaf>> = {
  text: TEXT,
  decimal: TEXT,
  integer: { type: 'INT32' },
  bigint: { type: 'INT64' },
  float: { type: 'DOUBLE' },
  boolean: { type: 'BOOLEAN' },
  date: { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } },
  timestamp: { type: 'INT64', converted_type: 'TIMESTAMP_MICROS', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' } },
  time: { type: 'INT64', logical_type: { type: 'TIME', isAdjustedToUTC: false, unit: 'MICROS' } },
  uuid: { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, logical_type: { type: 'UUID' } },
  // Without the older word for it, on which the writer would parse and write each value anew, and lose digits.
  json: { type: 'BYTE_ARRAY', logical_type: { type: 'JSON' } },
};

/** They come as texts, since numbers of JavaScript don't hold them. */
const LONG: ReadonlySet<ScalarType> = new Set(['bigint', 'timestamp', 'time']);

export function parquetColumn(field: Field): ParquetColumn {
  const { type, graphqlName: name, list } = field;
  const leaf = LEAVES[type];
  const read = LONG.has(type) ? toBigInt : same;
  const hasStatistics = !list && leaf.type !== 'BYTE_ARRAY';
  if (!list) return { schema: [{ ...leaf, name, repetition_type: 'OPTIONAL' }], read, hasStatistics };
  return {
    schema: [
      { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { ...leaf, name: 'element', repetition_type: 'OPTIONAL' },
    ],
    read: LONG.has(type) ? (value) => (Array.isArray(value) ? value.map(toBigInt) : value) : same,
    hasStatistics,
  };
}

/** What 64 bits don't hold, a moment of the last 30 of 294,000 years, is null. */
function toBigInt(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const number = BigInt(value);
  return BigInt.asIntN(64, number) === number ? number : null;
}

function same(value: unknown): unknown {
  return value;
}
