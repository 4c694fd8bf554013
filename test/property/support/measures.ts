import type { ScalarType } from '../../../src/catalog/index.js';
import { asPreciseAs, compareDecimals, parseDecimal, scaled, sumOf } from './decimal.js';
import { type Cell, type FieldModel, textOf } from './model.js';
import { Near } from './near.js';
import { compare, wire } from './scalars.js';

export type Measure = 'countDistinct' | 'sum' | 'avg' | 'min' | 'max' | 'stddev' | 'variance';

/** Floats from here on can't be added: docs/querying.md. */
const LARGEST_FLOAT = 1e140;

/** A measure of a field over rows: a cell of the type that it is compared as, or about how large it is. Nulls do not count. */
export function measure(name: Measure, field: FieldModel, all: readonly Cell[]): Cell | Near {
  const { type } = field;
  const cells = all.filter((cell) => cell !== null);
  if (name === 'countDistinct') return BigInt(distinct(type, cells).length);
  if (cells.length === 0) return null;
  if (name === 'min' || name === 'max') {
    const extreme = cells.reduce((best, cell) => (compare(type, cell, best) * (name === 'min' ? 1 : -1) < 0 ? cell : best));
    return type === 'decimal' ? asPreciseAs(cells as string[], extreme as string) : extreme;
  }
  if (type === 'float') return ofFloats(name, cells as number[]);
  const texts = cells.map(textOf);
  const sum = sumOf(texts);
  if (name === 'sum') return sum;
  if (typeof parseDecimal(sum) === 'string') return name === 'avg' ? sum : texts.length === 1 ? null : 'NaN';
  return ofNumbers(name, texts);
}

export function distinct(type: ScalarType, cells: readonly Cell[]): Cell[] {
  return cells.toSorted((a, b) => compare(type, a, b)).filter((cell, i, sorted) => i === 0 || compare(type, cell, sorted[i - 1] ?? null) !== 0);
}

function ofNumbers(name: 'avg' | 'stddev' | 'variance', texts: readonly string[]): Near | null {
  const numbers = texts.map(parseDecimal).filter((number) => typeof number !== 'string');
  const scale = Math.max(...numbers.map((number) => number.scale));
  const units = numbers.map((number) => scaled(number, scale));
  const count = BigInt(units.length);
  const unit = 10n ** BigInt(scale);
  const sum = units.reduce((total, value) => total + value, 0n);
  if (name === 'avg') return new Near(sum, count * unit);
  if (count === 1n) return null;
  const squares = units.reduce((total, value) => total + value * value, 0n);
  return new Near(count * squares - sum * sum, count * (count - 1n) * unit * unit, name === 'stddev');
}

/** The samples are such that their sum is exact. */
function ofFloats(name: 'sum' | 'avg' | 'stddev' | 'variance', floats: readonly number[]): Cell | Near {
  if (!floats.every((float) => Math.abs(float) < LARGEST_FLOAT)) return null;
  const sum = floats.reduce((total, float) => total + float, 0);
  if (name === 'sum') return sum;
  return name === 'avg' ? sum / floats.length : ofNumbers(name, floats.map(String));
}

/** The type of a measure as it is compared: sums of whole numbers can be larger than 64 bits. */
export function comparedType(name: Measure, { type }: FieldModel): ScalarType {
  if (name === 'min' || name === 'max' || type === 'float') return type;
  return 'decimal';
}

export function compareMeasures(name: Measure, field: FieldModel, a: Cell | Near, b: Cell | Near): number {
  if (a instanceof Near && b instanceof Near) {
    const difference = a.numerator * b.denominator - b.numerator * a.denominator;
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }
  if (a instanceof Near) return compareMeasures(name, field, a, b instanceof Near ? b : fraction(b));
  if (b instanceof Near) return compareMeasures(name, field, fraction(a), b);
  const type = comparedType(name, field);
  return type === 'decimal' ? compareDecimals(textOf(a), textOf(b)) : compare(type, a, b);
}

/** A special number is beyond all others. */
function fraction(value: Cell): Near {
  const number = parseDecimal(textOf(value));
  if (typeof number === 'string') return new Near(number === '-Infinity' ? -(10n ** 200n) : number === 'NaN' ? 10n ** 201n : 10n ** 200n, 1n);
  return new Near(number.units, 10n ** BigInt(number.scale));
}

export function measureWire(name: Measure, field: FieldModel, value: Cell | Near): unknown {
  if (value instanceof Near) return field.type === 'float' ? value.toNumber() : value;
  if (value === null) return null;
  if (name === 'countDistinct') return textOf(value);
  return wire({ type: comparedType(name, field), list: false }, value);
}
