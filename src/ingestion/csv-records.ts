import { rejected } from './rejection.js';

const QUOTE = 0x22;
const CR = 0x0d;
const LF = 0x0a;
const BACKSLASH = 0x5c;

/** True when the bytes of a field, without its quotes, look as the field's type is written. */
export type Shape = (bytes: Buffer, from: number, to: number) => boolean;

/** One record: its bytes without the line end, and where the next begins. */
export interface CsvRecord {
  start: number;
  end: number;
  next: number;
  /** The line it begins at, from 1. */
  line: number;
  /** Lines it has: more than one when a quoted value holds line ends. */
  lines: number;
  /** Carriage returns in quoted values. */
  quotedReturns: number;
  /** True when a field does not have its shape, so the record must not go where only shaped ones may. */
  suspect: boolean;
  /** True when the line ends with CR LF. */
  crlf: boolean;
}

export interface CsvOptions {
  readonly delimiter: number;
  /** How many fields each record has; undefined: any number. */
  readonly columns?: number;
  readonly shapes?: readonly (Shape | undefined)[];
  /** The line that the first byte is at. */
  readonly line?: number;
}

/**
 * Finds the records of a CSV text (RFC 4180) without copying a byte. It is strict where readers differ: a quote may only
 * open a field and be doubled inside, so that what PostgreSQL reads is what we counted.
 * @throws HeadgateError DATA_REJECTED with line and column for a ragged or blank line, an unclosed or stray quote.
 */
export class CsvRecords {
  /** The line of the next record. */
  line: number;
  readonly #delimiter: number;
  readonly #columns: number | undefined;
  readonly #shapes: readonly (Shape | undefined)[];
  /** 1 for each byte that can end an unquoted field. */
  readonly #special = new Uint8Array(256);
  readonly #record: CsvRecord = { start: 0, end: 0, next: 0, line: 0, lines: 0, quotedReturns: 0, suspect: false, crlf: false };

  constructor({ delimiter, columns, shapes = [], line = 1 }: CsvOptions) {
    this.#delimiter = delimiter;
    this.#columns = columns;
    this.#shapes = shapes;
    this.line = line;
    for (const byte of [delimiter, QUOTE, CR, LF]) this.#special[byte] = 1;
  }

  /**
   * Calls `visit` with each whole record (the same object each time) and returns how many bytes they had. `visit`
   * returning false stops behind that record.
   */
  scan(bytes: Buffer, last: boolean, visit: (record: CsvRecord) => boolean | void): number {
    const record = this.#record;
    const n = bytes.length;
    let i = 0;
    while (i < n) {
      if (!this.#find(bytes, i, last, record)) return i;
      i = record.next;
      this.line += record.lines;
      if (visit(record) === false) return i;
    }
    return i;
  }

  /** False when the record is not whole yet. */
  #find(bytes: Buffer, start: number, last: boolean, record: CsvRecord): boolean {
    const special = this.#special;
    const n = bytes.length;
    let i = start;
    let column = 0;
    let suspect = false;
    let inner = 0;
    let returns = 0;
    for (;;) {
      let from = i;
      let to: number;
      if (bytes[i] === QUOTE) {
        const close = this.#closing(bytes, i, last, start, inner);
        if (close < 0) return false;
        for (let at = i + 1; at < close; at += 1) {
          if (bytes[at] === LF) inner += 1;
          else if (bytes[at] === CR) returns += 1;
        }
        from = i + 1;
        to = close;
        i = close + 1;
        if (i < n && special[bytes[i] as number] === 0) throw this.#at('After a closing quote the field goes on.', bytes, start, i, inner);
      } else {
        while (i < n && special[bytes[i] as number] === 0) i += 1;
        to = i;
        if (bytes[i] === QUOTE) throw this.#at('A quote is inside a field that is not quoted; quote the field and double the quote.', bytes, start, i, inner);
      }
      if (i >= n && !last) return false;
      const shape = this.#shapes[column];
      if (shape !== undefined && from !== to && !suspect) suspect = !shape(bytes, from, to);
      column += 1;
      if (bytes[i] !== this.#delimiter) break;
      i += 1;
    }
    const end = i;
    const crlf = bytes[i] === CR;
    if (crlf) {
      if (i + 1 >= n && !last) return false;
      if (i + 1 < n && bytes[i + 1] !== LF) throw this.#at('A carriage return stands alone; lines end with LF or CR LF.', bytes, start, i, inner);
      i += 1;
    }
    if (this.#columns !== undefined && column !== this.#columns) throw this.#ragged(column, end === start);
    record.start = start;
    record.end = end;
    record.next = Math.min(i + 1, n);
    record.line = this.line;
    record.lines = 1 + inner;
    record.quotedReturns = returns;
    // PostgreSQL 17 takes a line of these two bytes for the end of the data.
    record.suspect = suspect || (end - start === 2 && bytes[start] === BACKSLASH);
    record.crlf = crlf;
    return true;
  }

  /** The closing quote of the field that opens at `open`; -1 when it may still come. */
  #closing(bytes: Buffer, open: number, last: boolean, start: number, inner: number): number {
    for (let from = open + 1; ;) {
      const quote = bytes.indexOf(QUOTE, from);
      if (quote < 0) {
        if (last) throw this.#at('A quote is opened and never closed.', bytes, start, open, inner);
        return -1;
      }
      if (bytes[quote + 1] !== QUOTE) return quote + 1 < bytes.length || last ? quote : -1;
      from = quote + 2;
    }
  }

  #ragged(actual: number, blank: boolean): Error {
    const expected = this.#columns;
    const what = blank ? 'The line is blank' : `The line has ${actual} ${actual === 1 ? 'field' : 'fields'}`;
    return rejected(`${what}; the header has ${expected}. (line ${this.line})`, { line: this.line, expected, actual });
  }

  #at(message: string, bytes: Buffer, start: number, at: number, inner: number): Error {
    const line = this.line + inner;
    const lineStart = inner === 0 ? start : bytes.lastIndexOf(LF, at) + 1;
    const column = bytes.toString('utf8', lineStart, at).length + 1;
    return rejected(`${message} (line ${line}, column ${column})`, { line, column });
  }
}

/** The fields of one record: null for an empty one without quotes. */
export function fieldsOf(record: Buffer, delimiter: number): (string | null)[] {
  const fields: (string | null)[] = [];
  for (let i = 0; ; i += 1) {
    if (record[i] === QUOTE) {
      let close = record.indexOf(QUOTE, i + 1);
      while (record[close + 1] === QUOTE) close = record.indexOf(QUOTE, close + 2);
      fields.push(record.toString('utf8', i + 1, close).replaceAll('""', '"'));
      i = close + 1;
    } else {
      const next = record.indexOf(delimiter, i);
      const end = next < 0 ? record.length : next;
      fields.push(end === i ? null : record.toString('utf8', i, end));
      i = end;
    }
    if (i >= record.length) return fields;
  }
}

/** Where the fields of one record stand in it, quotes included. */
export function placesOf(record: Buffer, delimiter: number): { readonly from: number; readonly to: number }[] {
  const places: { from: number; to: number }[] = [];
  for (let from = 0; ;) {
    let to = from;
    if (record[from] === QUOTE) {
      let close = record.indexOf(QUOTE, from + 1);
      while (record[close + 1] === QUOTE) close = record.indexOf(QUOTE, close + 2);
      to = close + 1;
    } else {
      const next = record.indexOf(delimiter, from);
      to = next < 0 ? record.length : next;
    }
    places.push({ from, to });
    if (to >= record.length) return places;
    from = to + 1;
  }
}
