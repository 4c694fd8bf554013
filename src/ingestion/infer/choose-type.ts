import type { ScalarType } from '../../catalog/index.js';
import type { LeafKind } from '../parquet/leaf-kind.js';
import type { WrittenAs } from '../dialect/date-formats.js';

/** What a column should be declared as. */
export interface ChosenType {
  readonly type: ScalarType;
  readonly list?: boolean;
  readonly format?: string;
  /** What is doubtful about it, for who reads the contract. */
  readonly doubts: readonly string[];
}

/** What the values of a column have in common, whoever counted it. */
export interface ColumnFacts {
  readonly values: number;
  readonly kinds: ReadonlySet<string>;
  readonly wholes: number;
  readonly fractions: number;
  readonly exponents: number;
  readonly booleans: number;
  readonly uuids: number;
  readonly jsons: number;
  readonly zeroOne: number;
  readonly leadingZeros: number;
  readonly signs: number;
  /** Numbers that JSON has in quotes. */
  readonly quoted: number;
  readonly least: bigint | undefined;
  readonly most: bigint | undefined;
  readonly integerDigits: number;
  readonly fractionDigits: number;
  readonly writtenAs: WrittenAs | undefined;
  readonly lists: number;
  /** What the elements of lists are all of. */
  readonly items: 'string' | 'number' | 'whole' | 'mixed' | undefined;
  readonly markers: number;
  readonly thousands: number;
  readonly longest: number;
}

/** Words in the names of columns whose digits are not counted with: a number in which zeros in front matter, or could. */
const CODES =
  /(?:^|_)(zip|zipcode|postal|postcode|plz|phone|tel|telephone|mobile|fax|ssn|isbn|issn|ean|upc|gtin|sku|iban|bic|vat|passport|fips|code|codes)(?:_|\d|$)/;
/** Measured, however few digits are given. */
const COORDINATE = /(?:^|_)(lat|latitude|lon|lng|longitude)$/;
const FLAG = /^(is|has|was|can|should)_|_flag$/;

const MOST_INTEGER = 2n ** 31n;
const MOST_BIGINT = 2n ** 63n;
const BIGINT_DIGITS = 19;
/** Digits that a double holds exactly. */
const DOUBLE_DIGITS = 15;
/** With more behind the point a number is rather measured than counted. */
const COUNTED_FRACTION = 4;

/**
 * The type that a data engineer would give a column: to one of a file that has no contract, and to one that a contract does not have yet.
 * @param name in the contract
 * @param isWhole false when not all rows were seen: then more room is left
 */
export function chooseType(profile: ColumnFacts, name: string, isWhole: boolean): ChosenType {
  const { values, kinds, zeroOne } = profile;
  if (values === 0) return { type: 'text', doubts: ['no value was seen'] };
  if (kinds.has('nested')) return nested(profile);
  if (profile.booleans === values) return { type: 'boolean', doubts: [] };
  if (zeroOne === values && !kinds.has('string')) {
    if (FLAG.test(name)) return { type: 'boolean', doubts: [] };
    return { type: 'integer', doubts: ['only 0 and 1: perhaps boolean'] };
  }
  const numbers = profile.wholes + profile.fractions + profile.exponents;
  if (profile.uuids === values) return { type: 'uuid', doubts: [] };
  const written = profile.writtenAs;
  // Eight digits are rather a number, but for years that fit and a name that says so.
  if (written && !(numbers === values && !/(?:^|_)(date|day|on|at|time|dob)(?:_|$)/.test(name))) {
    const { type, format, or } = written;
    return { type, ...(format !== undefined && { format }), doubts: or === undefined ? [] : [`could be ${or} as well: no day is later than the 12th`] };
  }
  if (numbers === values) return number(profile, name, isWhole);
  if (profile.jsons === values) return { type: 'json', doubts: [] };
  return text(profile, numbers);
}

function nested({ kinds, lists, values, items }: ColumnFacts): ChosenType {
  if (kinds.size > 1) return { type: 'json', doubts: ['lists or objects in some rows, and plain values in others'] };
  if (lists < values || items === undefined || items === 'mixed') return { type: 'json', doubts: [] };
  if (items === 'string') return { type: 'text', list: true, doubts: [] };
  return { type: items === 'whole' ? 'bigint' : 'float', list: true, doubts: [] };
}

function number(profile: ColumnFacts, name: string, isWhole: boolean): ChosenType {
  const { values, wholes, exponents, leadingZeros, quoted, integerDigits, fractionDigits, least = 0n, most = 0n, kinds } = profile;
  if (leadingZeros > 0) return { type: 'text', doubts: [`digits with zeros in front in ${rowsText(leadingZeros)}: as a number they would be lost`] };
  if (CODES.test(name) && wholes === values) return { type: 'text', doubts: kinds.has('number') ? ['numbers in the file'] : [] };
  // What is written as a text is meant as one, but for what only a number can be.
  if (quoted > 0 && (wholes === values || exponents > 0)) return { type: 'text', doubts: ['numbers in quotes'] };
  if (COORDINATE.test(name)) return { type: 'float', doubts: [] };
  if (wholes === values) {
    if (integerDigits > BIGINT_DIGITS) return { type: 'decimal', doubts: ['more digits than a bigint has'] };
    if (profile.signs > 0) return { type: 'decimal', doubts: [] };
    const room = isWhole ? 1n : 4n;
    if (least * room >= -MOST_INTEGER && most * room < MOST_INTEGER) return { type: 'integer', doubts: [] };
    if (least >= -MOST_BIGINT && most < MOST_BIGINT) return { type: 'bigint', doubts: [] };
    return { type: 'decimal', doubts: ['more digits than a bigint has'] };
  }
  if (integerDigits + fractionDigits > DOUBLE_DIGITS && exponents === 0 && fractionDigits <= COUNTED_FRACTION) return { type: 'decimal', doubts: [] };
  if (exponents > 0 || fractionDigits > COUNTED_FRACTION) return { type: 'float', doubts: [] };
  return { type: 'decimal', doubts: [] };
}

/** For a comment. */
export function rowsText(count: number): string {
  return count === 1 ? '1 row' : `${count} rows`;
}

function text({ values, markers, booleans, longest, thousands }: ColumnFacts, numbers: number): ChosenType {
  const doubts: string[] = [];
  const rest = values - numbers - markers;
  if (markers > 0 && numbers > 0 && rest === 0)
    doubts.push(`numbers, but for ${rowsText(markers)} with what stands for nothing, such as NA: empty them to have numbers`);
  else if (markers > 0 && booleans > 0 && booleans + markers === values)
    doubts.push(`true and false, but for ${rowsText(markers)} with what stands for nothing`);
  else if (thousands > 0 && thousands + numbers === values) doubts.push('numbers with commas between thousands, which no number type takes');
  else if (numbers > values * 0.9) doubts.push(`numbers, but for ${rowsText(values - numbers)}`);
  if (longest > 10_000) doubts.push(`up to ${longest} characters`);
  return { type: 'text', doubts };
}

/** The type for a column whose file says what it is. */
export function typeOfKind(kind: LeafKind, isList: boolean): ChosenType | undefined {
  const list = isList ? { list: true as const } : {};
  switch (kind.kind) {
    case 'boolean':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'uuid':
      return { type: kind.kind, ...list, doubts: [] };
    case 'int32':
      return { type: 'integer', ...list, doubts: [] };
    case 'uint32':
    case 'int64':
      return { type: 'bigint', ...list, doubts: [] };
    case 'uint64':
    case 'decimal':
      return { type: 'decimal', ...list, doubts: [] };
    case 'float16':
    case 'float32':
    case 'float64':
      return { type: 'float', ...list, doubts: [] };
    case 'text':
      return isList ? { type: 'text', ...list, doubts: [] } : undefined;
    case 'null':
      return { type: 'text', ...list, doubts: ['no value can be in it'] };
    case 'other':
      return { type: 'text', ...list, doubts: [`${kind.name} in the file, which can not be loaded`] };
  }
}
