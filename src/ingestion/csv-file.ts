import { open } from 'node:fs/promises';
import type { Dataset, Field } from '../catalog/index.js';
import { headerOf, type CsvHeader } from './csv-header.js';
import { CsvRecords, type CsvRecord, type Shape } from './csv-records.js';
import type { SourceColumn } from './source-columns.js';
import { TextBlocks } from './text-blocks.js';

export interface CsvFileOptions {
  readonly path: string;
  readonly delimiter: number;
  /** False: the first line is a row. */
  readonly header?: boolean | undefined;
  readonly dataset: Dataset;
  readonly maxValueBytes: number;
}

/** Called for each record of a block, which begins at `offset` of the file. The record is the same object each time. */
export type RecordVisitor = (record: CsvRecord, bytes: Buffer, offset: number) => void;

/** A spooled CSV file: its header, and its records block by block. */
export class CsvFile {
  readonly #options: CsvFileOptions;
  #header: CsvHeader | undefined;

  constructor(options: CsvFileOptions) {
    this.#options = options;
  }

  /** The columns in the file's order; known once the first block was read. */
  async columns(): Promise<readonly SourceColumn[]> {
    if (this.#header) return this.#header.columns;
    const { path, maxValueBytes } = this.#options;
    const blocks = new TextBlocks(path, maxValueBytes);
    let header: CsvHeader | undefined;
    const reading = blocks.read(
      ({ bytes, last }) => {
        header = headerOf(bytes, last, this.#options);
        return { used: 0, out: header ? [header] : [] };
      },
      () => 1,
    );
    for await (const found of reading) {
      this.#header = found;
      return found.columns;
    }
    // A file without a byte has no block.
    headerOf(Buffer.alloc(0), true, this.#options);
    return [];
  }

  /** The fields of a file whose columns are all in the contract. */
  async fields(): Promise<readonly Field[]> {
    return (await this.columns()).flatMap(({ field }) => field ?? []);
  }

  /**
   * Visits each record in order; after each block `flush` says what to give on. Its bytes are written over afterwards.
   * `shapes` are in the file's order of columns.
   */
  async *records(
    shapes: readonly (Shape | undefined)[],
    visit: RecordVisitor,
    flush: () => readonly Buffer[],
    onBytes?: (bytes: number) => void,
  ): AsyncGenerator<Buffer> {
    const { length: columns } = await this.columns();
    const header = this.#header;
    if (!header) return;
    const { path, delimiter, maxValueBytes } = this.#options;
    const scanner = new CsvRecords({ delimiter, columns, shapes, line: header.line });
    const blocks = new TextBlocks(path, maxValueBytes, { reused: true });
    let skip = header.bytes;
    const reading = blocks.read(
      ({ bytes, last }) => {
        const begin = skip;
        const rows = begin > 0 ? bytes.subarray(begin) : bytes;
        // The header is whole within the first blocks, which `fields` has seen; a block may still end inside it.
        if (rows.length === 0 && begin > bytes.length) return { used: 0, out: [] };
        skip = 0;
        const offset = blocks.consumed + begin;
        const used = scanner.scan(rows, last, (record) => visit(record, rows, offset));
        return { used: begin + used, out: flush() };
      },
      () => scanner.line,
    );
    for await (const out of reading) {
      yield out;
      onBytes?.(blocks.consumed);
    }
  }

  /** Visits the records between two places at which records begin; undefined is the end. They were read before, and are good. */
  async visit(from: { readonly offset: number; readonly line: number }, to: number | undefined, visitor: RecordVisitor): Promise<void> {
    const { path, delimiter } = this.#options;
    const file = await open(path, 'r');
    try {
      const end = to ?? (await file.stat()).size;
      const bytes = Buffer.allocUnsafe(end - from.offset);
      for (let filled = 0; filled < bytes.length;) {
        const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, from.offset + filled);
        if (bytesRead === 0) throw new Error('the spooled file became shorter');
        filled += bytesRead;
      }
      new CsvRecords({ delimiter, line: from.line }).scan(bytes, true, (record) => visitor(record, bytes, from.offset));
    } finally {
      await file.close();
    }
  }
}
