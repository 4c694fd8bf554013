import { damaged } from './damage.js';

const DEEPEST = 32;
/** Of the compact protocol (Thrift). */
const [STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, STRUCT] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12] as const;

/**
 * Walks through what a file says of itself without building any of it: the reader that comes after believes each length, and makes of a
 * byte an object of hundreds.
 * @param most fields and members of lists, all together
 * @throws HeadgateError DATA_REJECTED when there are more; RangeError when it goes on behind the bytes
 */
export function checkThrift(bytes: Buffer, most: number): void {
  new Walk(bytes, most).struct(0);
}

class Walk {
  readonly #bytes: Buffer;
  readonly #most: number;
  #at = 0;
  #members = 0;

  constructor(bytes: Buffer, most: number) {
    this.#bytes = bytes;
    this.#most = most;
  }

  struct(depth: number): void {
    if (depth > DEEPEST) throw damaged('what it says of itself is nested too deeply');
    for (;;) {
      const byte = this.#byte();
      const type = byte & 15;
      if (type === STOP) return;
      if (byte >> 4 === 0) this.#varint();
      this.#count(1);
      // The value of a boolean is its type.
      if (type !== TRUE && type !== FALSE) this.#value(type, depth);
    }
  }

  #value(type: number, depth: number): void {
    if (type === TRUE || type === FALSE || type === BYTE) this.#skip(1);
    else if (type === I16 || type === I32 || type === I64) this.#varint();
    else if (type === DOUBLE) this.#skip(8);
    else if (type === BINARY) this.#skip(this.#varint());
    else if (type === LIST) this.#list(depth);
    else if (type === STRUCT) this.struct(depth + 1);
    else throw damaged('what it says of itself has parts that Parquet does not know');
  }

  #list(depth: number): void {
    if (depth > DEEPEST) throw damaged('what it says of itself is nested too deeply');
    const byte = this.#byte();
    const size = byte >> 4 === 15 ? this.#varint() : byte >> 4;
    this.#count(size);
    for (let i = 0; i < size; i += 1) this.#value(byte & 15, depth + 1);
  }

  #count(members: number): void {
    this.#members += members;
    if (this.#members > this.#most) throw damaged(`what it says of itself has more than ${this.#most} parts`, { expected: this.#most });
  }

  #byte(): number {
    return this.#bytes.readUInt8(this.#at++);
  }

  #skip(count: number): void {
    this.#at += count;
    if (this.#at > this.#bytes.length) throw new RangeError('the bytes end before what they say');
  }

  /** As the reader has it; what is longer than a number of 64 bits is none. */
  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw damaged('a number of what it says of itself is too long');
  }
}
