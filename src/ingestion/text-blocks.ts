import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import { refuseForeign } from './foreign-file.js';
import { rejected } from './rejection.js';

const BLOCK = 256 * 1024;
const LF = 0x0a;

/** Where bytes come from, in order: a file, or what is read like one. */
export interface ByteSource {
  /** No bytes are the end. */
  read(target: Buffer, offset: number, length: number): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
}

/** A piece of a file that may end in the middle of a record. */
export interface Block {
  /** Where blocks are not `reused` never written to again, so parts of it can be kept or queued on a socket. */
  readonly bytes: Buffer;
  /** True when nothing follows. */
  readonly last: boolean;
}

/** What a consumer made of a block: how many of its bytes were whole records, and what it gives on. */
export interface Consumed<T> {
  readonly used: number;
  readonly out: readonly T[];
}

/**
 * Reads a text file in blocks: `consume` takes a block and says how many of its bytes were whole records; the rest
 * comes again at the beginning of the next, longer one. So memory is bounded by the longest record.
 * @throws HeadgateError DATA_REJECTED for a record longer than `maxRecord`, for bytes that are not UTF-8, for NUL, and for what
 *   is no text at all.
 */
export class TextBlocks {
  readonly #open: () => Promise<ByteSource>;
  readonly #maxRecord: number;
  readonly #reused: boolean;
  /** Bytes of whole records so far. */
  consumed = 0;

  /**
   * @param from the path of a file, or what opens another source
   * @param reused the bytes of a block are those of the one before, for consumers that copy what they keep
   */
  constructor(from: string | (() => Promise<ByteSource>), maxRecord: number, { reused = false } = {}) {
    this.#open = typeof from === 'string' ? () => open(from, 'r') : from;
    this.#maxRecord = maxRecord;
    this.#reused = reused;
  }

  /** `line` tells at which line the next block begins, for errors. */
  async *read<T>(consume: (block: Block) => Consumed<T>, line: () => number): AsyncGenerator<T> {
    const file = await this.#open();
    try {
      let rest: Buffer = Buffer.alloc(0);
      let space: Buffer | undefined;
      for (let first = true; ; first = false) {
        // The longer the record, the larger the steps: a long one is not copied again for each 256 KiB.
        const size = rest.length + Math.max(BLOCK, rest.length);
        if (!space || !this.#reused || space.length < size) space = Buffer.allocUnsafeSlow(this.#reused ? 2 * size : size);
        const block = await readBlock(file, rest, space.subarray(0, size));
        const { bytes } = block;
        if (bytes.length === 0 && block.last) return;
        if (first) refuseForeign(bytes);
        const known = rest.length;
        if (bytes.indexOf(0, known) >= 0)
          throw position('A NUL character (U+0000) is in the file; text can not hold one.', bytes, bytes.indexOf(0, known), line());
        checkUtf8(bytes, block.last, line());
        const { used, out } = consume(block);
        yield* out;
        this.consumed += used;
        rest = bytes.subarray(used);
        if (rest.length > this.#maxRecord) {
          throw rejected(`The row at line ${line()} is longer than the ${this.#maxRecord} bytes that a row or a value may have (HEADGATE_MAX_VALUE_BYTES).`, {
            line: line(),
            expected: this.#maxRecord,
          });
        }
        if (block.last) return;
      }
    } finally {
      await file.close();
    }
  }
}

/** @param bytes may be the memory that `rest` is in */
async function readBlock(file: ByteSource, rest: Buffer, bytes: Buffer): Promise<Block> {
  rest.copy(bytes);
  let filled = rest.length;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled);
    if (bytesRead === 0) return { bytes: bytes.subarray(0, filled), last: true };
    filled += bytesRead;
  }
  return { bytes, last: false };
}

function checkUtf8(bytes: Buffer, last: boolean, line: number): void {
  const whole = last ? bytes : bytes.subarray(0, bytes.length - openSequence(bytes));
  if (isUtf8(whole)) return;
  // The first bad byte, by halving: everything before it is good.
  let good = 0;
  let bad = whole.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    const piece = whole.subarray(0, middle);
    if (isUtf8(piece.subarray(0, middle - openSequence(piece)))) good = middle;
    else bad = middle;
  }
  throw position(
    'The file is not UTF-8. Convert it first: iconv -f ISO-8859-1 -t UTF-8. Or say what it is: --encoding windows-1252 (or ?encoding=), or have it found out: --detect.',
    whole,
    good - openSequence(whole.subarray(0, good)),
    line,
  );
}

/** How many bytes at the end are the beginning of a character whose rest is not there yet. */
function openSequence(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? back : 0;
  }
  return 0;
}

/** An error at a byte of a block whose first byte is at the beginning of `line`. */
function position(message: string, bytes: Buffer, at: number, line: number): Error {
  let start = 0;
  let found = line;
  for (let next = bytes.indexOf(LF); next >= 0 && next < at; next = bytes.indexOf(LF, start)) {
    start = next + 1;
    found += 1;
  }
  const column = bytes.toString('utf8', start, at).length + 1;
  return rejected(`${message} (line ${found}, column ${column})`, { line: found, column });
}
