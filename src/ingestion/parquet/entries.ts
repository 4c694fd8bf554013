import { isUtf8 } from 'node:buffer';
import type { Field } from '../../catalog/index.js';
import { rejected } from '../rejection.js';
import { TooManyBadRows } from '../landing.js';
import type { LeafKind } from './leaf-kind.js';
import { halfFloat, leafText, unscaled, type StoredValue } from './leaf-text.js';

/** Values as a binary COPY takes them, each with its length before it: the `i`th is from `starts[i]` to `starts[i + 1]`. */
export interface Entries {
  readonly bytes: Buffer;
  readonly starts: Uint32Array;
}

/** Makes entries of the values of a page. @throws TooManyBadRows where one of them is not for the column's type. */
export type Encoder = (values: ArrayLike<StoredValue>, place: ValuePlace) => Entries;

/** For errors: which column, and the longest that a value may be. */
export interface ValuePlace {
  readonly column: string;
  readonly maxValueBytes: number;
}

const HEAD = 4;
/** Days and microseconds from 1970 to 2000, from where PostgreSQL counts. */
const EPOCH_DAYS = 10_957;
const EPOCH_MICROS = 946_684_800_000_000n;
const DAY_MICROS = 86_400_000_000n;
/** 0001-01-01 and 10000-01-01: what a text may say. */
const FIRST_DAY = -719_162;
const END_DAY = 2_932_897;

/** Into a column of type text: each value as its text. */
export function textEncoder(kind: LeafKind, field?: Pick<Field, 'type' | 'list'>): Encoder {
  if (kind.kind === 'text') return textBytes;
  const text = textFor(kind, field);
  return (values, place) => textEntries(Array.from(values, text), place);
}

/** The text of values for a field: a time stamp at midnight is a date where a date is wanted, a float is its double where it will be one. */
function textFor(kind: LeafKind, field: Pick<Field, 'type' | 'list'> | undefined): (value: StoredValue) => string {
  const text = leafText(kind);
  if (kind.kind === 'timestamp' && field?.type === 'date') return (value) => text(value).replace(/T00:00:00Z?$/, '');
  if (kind.kind === 'float32' && field?.type === 'float') return String;
  return text;
}

/** The text of each value, for what is built of many. */
export function valueText(kind: LeafKind): (value: StoredValue) => string {
  return kind.kind === 'text' ? (value) => Buffer.from(value as Uint8Array).toString() : leafText(kind);
}

/** Straight into a column of the field's type; undefined where the values must go through its text. */
export function typedEncoder(kind: LeafKind, field: Field): Encoder | undefined {
  if (field.list || field.encrypted) return undefined;
  switch (field.type) {
    case 'text':
      return textEncoder(kind);
    case 'boolean':
      return kind.kind === 'boolean' ? fixed(1, (value, out, at) => out.writeUInt8(value ? 1 : 0, at)) : undefined;
    case 'integer':
      return integer(kind);
    case 'bigint':
      return bigint(kind);
    case 'float':
      return float(kind);
    case 'date':
      return kind.kind === 'date' ? fixed(4, (value, out, at) => out.writeInt32BE(inYears(Number(value)) - EPOCH_DAYS, at)) : undefined;
    case 'timestamp':
      return timestamp(kind);
    case 'time':
      return kind.kind === 'time' ? fixed(8, (value, out, at) => out.writeBigInt64BE(timeMicros(BigInt(value as bigint), kind.unit), at)) : undefined;
    case 'uuid':
      return kind.kind === 'uuid' ? fixed(16, (value, out, at) => out.set(value as Uint8Array, at)) : undefined;
    case 'decimal':
      return decimal(kind);
    default:
      return undefined;
  }
}

function fixed(size: number, write: (value: StoredValue, out: Buffer, at: number) => unknown): Encoder {
  return (values) => {
    const { bytes, starts } = room(values.length, size);
    for (let i = 0; i < values.length; i += 1) write(values[i] as StoredValue, bytes, (starts[i] ?? 0) + HEAD);
    return { bytes, starts };
  };
}

function room(count: number, size: number): { readonly bytes: Buffer; readonly starts: Uint32Array } {
  const bytes = Buffer.allocUnsafeSlow(count * (HEAD + size));
  const starts = new Uint32Array(count + 1);
  for (let i = 0; i < count; i += 1) bytes.writeInt32BE(size, (starts[i] = i * (HEAD + size)));
  starts[count] = bytes.length;
  return { bytes, starts };
}

function integer({ kind }: LeafKind): Encoder | undefined {
  if (kind === 'int32') return fixed(4, (value, out, at) => out.writeInt32BE(value as number, at));
  if (kind === 'uint32' || kind === 'int64') {
    return fixed(4, (value, out, at) => {
      const number = kind === 'uint32' ? (value as number) >>> 0 : Number(value);
      if (number > 0x7fff_ffff || number < -0x8000_0000) throw new TooManyBadRows();
      out.writeInt32BE(number, at);
    });
  }
  return undefined;
}

function bigint({ kind }: LeafKind): Encoder | undefined {
  if (kind === 'int64') {
    const slow = fixed(8, (value, out, at) => out.writeBigInt64BE(value as bigint, at));
    return (values, place) => (values instanceof BigInt64Array ? swapped(values) : slow(values, place));
  }
  if (kind === 'int32') return fixed(8, (value, out, at) => out.writeBigInt64BE(BigInt(value as number), at));
  if (kind === 'uint32') return fixed(8, (value, out, at) => out.writeBigInt64BE(BigInt((value as number) >>> 0), at));
  if (kind === 'uint64') {
    return fixed(8, (value, out, at) => {
      if ((value as bigint) < 0n) throw new TooManyBadRows();
      out.writeBigInt64BE(value as bigint, at);
    });
  }
  return undefined;
}

/** Many whole numbers of 64 bits, without a BigInt for each. */
function swapped(values: BigInt64Array): Entries {
  const { bytes, starts } = room(values.length, 8);
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  for (let i = 0; i < values.length; i += 1) {
    const at = i * (HEAD + 8) + HEAD;
    bytes.writeInt32BE(words[2 * i + 1] ?? 0, at);
    bytes.writeInt32BE(words[2 * i] ?? 0, at + 4);
  }
  return { bytes, starts };
}

function float({ kind }: LeafKind): Encoder | undefined {
  if (kind === 'float16') return fixed(8, (value, out, at) => out.writeDoubleBE(halfFloat(value as Uint8Array), at));
  if (kind === 'float32' || kind === 'float64' || kind === 'int32' || kind === 'int64')
    return fixed(8, (value, out, at) => out.writeDoubleBE(Number(value), at));
  return undefined;
}

function timestamp(kind: LeafKind): Encoder | undefined {
  if (kind.kind === 'date') return fixed(8, (value, out, at) => out.writeBigInt64BE(BigInt(inYears(Number(value)) - EPOCH_DAYS) * DAY_MICROS, at));
  if (kind.kind !== 'timestamp') return undefined;
  const [first, end] = [BigInt(FIRST_DAY) * DAY_MICROS, BigInt(END_DAY) * DAY_MICROS];
  const { unit } = kind;
  return fixed(8, (value, out, at) => {
    const given = value as bigint;
    const micros = unit === 'MICROS' ? given : unit === 'MILLIS' ? given * 1_000n : floorDivide(given + 500n, 1_000n);
    if (micros < first || micros >= end) throw new TooManyBadRows();
    out.writeBigInt64BE(micros - EPOCH_MICROS, at);
  });
}

/** Nanoseconds are rounded as PostgreSQL rounds their text. */
function floorDivide(value: bigint, by: bigint): bigint {
  return value / by - (value % by < 0n ? 1n : 0n);
}

function timeMicros(value: bigint, unit: string): bigint {
  const micros = unit === 'MICROS' ? value : unit === 'MILLIS' ? value * 1_000n : (value + 500n) / 1_000n;
  if (micros < 0n || micros > DAY_MICROS) throw new TooManyBadRows();
  return micros;
}

function inYears(day: number): number {
  if (day < FIRST_DAY || day >= END_DAY) throw new TooManyBadRows();
  return day;
}

const PER_DIGIT = 10_000n;
const NEGATIVE = 0x4000;

/** PostgreSQL's own form of numeric: digits to the base of 10,000, the first one's place, sign, places shown. */
function decimal(kind: LeafKind): Encoder | undefined {
  const whole = wholeOf(kind);
  if (!whole) return undefined;
  const scale = kind.kind === 'decimal' ? kind.scale : 0;
  if (scale < 0 || scale > 1_000) return undefined;
  const pad = 10n ** BigInt((4 - (scale % 4)) % 4);
  return (values) => {
    const encoded = Array.from(values, (value) => numeric(whole(value), scale, pad));
    return joined(encoded);
  };
}

function wholeOf({ kind }: LeafKind): ((value: StoredValue) => bigint) | undefined {
  if (kind === 'decimal') return unscaled;
  if (kind === 'int32' || kind === 'int64') return (value) => BigInt(value as bigint);
  if (kind === 'uint32') return (value) => BigInt((value as number) >>> 0);
  return kind === 'uint64' ? (value) => BigInt.asUintN(64, value as bigint) : undefined;
}

function numeric(value: bigint, scale: number, pad: bigint): Buffer {
  const digits: number[] = [];
  let rest = (value < 0n ? -value : value) * pad;
  let places = -Math.ceil(scale / 4);
  for (; rest > 0n; rest /= PER_DIGIT) {
    const digit = Number(rest % PER_DIGIT);
    // Zeros at the end are not written.
    if (digit !== 0 || digits.length > 0) digits.push(digit);
    else places += 1;
  }
  const out = Buffer.alloc(8 + 2 * digits.length);
  out.writeInt16BE(digits.length, 0);
  out.writeInt16BE(digits.length === 0 ? 0 : places + digits.length - 1, 2);
  out.writeUInt16BE(value < 0n ? NEGATIVE : 0, 4);
  out.writeInt16BE(scale, 6);
  digits.forEach((digit, i) => out.writeInt16BE(digit, 8 + 2 * (digits.length - 1 - i)));
  return out;
}

/** Texts as they are in the file: they must be UTF-8, and what PostgreSQL can hold. */
function textBytes(values: ArrayLike<StoredValue>, place: ValuePlace): Entries {
  return joined(values as ArrayLike<Uint8Array>, place);
}

/** Texts that were made here. */
export function textEntries(texts: readonly string[], place: ValuePlace): Entries {
  return joined(
    texts.map((text) => Buffer.from(text)),
    place,
  );
}

/** @throws HeadgateError DATA_REJECTED, where they are texts, for one that is none or is too long */
function joined(values: ArrayLike<Uint8Array>, text?: ValuePlace): Entries {
  const starts = new Uint32Array(values.length + 1);
  let size = 0;
  for (let i = 0; i < values.length; i += 1) {
    starts[i] = size;
    size += HEAD + (values[i]?.length ?? 0);
  }
  if (size > 0xffff_ffff) throw rejected('A page of the Parquet file has more than 4 GiB of texts. Write it with smaller pages.');
  starts[values.length] = size;
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] ?? NONE;
    let at = starts[i] ?? 0;
    bytes.writeInt32BE(value.length, at);
    at += HEAD;
    if (value.length > LONG) {
      bytes.set(value, at);
      if (text) checkText(value, text);
      continue;
    }
    let high = 0;
    let hasZero = false;
    for (let k = 0; k < value.length; k += 1) {
      const byte = value[k] as number;
      bytes[at + k] = byte;
      high |= byte;
      if (byte === 0) hasZero = true;
    }
    if (text && (hasZero || high > 0x7f)) checkText(value, text);
  }
  return { bytes, starts };
}

const NONE = new Uint8Array(0);
/** From here on the processor's own copy is quicker than ours. */
const LONG = 48;

function checkText(value: Uint8Array, { column, maxValueBytes }: ValuePlace): void {
  const name = column.slice(0, 80);
  if (value.length > maxValueBytes) {
    throw rejected(`A value of the column "${name}" is longer than the ${maxValueBytes} bytes that a row or a value may have (HEADGATE_MAX_VALUE_BYTES).`, {
      field: name,
      expected: maxValueBytes,
    });
  }
  if (value.includes(0)) throw rejected(`A NUL character (U+0000) is in the column "${name}"; text can not hold one.`, { field: name });
  if (!isUtf8(value)) throw rejected(`The column "${name}" has bytes that are no UTF-8 text. Write it as text, or leave it out.`, { field: name });
}
