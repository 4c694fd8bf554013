import type { Dataset } from '../../catalog/index.js';
import { HeadgateError } from '../../kernel/index.js';
import type { Dialect, DialectRequest } from '../dialect/dialect.js';
import { delimiterByte, isCsv, readText, type ReadText } from '../dialect/read-dialect.js';
import { formatOf, type Format } from '../format.js';
import { inFile, rejected } from '../rejection.js';
import type { OpenSource } from '../source.js';
import { readAsOf, type ReadAs } from '../read-as.js';
import { announcedPacking, unpacked, type Packing } from '../unpack.js';
import { NEXT_FILE } from '../json-rows.js';
import { namesOfHeader, withoutHeader } from './csv-joint.js';

const LF = 0x0a;

/** One of the files that make a content. */
export interface ContentPart {
  readonly name: string | undefined;
  /** Where its bytes begin. */
  readonly offset: number;
  bytes: number;
  /** The line of the content that its first row is at, and how much less it is in the file itself; of Parquet the row. */
  line: number;
  shift: number;
}

export interface JoinOptions {
  readonly sources: AsyncIterable<OpenSource>;
  /** There can be more than one. */
  readonly several: boolean;
  readonly format?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly dialect: DialectRequest;
  readonly dataset: Dataset;
  readonly maxBytes: number;
}

/**
 * One content of one file or several, as they come: a file begins when the one before it ends. Rows of all are one text, with
 * the first one's columns and dialect.
 */
export class JoinedContent {
  readonly format: Format;
  readonly parts: ContentPart[] = [];
  readonly #options: JoinOptions;
  readonly #sources: AsyncIterator<OpenSource>;
  readonly #first: OpenSource;
  #open: OpenSource;
  #size = 0;
  #lines = 1;
  #columns: readonly string[] | undefined;
  #isOpenLine = false;
  #packing: Packing | undefined;
  #dialect: Dialect = {};

  private constructor(options: JoinOptions, sources: AsyncIterator<OpenSource>, first: OpenSource) {
    this.#options = options;
    this.#sources = sources;
    this.#first = first;
    this.#open = first;
    this.format = formatOf({ format: options.format, contentType: first.contentType, fileName: first.name });
  }

  /** @throws HeadgateError NOT_FOUND when there is no source; BAD_USER_INPUT when its format is not known */
  static async open(options: JoinOptions): Promise<JoinedContent> {
    const sources = options.sources[Symbol.asyncIterator]();
    const { done, value } = await sources.next();
    if (done) throw new HeadgateError('NOT_FOUND', 'There is no file to load.');
    try {
      return new JoinedContent(options, sources, value);
    } catch (error) {
      value.stream.destroy();
      throw error;
    }
  }

  /** The file that is read at present, or was read last. */
  get name(): string | undefined {
    return this.#open.name;
  }

  /** Known once it was read. */
  get readAs(): ReadAs {
    return readAsOf(this.format, this.#packing, this.#dialect);
  }

  destroy(reason?: Error): void {
    this.#open.stream.destroy(reason);
    this.#sources.return?.()?.catch(() => undefined);
  }

  /** The text, and the dialect in which it is. */
  async read(): Promise<ReadText> {
    const first = await this.#text(this.#first);
    this.#dialect = first.dialect;
    return { content: this.#all(first), dialect: first.dialect };
  }

  /** The part that a line of the content is in, and its line there; undefined where there is one file only. */
  placeOf(line: number): { readonly name: string | undefined; readonly line: number } | undefined {
    if (this.parts.length < 2) return undefined;
    const part = this.parts.findLast((candidate) => candidate.line <= line);
    return part && { name: part.name, line: line - part.shift };
  }

  async #text(source: OpenSource): Promise<ReadText> {
    const packing = announcedPacking(this.#options.contentEncoding, source.name);
    return readText(
      this.#bounded(unpacked(source.stream, packing, (found) => source === this.#first && (this.#packing = found))),
      this.format,
      this.#options.dialect,
      this.#options.dataset,
    );
  }

  async *#all(first: ReadText): AsyncGenerator<Buffer> {
    const { dialect } = first;
    let text = first;
    for (;;) {
      try {
        yield* this.#part(await this.#rowsOf(text, dialect));
      } catch (error) {
        // Of the first one the place is told with the whole.
        throw this.parts.length > 1 ? inFile(error, this.#open.name) : error;
      }
      this.#open.stream.destroy();
      const { done, value } = await this.#sources.next();
      if (done) break;
      this.#open = value;
      if (formatOf({ format: this.#options.format, contentType: value.contentType, fileName: value.name }) !== this.format) {
        throw new HeadgateError(
          'BAD_USER_INPUT',
          `The files of one load are of one format: the first is ${this.format}, and "${value.name ?? 'another'}" is not.`,
          {
            file: value.name,
          },
        );
      }
      text = await this.#text(value);
    }
  }

  /** Counts what a part has, and sees to it that it ends with its line. */
  async *#part(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const before = this.parts.at(-1);
    // A single file is as it came: only another one behind it makes that its last line must end.
    if (before && this.#isOpenLine) {
      before.bytes += 1;
      this.#lines += 1;
      yield Buffer.from('\n');
    }
    const offset = before ? before.offset + before.bytes : 0;
    const part: ContentPart = { name: this.#open.name, offset, bytes: 0, line: this.#lines, shift: this.#lines - 1 };
    // A header was left out of it.
    if (before && isCsv(this.format)) part.shift -= this.#columns ? 1 : 0;
    this.parts.push(part);
    let last = LF;
    if (before && this.format === 'json') {
      part.bytes += 1;
      yield Buffer.from([NEXT_FILE]);
    }
    for await (const chunk of content) {
      if (chunk.length === 0) continue;
      // Only asked for where another file begins.
      if (this.#options.several) for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) this.#lines += 1;
      part.bytes += chunk.length;
      last = chunk[chunk.length - 1] ?? LF;
      yield chunk;
    }
    this.#isOpenLine = last !== LF && this.format !== 'parquet';
  }

  /** Of a file after the first its rows, as the first one's are. */
  async #rowsOf({ content, dialect }: ReadText, wanted: Dialect): Promise<AsyncIterable<Buffer>> {
    if (!isCsv(this.format)) return this.parts.length > 0 && this.format !== 'parquet' ? withoutMark(content) : content;
    const delimiter = delimiterByte(this.format, wanted);
    if (this.parts.length === 0) {
      return wanted.header === false ? content : namesOfHeader(content, delimiter, (names) => (this.#columns = names));
    }
    const own = delimiterByte(this.format, dialect);
    if ((dialect.header === false) !== (wanted.header === false) || (dialect.decimal ?? 'point') !== (wanted.decimal ?? 'point')) {
      throw rejected(
        'The file is written in another way than the first one of the load: one has a header and the other none, or other decimals. Load it by itself.',
      );
    }
    return withoutHeader(content, { columns: this.#columns, delimiter, own });
  }

  async *#bounded(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const { maxBytes } = this.#options;
    for await (const chunk of content) {
      this.#size += chunk.length;
      if (this.#size > maxBytes) {
        throw rejected(`The content is larger than the ${maxBytes} bytes that one load may have, unpacked. Split it, or raise HEADGATE_MAX_UPLOAD_BYTES.`, {
          expected: maxBytes,
        });
      }
      yield chunk;
    }
  }
}

/** A mark of byte order belongs to the beginning of a text, and not into it. */
async function* withoutMark(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of content) {
    if (!head) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.length < 3) continue;
    yield head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? head.subarray(3) : head;
    head = undefined;
  }
  if (head) yield head;
}
