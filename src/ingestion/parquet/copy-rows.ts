import type { FieldCipher } from '../../vault/index.js';
import type { ChunkPool } from '../chunk-pool.js';
import { rejected } from '../rejection.js';
import { ROW_ID_BYTES, type RowIds } from '../row-ids.js';
import { REFUSED_VALUE, type Sealer, type ToSeal } from '../sealer.js';
import { ColumnCursor } from './column-cursor.js';
import type { Encoder } from './entries.js';
import type { FileColumn } from './parquet-columns.js';
import type { Group, ParquetFile } from './parquet-file.js';

/** Rows that are put together at a time: what they take stays in the processor's cache. */
const BATCH_ROWS = 8192;
const SIGNATURE = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
const TRAILER = Buffer.from([0xff, 0xff]);
/** Columns before those of the file. */
export interface RowHead {
  readonly columns: number;
  /** Bytes, lengths included. */
  readonly size: number;
  /** @param number the row's, from 1 */
  readonly write: (out: Buffer, at: number, number: number) => void;
}

const NUMBER_SIZE = 12;

/** The row's number. */
export const NUMBER: RowHead = { columns: 1, size: NUMBER_SIZE, write: writeNumber };

/** The row's number as its position and as its line. */
export const NUMBER_TWICE: RowHead = {
  columns: 2,
  size: 2 * NUMBER_SIZE,
  write: (out, at, number) => {
    writeNumber(out, at, number);
    writeNumber(out, at + NUMBER_SIZE, number);
  },
};

/** The row's number, and a new id. */
export function numberAndId(ids: RowIds): RowHead {
  return {
    columns: 2,
    size: NUMBER_SIZE + 4 + ROW_ID_BYTES,
    write: (out, at, number) => {
      writeNumber(out, at, number);
      out.writeInt32BE(ROW_ID_BYTES, at + NUMBER_SIZE);
      ids.write(out, at + NUMBER_SIZE + 4);
    },
  };
}

export interface EncodedColumn extends FileColumn {
  readonly encoder: Encoder;
}

export interface CopyRowsOptions {
  readonly file: ParquetFile;
  readonly columns: readonly EncodedColumn[];
  readonly maxValueBytes: number;
  /** What a load may have, unpacked: a small file can be of many rows. */
  readonly maxBytes: number;
  readonly head: RowHead;
  /** Where the memory of what is yielded comes from, for who gives it back; else it is new. */
  readonly pool?: ChunkPool;
  /** The first row's number less one. */
  readonly before?: number;
  /** Of encrypted fields: what is encrypted never leaves this process plain. */
  readonly sealing?: ParquetSealing | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Compressed bytes that were read so far. */
  readonly onBytes?: (bytes: number) => void;
}

export interface ParquetSealing {
  readonly sealer: Sealer;
  readonly cipher: Pick<FieldCipher, 'seal'>;
}

/**
 * The rows of a file as PostgreSQL's binary COPY takes them. Column by column over some thousand rows at a time, with as little
 * work for each value as there can be: a value of a dictionary is encoded once.
 * @throws HeadgateError DATA_REJECTED for what can't be read, or is more than a load may have
 */
export async function* copyRows(options: CopyRowsOptions): AsyncGenerator<Buffer> {
  const { file, maxBytes, onBytes, signal } = options;
  yield SIGNATURE;
  let size = 0;
  let read = 0;
  for (const group of file.groups) {
    for await (const bytes of groupRows(group, options)) {
      signal?.throwIfAborted();
      size += bytes.length;
      if (size > maxBytes) throw tooMany(maxBytes);
      yield bytes;
    }
    read += group.group.columns.reduce((sum, { meta_data: data }) => sum + Number(data?.total_compressed_size ?? 0), 0);
    onBytes?.(read);
  }
  yield TRAILER;
}

async function* groupRows(group: Group, { file, columns, maxValueBytes, head, pool, before = 0, sealing }: CopyRowsOptions): AsyncGenerator<Buffer> {
  if (group.rows === 0) return;
  const cursors = openCursors(file, columns, group, maxValueBytes);
  const begin = 2 + head.size;
  const fields = columns.length + head.columns;
  try {
    for (let done = 0; done < group.rows;) {
      const count = await rowsAtOnce(cursors, group.rows - done);
      const sealed = sealing ? await sealedTexts(sealing, columns, cursors, count) : undefined;
      const sizes = new Uint32Array(count).fill(begin);
      cursors.forEach((cursor, i) => addSizes(cursor, sealed?.[i], sizes, count));
      const places = new Uint32Array(count);
      let size = 0;
      for (let row = 0; row < count; row += 1) {
        const bytes = sizes[row] as number;
        if (bytes > maxValueBytes) throw tooLong(group.start + done + row + 1, maxValueBytes);
        places[row] = size;
        size += bytes;
      }
      const out = pool ? pool.take(size).subarray(0, size) : Buffer.allocUnsafeSlow(size);
      for (let row = 0; row < count; row += 1) {
        const at = places[row] as number;
        out.writeInt16BE(fields, at);
        head.write(out, at + 2, before + group.start + done + row + 1);
        places[row] = at + begin;
      }
      cursors.forEach((cursor, i) => write(cursor, sealed?.[i], out, places, count));
      yield out;
      done += count;
    }
  } finally {
    for (const cursor of cursors) await cursor.close();
  }
}

export function openCursors(file: ParquetFile, columns: readonly EncodedColumn[], { group }: Group, maxValueBytes: number): ColumnCursor[] {
  return columns.map(({ column, encoder }) => new ColumnCursor(file, column, group, encoder, { column: column.name, maxValueBytes }));
}

export async function rowsAtOnce(cursors: readonly ColumnCursor[], left: number): Promise<number> {
  let count = Math.min(left, BATCH_ROWS);
  for (const cursor of cursors) count = Math.min(count, await cursor.fill());
  return count;
}

/** For each column with an encrypted field what is written instead of its values. */
export async function sealedTexts(
  { sealer, cipher }: ParquetSealing,
  columns: readonly EncodedColumn[],
  cursors: readonly ColumnCursor[],
  count: number,
): Promise<((Buffer | null)[] | undefined)[]> {
  const subjectAt = columns.findIndex(({ field }) => field !== undefined && field.name === sealer.subject);
  const subjects = cursors[subjectAt]?.texts(count);
  const taken = columns.map(({ field }, i) => {
    if (!field || !sealer.fields.has(field.name)) return undefined;
    return cursors[i]?.texts(count).map((text, row) => (text === null ? null : sealer.toSeal(field.name, subjects?.[row] ?? null, text)));
  });
  const values = taken.flatMap((column) => column?.filter((value): value is ToSeal => value !== null && !Buffer.isBuffer(value)) ?? []);
  const envelopes = await cipher.seal(values);
  let next = 0;
  return taken.map((column) => column?.map((value) => (value === null || Buffer.isBuffer(value) ? value : Buffer.from(envelopes[next++] ?? REFUSED_VALUE))));
}

function addSizes(cursor: ColumnCursor, sealed: readonly (Buffer | null)[] | undefined, sizes: Uint32Array, count: number): void {
  if (!sealed) return cursor.addSizes(sizes, count);
  sealed.forEach((value, row) => {
    sizes[row] = (sizes[row] as number) + 4 + (value?.length ?? 0);
  });
}

function write(cursor: ColumnCursor, sealed: readonly (Buffer | null)[] | undefined, out: Buffer, places: Uint32Array, count: number): void {
  if (!sealed) return cursor.write(out, places, count);
  cursor.skip(count);
  sealed.forEach((value, row) => {
    const at = places[row] as number;
    out.writeInt32BE(value?.length ?? -1, at);
    if (value) out.set(value, at + 4);
    places[row] = at + 4 + (value?.length ?? 0);
  });
}

function writeNumber(out: Buffer, at: number, number: number): void {
  out.writeInt32BE(8, at);
  out.writeInt32BE(Math.floor(number / 0x1_0000_0000), at + 4);
  out.writeUInt32BE(number % 0x1_0000_0000, at + 8);
}

function tooLong(row: number, most: number): Error {
  return rejected(`The row ${row} is longer than the ${most} bytes that a row or a value may have (HEADGATE_MAX_VALUE_BYTES).`, { line: row, expected: most });
}

function tooMany(most: number): Error {
  return rejected(`The content is larger than the ${most} bytes that one load may have, unpacked. Split it, or raise HEADGATE_MAX_UPLOAD_BYTES.`, {
    expected: most,
  });
}
