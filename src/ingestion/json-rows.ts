import { rejected } from './rejection.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LF = 0x0a;
/** Stands between the arrays of several files; no JSON text can hold it raw. */
export const NEXT_FILE = 0x1e;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Deeper nesting than this is not data that anyone wrote; PostgreSQL's own parser would end at its stack. */
export const DEEPEST = 512;

/** `begin`: before the array; `row`: a row must come; `rowOrEnd`: a row or the end; `after`: a comma or the end; `end`: nothing more. */
type State = 'begin' | 'row' | 'rowOrEnd' | 'after' | 'end';

/**
 * Splits a JSON array of objects into its rows by their bytes: only quotes and brackets matter for it, so the whole is
 * never in memory. That each row is right JSON is for the database to say.
 * @throws HeadgateError DATA_REJECTED with line and column for what is not an array of objects, or is cut off.
 */
export class JsonRows {
  /** The line of the first byte of the next block. */
  line = 1;
  #column = 1;
  #rows = 0;
  #state: State = 'begin';

  /** As CsvRecords.scan: how many bytes were whole rows and what is between them. */
  scan(bytes: Buffer, last: boolean, visit: (position: number, line: number, from: number, to: number) => void): number {
    let i = 0;
    if (this.#state === 'begin' && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) i = 3;
    for (; i < bytes.length; i += 1) {
      const byte = bytes[i] as number;
      if (byte === LF) {
        this.line += 1;
        this.#column = 1;
        continue;
      }
      if (byte === 0x20 || byte === 0x09 || byte === 0x0d) {
        this.#column += 1;
        continue;
      }
      if (byte === OPEN_OBJECT && (this.#state === 'row' || this.#state === 'rowOrEnd')) {
        const close = this.#objectEnd(bytes, i);
        if (close < 0) {
          if (last) throw this.#at('The JSON is cut off: the row that begins here does not end.');
          return i;
        }
        this.#rows += 1;
        visit(this.#rows, this.line, i, close + 1);
        this.#pass(bytes, i, close + 1);
        i = close;
        this.#state = 'after';
        continue;
      }
      this.#state = this.#next(byte);
      this.#column += 1;
    }
    return bytes.length;
  }

  /** Called when the file is over. */
  end(): void {
    if (this.#state === 'begin') throw this.#at('The file is empty. Expected a JSON array of objects.');
    if (this.#state !== 'end') throw this.#at('The JSON is cut off: the array of rows does not end.');
  }

  #next(byte: number): State {
    const state = this.#state;
    if (state === 'begin' && byte === OPEN_ARRAY) return 'rowOrEnd';
    if (byte === NEXT_FILE) {
      this.end();
      return 'begin';
    }
    if (state === 'begin') throw this.#at('Expected a JSON array of objects, or one object per line with the format ndjson.');
    if ((state === 'rowOrEnd' || state === 'after') && byte === CLOSE_ARRAY) return 'end';
    if (state === 'after' && byte === COMMA) return 'row';
    if (state === 'end') throw this.#at('The JSON goes on behind the end of the array.');
    if (state === 'after') throw this.#at('Expected a comma or the end of the array.');
    throw this.#at('Expected a row as a JSON object.');
  }

  /** The closing brace of the object that opens at `from`; -1 when it is not there yet. */
  #objectEnd(bytes: Buffer, from: number): number {
    let depth = 0;
    for (let i = from; i < bytes.length; i += 1) {
      const byte = bytes[i] as number;
      if (byte === QUOTE) {
        i = this.#stringEnd(bytes, i, from);
        if (i < 0) return -1;
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        depth += 1;
        if (depth > DEEPEST) throw this.#at(`A row is nested deeper than ${DEEPEST} levels.`);
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        depth -= 1;
        if (depth === 0) return i;
      } else if (byte < 0x09) {
        this.#pass(bytes, from, i);
        throw this.#at('A raw control character is in the file.');
      }
    }
    return -1;
  }

  #stringEnd(bytes: Buffer, open: number, from: number): number {
    for (let i = open + 1; i < bytes.length; i += 1) {
      const byte = bytes[i] as number;
      if (byte === QUOTE) return i;
      if (byte === BACKSLASH) i += 1;
      else if (byte < 0x20) {
        this.#pass(bytes, from, i);
        throw this.#at('A text holds a raw line end or control character; JSON writes it as \\n or \\u00XX.');
      }
    }
    return -1;
  }

  /** Moves the position over bytes. */
  #pass(bytes: Buffer, from: number, to: number): void {
    let start = from;
    for (let lf = bytes.indexOf(LF, from); lf >= 0 && lf < to; lf = bytes.indexOf(LF, start)) {
      this.line += 1;
      this.#column = 1;
      start = lf + 1;
    }
    this.#column += bytes.toString('utf8', start, to).length;
  }

  #at(message: string): Error {
    return rejected(`${message} (line ${this.line}, column ${this.#column})`, { line: this.line, column: this.#column });
  }
}

/**
 * Where a JSON text gets deeper than `DEEPEST`, or -1. Only a text with that many brackets is looked at closely: nearly
 * none is, and the others cost a search for a byte.
 */
export function tooDeep(bytes: Buffer, from: number, to: number): number {
  if (to - from <= DEEPEST || brackets(bytes, from, to) <= DEEPEST) return -1;
  let depth = 0;
  let quoted = false;
  for (let i = from; i < to; i += 1) {
    const byte = bytes[i];
    if (byte === QUOTE) quoted = !quoted;
    else if (quoted) i += byte === BACKSLASH ? 1 : 0;
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth += 1;
      if (depth > DEEPEST) return i;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth -= 1;
  }
  return -1;
}

/** How many brackets open, counted until they are too many. */
function brackets(bytes: Buffer, from: number, to: number): number {
  const text = bytes.subarray(from, to);
  let count = 0;
  for (const open of [OPEN_OBJECT, OPEN_ARRAY]) {
    for (let at = text.indexOf(open); at >= 0 && count <= DEEPEST; at = text.indexOf(open, at + 1)) count += 1;
  }
  return count;
}
