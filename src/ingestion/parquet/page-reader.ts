import type { RowGroup, SchemaTree } from 'hyparquet';
import { parquetHeader, readPage } from 'hyparquet/src/column.js';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { decompressPage, readDataPage, readDataPageV2 } from 'hyparquet/src/datapage.js';
import { rejected } from '../rejection.js';
import { codecs, MOST_PAGE_BYTES } from './codecs.js';
import { damaged } from './damage.js';
import type { ParquetFile } from './parquet-file.js';
import { chunkStart } from './parquet-file.js';
import { checkThrift } from './thrift-bounds.js';

type Decoder = Parameters<typeof readPage>[2];
type Values = NonNullable<ReturnType<typeof readPage>['data']>;

/** Values that a page may have. */
const MOST_PAGE_VALUES = 16 * 1024 * 1024;
const FIRST_WINDOW = 64 * 1024;
const LONGEST_HEADER = 16 * 1024 * 1024;
/** Fields of a header; it has some 20. */
const MOST_HEADER_PARTS = 1_000;

/** A page of a plain column: for each row whether there is a value, and the values that there are. */
export interface FlatPage {
  readonly rows: number;
  /** 1 for a row with a value; undefined where all have one. */
  readonly levels: ArrayLike<number> | undefined;
  /** Of a page with a dictionary the places in it. */
  readonly values: Values;
  readonly isIndexed: boolean;
}

/** The pages of one plain column in one row group, one after the other: no more than one is in memory. */
export class PageReader {
  /** What indexed pages point into; of the pages that come after. */
  dictionary: Values | undefined;
  readonly #file: ParquetFile;
  readonly #decoder: Decoder;
  readonly #end: number;
  readonly #isOptional: boolean;
  #at: number;
  #left: number;

  constructor(file: ParquetFile, tree: SchemaTree, { meta_data: data }: RowGroup['columns'][number], rows: number) {
    if (!data) throw damaged('a column has no pages');
    this.#file = file;
    this.#at = chunkStart(data);
    this.#end = this.#at + Number(data.total_compressed_size);
    this.#left = rows;
    this.#isOptional = tree.element.repetition_type !== 'REQUIRED';
    this.#decoder = {
      ...data,
      pathInSchema: tree.path,
      element: plainElement(tree.element),
      schemaPath: [file.schema, tree],
      file: { byteLength: 0, slice: () => new ArrayBuffer(0) },
      compressors: codecs,
      parsers: DEFAULT_PARSERS,
      utf8: false,
    } as unknown as Decoder;
  }

  /** @throws HeadgateError DATA_REJECTED, or an error of the decoder, for a page that can't be read */
  async next(): Promise<FlatPage | undefined> {
    while (this.#left > 0) {
      const { header, bytes } = await this.#page();
      if (header.type === 'DICTIONARY_PAGE') {
        this.dictionary = readPage(readerOf(bytes), header, this.#decoder, undefined, undefined, 0).data;
      } else if (header.type === 'DATA_PAGE' || header.type === 'DATA_PAGE_V2') {
        const page = this.#flat(header, bytes);
        if (page.rows > this.#left || page.rows === 0) throw damaged('a page has other rows than its row group');
        this.#left -= page.rows;
        return page;
      }
    }
    return undefined;
  }

  #flat(header: ReturnType<typeof parquetHeader>, bytes: Buffer): FlatPage {
    const v1 = header.data_page_header;
    const v2 = header.data_page_header_v2;
    const rows = Number((v1 ?? v2)?.num_values ?? 0);
    const encoding = (v1 ?? v2)?.encoding ?? '';
    const { definitionLevels, dataPage } = v1
      ? readDataPage(decompressPage(bytes, header.uncompressed_page_size, this.#decoder.codec, codecs), v1, this.#decoder)
      : readDataPageV2(bytes, header, this.#decoder);
    const isIndexed = encoding.endsWith('_DICTIONARY');
    if (isIndexed && !this.dictionary) throw damaged('a page needs a dictionary that is not there');
    const levels = this.#isOptional && definitionLevels && definitionLevels.length > 0 ? (definitionLevels as number[]) : undefined;
    return { rows, levels, values: dataPage, isIndexed };
  }

  /** The next page's header and bytes, packed. */
  async #page(): Promise<{ readonly header: ReturnType<typeof parquetHeader>; readonly bytes: Buffer }> {
    for (let window = FIRST_WINDOW; ; window *= 4) {
      if (this.#at >= this.#end) throw damaged('a column ends before its rows do');
      const to = Math.min(this.#end, this.#at + window);
      const begin = await this.#file.read(this.#at, to);
      const reader = readerOf(begin);
      let header: ReturnType<typeof parquetHeader>;
      try {
        header = headerOf(reader, begin);
      } catch (error) {
        if (error instanceof RangeError && to < this.#end && window < LONGEST_HEADER) continue;
        throw error;
      }
      checkSizes(header);
      const from = this.#at + reader.offset;
      const size = header.compressed_page_size;
      if (from + size > this.#end) throw damaged('a page is not within its column');
      this.#at = from + size;
      const there = begin.subarray(reader.offset, reader.offset + size);
      // A page of its own: what is read of it must not keep the window.
      return { header, bytes: there.length === size ? Buffer.from(there) : await this.#file.read(from, from + size) };
    }
  }
}

/** A column whose values come as they are stored: what they mean is looked at by us, exactly. */
export function plainElement<T extends object>(element: T): T {
  return { ...element, converted_type: undefined, logical_type: undefined };
}

export function readerOf(bytes: Buffer): { view: DataView<ArrayBuffer>; offset: number } {
  return { view: new DataView(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length), offset: 0 };
}

/** The header at the reader's place. @throws HeadgateError DATA_REJECTED for one with more parts than any has; an error of the decoder */
export function headerOf(reader: ReturnType<typeof readerOf>, bytes: Buffer): ReturnType<typeof parquetHeader> {
  checkThrift(bytes.subarray(reader.offset), MOST_HEADER_PARTS);
  return parquetHeader(reader);
}

/** @throws HeadgateError DATA_REJECTED for a page that takes more memory than one may, by what its header says. */
export function checkSizes(header: ReturnType<typeof parquetHeader>): void {
  const sizes = [header.compressed_page_size, header.uncompressed_page_size];
  if (!sizes.every((size) => Number.isInteger(size) && size >= 0)) throw damaged('the header of a page makes no sense');
  const { data_page_header: v1, data_page_header_v2: v2, dictionary_page_header: dictionary } = header;
  const values = Number((v1 ?? v2 ?? dictionary)?.num_values ?? 0);
  if (!(values >= 0)) throw damaged('the header of a page makes no sense');
  if (Math.max(...sizes) > MOST_PAGE_BYTES || values > MOST_PAGE_VALUES) {
    throw rejected(
      `A page of the Parquet file has more than ${MOST_PAGE_BYTES} bytes or ${MOST_PAGE_VALUES} values. Write it with smaller pages or row groups.`,
      { expected: MOST_PAGE_BYTES },
    );
  }
}
