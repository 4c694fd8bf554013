import type { Dataset, Field } from '../catalog/index.js';
import { readHeader, type CsvHeader } from './csv-header.js';
import { CsvRecords, type CsvRecord, type Shape } from './csv-records.js';
import { TextBlocks } from './text-blocks.js';

export interface CsvFileOptions {
  readonly path: string;
  readonly delimiter: number;
  readonly dataset: Dataset;
  readonly maxValueBytes: number;
}

/** Called for each record of a block. The record is the same object each time. */
export type RecordVisitor = (record: CsvRecord, bytes: Buffer) => void;

/** A spooled CSV file: its header, and its records block by block. */
export class CsvFile {
  readonly #options: CsvFileOptions;
  #header: CsvHeader | undefined;

  constructor(options: CsvFileOptions) {
    this.#options = options;
  }

  /** The columns in the file's order; known once the first block was read. */
  async fields(): Promise<readonly Field[]> {
    if (this.#header) return this.#header.fields;
    const { path, delimiter, dataset, maxValueBytes } = this.#options;
    const blocks = new TextBlocks(path, maxValueBytes);
    let header: CsvHeader | undefined;
    const reading = blocks.read(
      ({ bytes, last }) => {
        header = readHeader(bytes, last, delimiter, dataset);
        return { used: 0, out: header ? [header] : [] };
      },
      () => 1,
    );
    for await (const found of reading) {
      this.#header = found;
      return found.fields;
    }
    // A file without a byte has no block.
    readHeader(Buffer.alloc(0), true, delimiter, dataset);
    return [];
  }

  /**
   * Visits each record in order; after each block `flush` says what to give on; the records of
   * the block are its bytes up to `end`.
   * `shapes` are in the file's order of columns.
   */
  async *records(
    shapes: readonly (Shape | undefined)[],
    visit: RecordVisitor,
    flush: (bytes: Buffer, end: number) => readonly Buffer[],
    onBytes?: (bytes: number) => void,
  ): AsyncGenerator<Buffer> {
    const fields = await this.fields();
    const header = this.#header;
    if (!header) return;
    const { path, delimiter, maxValueBytes } = this.#options;
    const scanner = new CsvRecords({ delimiter, columns: fields.length, shapes, line: header.line });
    const blocks = new TextBlocks(path, maxValueBytes);
    let skip = header.bytes;
    const reading = blocks.read(
      ({ bytes, last }) => {
        const begin = skip;
        const rows = begin > 0 ? bytes.subarray(begin) : bytes;
        // The header is whole within the first blocks, which `fields` has seen; a block may still end inside it.
        if (rows.length === 0 && begin > bytes.length) return { used: 0, out: [] };
        skip = 0;
        const used = scanner.scan(rows, last, (record) => visit(record, rows));
        return { used: begin + used, out: flush(rows, used) };
      },
      () => scanner.line,
    );
    for await (const out of reading) {
      yield out;
      onBytes?.(blocks.consumed);
    }
  }
}
