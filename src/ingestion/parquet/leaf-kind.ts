import type { SchemaElement } from 'hyparquet';

export type TimeUnit = 'MILLIS' | 'MICROS' | 'NANOS';

/** What the values of a leaf of a Parquet schema mean, however they are stored. */
export type LeafKind =
  | { readonly kind: 'boolean' | 'int32' | 'uint32' | 'int64' | 'uint64' | 'float16' | 'float32' | 'float64' | 'date' | 'text' | 'uuid' | 'null' }
  | { readonly kind: 'decimal'; readonly scale: number; readonly precision: number }
  | { readonly kind: 'time' | 'timestamp'; readonly unit: TimeUnit; readonly utc: boolean }
  /** What this version has no type for. */
  | { readonly kind: 'other'; readonly name: string };

const UNITS: Readonly<Record<string, TimeUnit>> = { MILLIS: 'MILLIS', MICROS: 'MICROS', NANOS: 'NANOS' };

/** By the logical type, or else the older converted type, or else how it is stored. */
export function leafKind(element: SchemaElement): LeafKind {
  const { type, converted_type: converted, logical_type: logical } = element;
  if (logical?.type === 'NULL') return { kind: 'null' };
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL') {
    const { scale = 0, precision = 0 } = logical?.type === 'DECIMAL' ? logical : element;
    return { kind: 'decimal', scale, precision };
  }
  switch (type) {
    case 'BOOLEAN':
      return { kind: 'boolean' };
    case 'FLOAT':
      return { kind: 'float32' };
    case 'DOUBLE':
      return { kind: 'float64' };
    case 'INT96':
      return { kind: 'timestamp', unit: 'NANOS', utc: false };
    case 'INT32':
    case 'INT64':
      return integerKind(element);
    default:
      return bytesKind(element);
  }
}

function integerKind({ type, converted_type: converted, logical_type: logical }: SchemaElement): LeafKind {
  if (converted === 'DATE' || logical?.type === 'DATE') return { kind: 'date' };
  if (logical?.type === 'TIMESTAMP' || logical?.type === 'TIME') {
    return { kind: logical.type === 'TIME' ? 'time' : 'timestamp', unit: UNITS[logical.unit] ?? 'MICROS', utc: logical.isAdjustedToUTC };
  }
  const old = /^(TIME|TIMESTAMP)_(MILLIS|MICROS)$/.exec(converted ?? '');
  if (old) return { kind: old[1] === 'TIME' ? 'time' : 'timestamp', unit: UNITS[old[2] ?? ''] ?? 'MICROS', utc: true };
  const unsigned = (converted?.startsWith('UINT_') ?? false) || (logical?.type === 'INTEGER' && !logical.isSigned);
  if (type === 'INT64') return { kind: unsigned ? 'uint64' : 'int64' };
  return { kind: unsigned ? 'uint32' : 'int32' };
}

function bytesKind({ type, type_length: length, converted_type: converted, logical_type: logical }: SchemaElement): LeafKind {
  if (logical?.type === 'UUID' && length === 16) return { kind: 'uuid' };
  if (logical?.type === 'FLOAT16' && length === 2) return { kind: 'float16' };
  if (converted === 'INTERVAL') return { kind: 'other', name: 'interval' };
  if (converted === 'BSON' || logical?.type === 'BSON') return { kind: 'other', name: 'BSON' };
  if (logical && !['STRING', 'ENUM', 'JSON'].includes(logical.type)) return { kind: 'other', name: String(logical.type).toLowerCase() };
  // Old writers leave texts without a mark; whether it is text is looked at value by value.
  return type === 'BYTE_ARRAY' || type === 'FIXED_LEN_BYTE_ARRAY' ? { kind: 'text' } : { kind: 'other', name: String(type) };
}

/** What people call it. */
export function kindName(kind: LeafKind): string {
  return kind.kind === 'other' ? kind.name : kind.kind;
}
