import { rejected } from '../../rejection.js';
import { DEEPEST } from '../../json-rows.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Where a value is in a text of JSON. */
export interface Slice {
  readonly from: number;
  readonly to: number;
}

/**
 * Finds values in a text of JSON by its bytes, so that a large text is never made into objects, and numbers stay as they were written.
 * It sees where values begin and end; that what is between is right JSON is for its reader to say.
 */
export class JsonText {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** The whole, without the white space around it. @throws HeadgateError DATA_REJECTED when there is nothing, or more than one value */
  whole(): Slice {
    const from = this.#space(this.bytes[0] === 0xef && this.bytes[1] === 0xbb && this.bytes[2] === 0xbf ? 3 : 0);
    const to = this.#end(from);
    if (this.#space(to) < this.bytes.length) throw broken();
    return { from, to };
  }

  /** The value of a member or element; undefined when the value has none of that name. Of a name that is there twice the last counts. */
  member({ from, to }: Slice, key: string): Slice | undefined {
    let found: Slice | undefined;
    let i = 0;
    if (this.bytes[from] === OPEN_ARRAY) {
      for (const element of this.elements({ from, to })) if (String(i++) === key) return element;
      return undefined;
    }
    if (this.bytes[from] !== OPEN_OBJECT) return undefined;
    for (let at = this.#space(from + 1); this.bytes[at] !== CLOSE_OBJECT;) {
      const nameEnd = this.#stringEnd(at);
      const colon = this.#space(nameEnd);
      if (this.bytes[colon] !== COLON) throw broken();
      const value = this.#space(colon + 1);
      const end = this.#end(value);
      if (parsed(this.text({ from: at, to: nameEnd })) === key) found = { from: value, to: end };
      at = this.#next(end, CLOSE_OBJECT);
    }
    return found;
  }

  *elements({ from }: Slice): Generator<Slice> {
    for (let at = this.#space(from + 1); this.bytes[at] !== CLOSE_ARRAY;) {
      const to = this.#end(at);
      yield { from: at, to };
      at = this.#next(to, CLOSE_ARRAY);
    }
  }

  isArray({ from }: Slice): boolean {
    return this.bytes[from] === OPEN_ARRAY;
  }

  text({ from, to }: Slice): string {
    return this.bytes.toString('utf8', from, to);
  }

  /** Behind a member or element: the next one, or the end. */
  #next(end: number, close: number): number {
    const at = this.#space(end);
    if (this.bytes[at] === close) return at;
    const next = this.#space(at + 1);
    if (this.bytes[at] !== COMMA || this.bytes[next] === close) throw broken();
    return next;
  }

  #space(from: number): number {
    let at = from;
    for (let byte = this.bytes[at]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = this.bytes[at]) at += 1;
    return at;
  }

  #stringEnd(open: number): number {
    if (this.bytes[open] !== QUOTE) throw broken();
    for (let at = open + 1; at < this.bytes.length; at += 1) {
      const byte = this.bytes[at];
      if (byte === QUOTE) return at + 1;
      if (byte === BACKSLASH) at += 1;
    }
    throw broken();
  }

  /** Behind the value that begins at `from`. */
  #end(from: number): number {
    const first = this.bytes[from];
    if (first === QUOTE) return this.#stringEnd(from);
    if (first === OPEN_OBJECT || first === OPEN_ARRAY) return this.#nestedEnd(from);
    let at = from;
    for (let byte = this.bytes[at]; byte !== undefined && byte > 0x20 && byte !== COMMA && byte !== CLOSE_ARRAY && byte !== CLOSE_OBJECT; byte = this.bytes[at])
      at += 1;
    if (at === from) throw broken();
    return at;
  }

  #nestedEnd(from: number): number {
    let depth = 0;
    for (let at = from; at < this.bytes.length; at += 1) {
      const byte = this.bytes[at];
      if (byte === QUOTE) at = this.#stringEnd(at) - 1;
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        depth += 1;
        if (depth > DEEPEST) throw rejected(`What the source answers is nested deeper than ${DEEPEST} levels.`);
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        depth -= 1;
        if (depth === 0) return at + 1;
      }
    }
    throw broken();
  }
}

/** The value of a small text; numbers as they were written, as far as JSON can say them. @throws HeadgateError DATA_REJECTED */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw broken();
  }
}

/** Without a word of what was there. */
export function broken(): Error {
  return rejected('What the source answers is not JSON, or is cut off. Nothing of it was loaded.');
}
