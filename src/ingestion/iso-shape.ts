import type { ScalarType } from '../catalog/index.js';
import type { Shape } from './csv-records.js';

export { ISO_PATTERNS } from '../catalog/index.js';

const DASH = 0x2d;
const COLON = 0x3a;
const DOT = 0x2e;
const PLUS = 0x2b;

/** The test for a type's bytes; undefined when the type's own input says it all. */
export function isoShape(type: ScalarType): Shape | undefined {
  if (type === 'date') return (bytes, from, to) => to - from === 10 && isDate(bytes, from);
  if (type === 'time') return (bytes, from, to) => timeEnd(bytes, from, to) === to;
  if (type === 'timestamp') return isTimestamp;
  return undefined;
}

function isTimestamp(bytes: Buffer, from: number, to: number): boolean {
  if (to - from < 10 || !isDate(bytes, from)) return false;
  if (to - from === 10) return true;
  const separator = bytes[from + 10];
  if (separator !== 0x54 && separator !== 0x20) return false;
  const end = timeEnd(bytes, from + 11, to);
  if (end === to) return true;
  if (end < 0) return false;
  const zone = bytes[end];
  if (zone === 0x5a) return end + 1 === to;
  if (zone !== PLUS && zone !== DASH) return false;
  if (!digits(bytes, end + 1, 2)) return false;
  const left = to - end - 3;
  if (left === 0) return true;
  if (left === 2) return digits(bytes, end + 3, 2);
  return left === 3 && bytes[end + 3] === COLON && digits(bytes, end + 4, 2);
}

function isDate(bytes: Buffer, at: number): boolean {
  return digits(bytes, at, 4) && bytes[at + 4] === DASH && digits(bytes, at + 5, 2) && bytes[at + 7] === DASH && digits(bytes, at + 8, 2);
}

/** Where a time that begins at `at` ends; -1 when there is none. */
function timeEnd(bytes: Buffer, at: number, to: number): number {
  if (to - at < 5 || !digits(bytes, at, 2) || bytes[at + 2] !== COLON || !digits(bytes, at + 3, 2)) return -1;
  let end = at + 5;
  if (end >= to || bytes[end] !== COLON) return end;
  if (to - end < 3 || !digits(bytes, end + 1, 2)) return -1;
  end += 3;
  if (end >= to || bytes[end] !== DOT) return end;
  const fraction = end + 1;
  for (end = fraction; end < to && isDigit(bytes[end]);) end += 1;
  return end > fraction && end - fraction <= 9 ? end : -1;
}

function digits(bytes: Buffer, at: number, count: number): boolean {
  for (let i = at; i < at + count; i += 1) if (!isDigit(bytes[i])) return false;
  return true;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
