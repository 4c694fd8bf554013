import type { Format } from './format.js';
import { DEEPEST, JsonRows, tooDeep } from './json-rows.js';
import { rejected } from './rejection.js';
import type { Spooled } from './spool.js';
import { TextBlocks } from './text-blocks.js';

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TABULATOR = 0x09;

interface JsonFile {
  readonly format: Format;
  readonly spooled: Spooled;
  readonly maxValueBytes: number;
  readonly onBytes: (bytes: number) => void;
}

/**
 * The rows of a JSON or NDJSON file, as lines `position \x01 line \x01 text` for COPY. Blank lines of NDJSON are no rows.
 * @throws HeadgateError DATA_REJECTED for a raw control character, an empty file, and JSON that is not an array of rows.
 */
export async function* jsonLines({ format, spooled, maxValueBytes, onBytes }: JsonFile): AsyncGenerator<Buffer> {
  if (spooled.size === 0) throw rejected('The file is empty. Expected JSON objects.');
  const blocks = new TextBlocks(spooled.path, maxValueBytes);
  const rows = format === 'json' ? new JsonRows() : new NdjsonRows();
  const reading = blocks.read(
    ({ bytes, last }) => {
      const lines = new Lines(bytes.length);
      const used = rows.scan(bytes, last, (position, line, from, to) => lines.add(position, line, bytes, from, to));
      return { used, out: lines.isEmpty ? [] : [lines.bytes] };
    },
    () => rows.line,
  );
  for await (const chunk of reading) {
    yield chunk;
    onBytes(blocks.consumed);
  }
  rows.end();
}

/** What a line may take beside its text: two numbers, two separators and its end. */
const BESIDE_BYTES = 64;

/** Lines for COPY, one behind the other in one buffer: a buffer for each would take longer than to copy it. */
class Lines {
  #buffer: Buffer;
  #used = 0;

  /** @param size of the text that they are made of */
  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafeSlow(size + (size >> 2) + BESIDE_BYTES);
  }

  get isEmpty(): boolean {
    return this.#used === 0;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#used);
  }

  /** Line ends between the tokens of a row are white space, as a space is. */
  add(position: number, line: number, text: Buffer, from: number, to: number): void {
    const needed = this.#used + BESIDE_BYTES + to - from;
    if (needed > this.#buffer.length) this.#buffer = Buffer.concat([this.bytes], 2 * needed);
    this.#used += this.#buffer.write(`${position}\x01${line}\x01`, this.#used, 'latin1');
    const start = this.#used;
    this.#used += text.copy(this.#buffer, start, from, to);
    for (let i = start; i < this.#used; i += 1) if (this.#buffer[i] === LF || this.#buffer[i] === CR) this.#buffer[i] = SPACE;
    this.#buffer[this.#used] = LF;
    this.#used += 1;
  }
}

/** Called with the row's number, its line, and its bytes. */
export type RowVisitor = (position: number, line: number, from: number, to: number) => void;

export class NdjsonRows {
  line = 1;

  scan(bytes: Buffer, last: boolean, visit: RowVisitor): number {
    // A mark of byte order may stand before the first line.
    let from = this.line === 1 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
    refuseControl(bytes, this.line);
    while (from < bytes.length) {
      const lf = bytes.indexOf(LF, from);
      if (lf < 0 && !last) return from;
      const next = lf < 0 ? bytes.length : lf;
      const deep = tooDeep(bytes, from, next);
      if (deep >= 0) {
        const column = bytes.toString('utf8', from, deep).length + 1;
        throw rejected(`A row is nested deeper than ${DEEPEST} levels. (line ${this.line}, column ${column})`, { line: this.line, column });
      }
      if (!isBlank(bytes, from, next)) visit(this.line, this.line, from, next);
      this.line += 1;
      from = next + 1;
    }
    return bytes.length;
  }

  end(): void {
    // Every line was looked at by itself.
  }
}

function isBlank(bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i += 1) if (bytes[i] !== SPACE && bytes[i] !== TABULATOR && bytes[i] !== CR) return false;
  return true;
}

/** The characters that stand for quote and delimiter of COPY: no JSON text holds them raw. */
function refuseControl(bytes: Buffer, line: number): void {
  for (const control of [0x01, 0x02]) {
    const at = bytes.indexOf(control);
    if (at < 0) continue;
    const before = bytes.toString('utf8', 0, at).split('\n');
    const found = { line: line + before.length - 1, column: (before.at(-1)?.length ?? 0) + 1 };
    throw rejected(`A raw control character is in the file; JSON writes it as \\u000${control}. (line ${found.line}, column ${found.column})`, found);
  }
}
