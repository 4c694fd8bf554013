import type { LeafKind, TimeUnit } from './leaf-kind.js';

/** A value as it is stored: without the meaning that its logical type gives it. */
export type StoredValue = boolean | number | bigint | Uint8Array;

const PER_SECOND: Readonly<Record<TimeUnit, bigint>> = { MILLIS: 1_000n, MICROS: 1_000_000n, NANOS: 1_000_000_000n };
const DIGITS: Readonly<Record<TimeUnit, number>> = { MILLIS: 3, MICROS: 6, NANOS: 9 };
/** The days that a Date knows. */
const MOST_DAYS = 100_000_000;

/** The text of a stored value, as PostgreSQL and people read it. Texts themselves are not among them: they are bytes already. */
export function leafText(kind: LeafKind): (value: StoredValue) => string {
  switch (kind.kind) {
    case 'uint32':
      return (value) => String(Number(value) >>> 0);
    case 'uint64':
      return (value) => String(BigInt.asUintN(64, BigInt(value as bigint)));
    case 'float16':
      return (value) => String(halfFloat(value as Uint8Array));
    case 'float32':
      return (value) => shortFloat(value as number);
    case 'decimal':
      return (value) => decimalText(unscaled(value), kind.scale);
    case 'date':
      return (value) => dateText(Number(value));
    case 'time':
      return (value) => timeText(BigInt(value as number), kind.unit);
    case 'timestamp':
      return (value) => timestampText(BigInt(value as bigint), kind.unit, kind.utc);
    case 'uuid':
      return (value) => uuidText(value as Uint8Array);
    default:
      return String;
  }
}

/** The whole number that a decimal is stored as. */
export function unscaled(value: StoredValue): bigint {
  if (!(value instanceof Uint8Array)) return BigInt(value);
  if (value.length === 0) return 0n;
  return BigInt.asIntN(8 * value.length, BigInt(`0x${Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex')}`));
}

export function decimalText(whole: bigint, scale: number): string {
  if (scale <= 0) return String(whole * 10n ** BigInt(-scale));
  const sign = whole < 0n ? '-' : '';
  const digits = String(whole < 0n ? -whole : whole).padStart(scale + 1, '0');
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** The shortest decimal that is this float and no other: 0.1, where its double is 0.10000000149011612. */
export function shortFloat(value: number): string {
  for (let digits = 6; digits < 9; digits += 1) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(value);
}

export function halfFloat(bytes: Uint8Array): number {
  const bits = ((bytes[1] ?? 0) << 8) | (bytes[0] ?? 0);
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * 2 ** -14 * (fraction / 1024);
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}

/** The nanoseconds since 1970 of an INT96: a Julian day above the nanoseconds of the day. */
export function int96Nanos(value: bigint): bigint {
  return ((value >> 64n) - 2_440_588n) * 86_400_000_000_000n + (value & 0xffff_ffff_ffff_ffffn);
}

function dateText(days: number): string {
  // What no date has goes on as a text that is none.
  return Math.abs(days) > MOST_DAYS ? `day ${days}` : (new Date(days * 86_400_000).toISOString().split('T')[0] ?? '');
}

function timestampText(value: bigint, unit: TimeUnit, utc: boolean): string {
  const per = PER_SECOND[unit];
  const fraction = ((value % per) + per) % per;
  const seconds = Number((value - fraction) / per);
  if (Math.abs(seconds) > MOST_DAYS * 86_400) return `second ${seconds}`;
  return `${new Date(seconds * 1000).toISOString().split('.')[0]}${fractionText(fraction, unit)}${utc ? 'Z' : ''}`;
}

function timeText(value: bigint, unit: TimeUnit): string {
  const per = PER_SECOND[unit];
  const seconds = Number(value / per);
  if (value < 0n || seconds > 86_400) return `second ${seconds}`;
  const part = (size: number, of: number) => String(Math.floor(seconds / size) % of).padStart(2, '0');
  return `${part(3600, 25)}:${part(60, 60)}:${part(1, 60)}${fractionText(value % per, unit)}`;
}

function fractionText(fraction: bigint, unit: TimeUnit): string {
  return fraction === 0n ? '' : `.${String(fraction).padStart(DIGITS[unit], '0')}`;
}

function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
