import { DateCandidates, type WrittenAs } from '../dialect/date-formats.js';

/** What a value was in its file: a text of CSV, or what JSON and Parquet know of it. */
export type CellKind = 'text' | 'string' | 'number' | 'boolean' | 'nested';

export interface Cell {
  readonly kind: CellKind;
  readonly text: string;
}

/** Different values that are remembered: of those, none is looked at twice. */
const MOST_REMEMBERED = 5_000;
/** Values, and their characters, of a column that may be unique. */
const MOST_UNIQUE = 2_000_000;
const MOST_UNIQUE_CHARACTERS = 64_000_000;
/** Different values for whom it is counted how often they are there. */
export const MOST_COUNTED = 60;
/** Values for the detectors of tags. */
const MOST_SAMPLED = 1_000;
const LONGEST_SAMPLED = 200;

const WHOLE = /^[+-]?\d+$/;
const FRACTION = /^[+-]?(\d+\.\d*|\.\d+)$/;
const EXPONENT = /^[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d{1,3}$/;
const THOUSANDS = /^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$/;
const LEADING_ZERO = /^[+-]?0\d/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** What stands for "nothing" in files of numbers and dates. */
const MARKERS = new Set(['na', 'n/a', '#n/a', 'nan', 'null', 'none', '-', '--', '?', 'nil', 'undefined', 'inf', '-inf']);
const COMMA_NUMBER = /^[+-]?(\d{1,3}(\.\d{3})+|\d*)(,\d*)?$/;

/** All that values have in common, as they come by; memory is bounded whatever comes. */
export class ColumnProfile {
  readonly name: string;
  rows = 0;
  nulls = 0;
  /** Texts of no character, which are no null for a text. */
  empties = 0;
  readonly kinds = new Set<CellKind>();
  wholes = 0;
  fractions = 0;
  exponents = 0;
  leadingZeros = 0;
  signs = 0;
  booleans = 0;
  zeroOne = 0;
  uuids = 0;
  jsons = 0;
  markers = 0;
  /** Numbers that JSON has in quotes. */
  quoted = 0;
  /** Numbers such as 1,234. */
  thousands = 0;
  /** Of those that are none of the others. */
  words = 0;
  least: bigint | undefined;
  most: bigint | undefined;
  /** Digits before and behind the point, of all numbers that are not written with an exponent. */
  integerDigits = 0;
  fractionDigits = 0;
  lowest = Infinity;
  highest = -Infinity;
  longest = 0;
  shortest = Infinity;
  padded = 0;
  /** Items of lists: what they are all of; undefined until one was seen. */
  items: 'string' | 'number' | 'whole' | 'mixed' | undefined;
  lists = 0;
  readonly sample = new Set<string>();
  /** How often each value is there; undefined when there are too many. */
  counts: Map<string, number> | undefined = new Map();
  #dates: DateCandidates | undefined = new DateCandidates();
  #unique: Set<string> | undefined = new Set();
  #uniqueCharacters = 0;
  isUnique = true;
  readonly #seen = new Map<string, undefined>();
  readonly #decimalComma: boolean;

  constructor(name: string, decimalComma = false) {
    this.name = name;
    this.#decimalComma = decimalComma;
  }

  get values(): number {
    return this.rows - this.nulls - this.empties;
  }

  get writtenAs(): WrittenAs | undefined {
    return this.#dates?.best;
  }

  /** Rows that had no such column. */
  skip(count: number): void {
    this.rows += count;
    this.nulls += count;
  }

  add(cell: Cell | null): void {
    this.rows += 1;
    if (cell === null) {
      this.nulls += 1;
      return;
    }
    const { kind, text } = cell;
    if (text === '' && kind !== 'nested') {
      this.empties += 1;
      this.#once('');
      return;
    }
    this.kinds.add(kind);
    this.#once(text);
    this.#count(text);
    this.#classify(kind, text);
  }

  #once(text: string): void {
    if (!this.isUnique || !this.#unique) return;
    const before = this.#unique.size;
    this.#unique.add(text);
    this.#uniqueCharacters += text.length;
    if (this.#unique.size === before) {
      this.isUnique = false;
      this.#unique = undefined;
    } else if (before > MOST_UNIQUE || this.#uniqueCharacters > MOST_UNIQUE_CHARACTERS) {
      // It can't be told any more.
      this.isUnique = false;
      this.#unique = undefined;
    }
  }

  #count(text: string): void {
    if (!this.counts) return;
    this.counts.set(text, (this.counts.get(text) ?? 0) + 1);
    if (this.counts.size > MOST_COUNTED) this.counts = undefined;
  }

  /** What the text is. One that was seen before adds to the counts what it did then: only whether they are all of a kind matters. */
  #classify(kind: CellKind, text: string): void {
    if (kind === 'nested') {
      this.#nested(text);
      return;
    }
    this.longest = Math.max(this.longest, text.length);
    this.shortest = Math.min(this.shortest, text.length);
    if (text !== text.trim()) this.padded += 1;
    if (this.sample.size < MOST_SAMPLED && text.length <= LONGEST_SAMPLED) this.sample.add(text.trim());
    const written = this.#decimalComma && kind === 'text' && COMMA_NUMBER.test(text) ? text.replaceAll('.', '').replace(',', '.') : text;
    const was = this.#kindOf(kind, written);
    this[was] += 1;
    if (was === 'wholes' || was === 'fractions' || was === 'exponents') this.#number(written, was);
    if (text === '0' || text === '1') this.zeroOne += 1;
    if (this.#dates && !this.#seen.has(text)) {
      if (!this.#dates.add(text)) this.#dates = undefined;
      else if (this.#seen.size < MOST_REMEMBERED) this.#seen.set(text, undefined);
    }
  }

  #kindOf(kind: CellKind, text: string): 'wholes' | 'fractions' | 'exponents' | 'booleans' | 'uuids' | 'jsons' | 'markers' | 'words' {
    if (kind === 'boolean') return 'booleans';
    const number = WHOLE.test(text) ? 'wholes' : FRACTION.test(text) ? 'fractions' : EXPONENT.test(text) && isHeld(text) ? 'exponents' : undefined;
    if (number) {
      if (kind === 'string') this.quoted += 1;
      return number;
    }
    if (kind !== 'string' && /^(true|false|yes|no)$/i.test(text)) return 'booleans';
    if (THOUSANDS.test(text)) this.thousands += 1;
    if (UUID.test(text)) return 'uuids';
    if (MARKERS.has(text.toLowerCase())) return 'markers';
    if (kind === 'text' && /^\s*[[{]/.test(text) && isJson(text)) return 'jsons';
    return 'words';
  }

  #number(text: string, kind: 'wholes' | 'fractions' | 'exponents'): void {
    const value = Number(text);
    this.lowest = Math.min(this.lowest, value);
    this.highest = Math.max(this.highest, value);
    if (text.startsWith('+')) this.signs += 1;
    if (LEADING_ZERO.test(text)) this.leadingZeros += 1;
    if (kind === 'exponents') return;
    const [before = '', behind = ''] = text.replace(/^[+-]/, '').split('.');
    this.integerDigits = Math.max(this.integerDigits, before.length);
    this.fractionDigits = Math.max(this.fractionDigits, behind.length);
    if (kind !== 'wholes' || before.length > 40) return;
    const whole = BigInt(text.replace('+', ''));
    if (this.least === undefined || whole < this.least) this.least = whole;
    if (this.most === undefined || whole > this.most) this.most = whole;
  }

  #nested(text: string): void {
    if (!text.startsWith('[')) return;
    const items = JSON.parse(text) as unknown[];
    this.lists += 1;
    for (const item of items) {
      if (item === null) continue;
      const was = typeof item === 'string' ? 'string' : typeof item === 'number' ? (Number.isSafeInteger(item) ? 'whole' : 'number') : 'mixed';
      if (this.items === undefined || this.items === was) this.items = was;
      else this.items = isNumber(this.items) && isNumber(was) ? 'number' : 'mixed';
    }
  }
}

/** A double can hold it: it is neither too large nor too near to zero. */
function isHeld(text: string): boolean {
  const value = Number(text);
  return Number.isFinite(value) && (value !== 0 || !/[1-9]/.test(text.split(/e/i)[0] ?? ''));
}

function isNumber(kind: string): boolean {
  return kind === 'whole' || kind === 'number';
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
