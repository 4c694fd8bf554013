import { open, type FileHandle } from 'node:fs/promises';
import { parquetMetadataAsync, parquetSchema, type FileMetaData, type RowGroup, type SchemaTree } from 'hyparquet';
import { rejected } from '../rejection.js';
import type { Spooled } from '../spool.js';
import { isKnownCodec } from './codecs.js';
import { damaged } from './damage.js';
import { leafKind, type LeafKind } from './leaf-kind.js';
import { checkThrift } from './thrift-bounds.js';

const MAGIC = 'PAR1';
const ENCRYPTED = 'PARE';
/** Magic, a footer of nothing, its length, magic. */
const SHORTEST = 12;
const MOST_FOOTER_BYTES = 512 * 1024 * 1024;
/** Fields and members of lists that a footer may have. A column in a row group has about 25; each takes some 200 bytes of memory. */
const MOST_FOOTER_PARTS = 5_000_000;

/** Where a Parquet file is: a file of its own, or a stretch of one. */
export interface ParquetPlace extends Pick<Spooled, 'path' | 'veil'> {
  readonly offset?: number;
  readonly bytes?: number;
}

/** A column of the table that a Parquet file is: a leaf, or what is built of several. */
export interface ParquetColumn {
  readonly name: string;
  readonly tree: SchemaTree;
  /** Of a plain column, and of a list of plain values that of its items; undefined for what is nested otherwise. */
  readonly leaf: LeafKind | undefined;
  readonly isList: boolean;
}

/** A stretch of rows that a file holds together. */
export interface Group {
  /** Rows before it. */
  readonly start: number;
  readonly rows: number;
  readonly group: RowGroup;
}

/** A Parquet file on the disk: what its footer says, checked against what is there, and its bytes. */
export class ParquetFile {
  readonly columns: readonly ParquetColumn[];
  readonly groups: readonly Group[];
  readonly rows: number;
  readonly schema: SchemaTree;
  readonly #handle: FileHandle;
  readonly #spooled: ParquetPlace;

  private constructor(handle: FileHandle, spooled: ParquetPlace, metadata: FileMetaData) {
    this.#handle = handle;
    this.#spooled = spooled;
    this.schema = parquetSchema(metadata);
    this.columns = this.schema.children.map(columnOf);
    let start = 0;
    this.groups = metadata.row_groups.map((group) => {
      const rows = Number(group.num_rows);
      const found = { start, rows, group };
      start += rows;
      return found;
    });
    this.rows = start;
  }

  /**
   * Opens the file and reads its footer; whoever is done closes it.
   * @throws HeadgateError DATA_REJECTED when it is no Parquet file, is cut off, damaged or encrypted.
   */
  static async open(spooled: ParquetPlace): Promise<ParquetFile> {
    const handle = await open(spooled.path, 'r');
    try {
      const size = spooled.bytes ?? (await handle.stat()).size;
      const read = (from: number, to = size) => readAt(handle, spooled, from, to);
      if (size === 0) throw rejected('The file is empty. Expected Parquet.');
      const begin = (await read(0, Math.min(4, size))).toString('latin1');
      const end = (await read(Math.max(0, size - 4))).toString('latin1');
      if (begin === ENCRYPTED || end === ENCRYPTED) throw encrypted();
      if (begin !== MAGIC) throw rejected('The file is not Parquet: it does not begin like it. Name its format, such as csv, or send Parquet.');
      if (size < SHORTEST || end !== MAGIC)
        throw rejected('The Parquet file is cut off: its end, which says where everything is, is missing. Send the whole file.');
      const footer = (await read(size - 8, size - 4)).readUInt32LE(0);
      if (footer > size - SHORTEST || footer > MOST_FOOTER_BYTES) throw damaged('its footer is longer than the file');
      checkFooter(await read(size - 8 - footer, size - 8));
      const metadata = await metadataOf(size, read);
      check(metadata, size);
      return new ParquetFile(handle, spooled, metadata);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The bytes from one place to another. */
  async read(from: number, to: number): Promise<Buffer> {
    return readAt(this.#handle, this.#spooled, from, to);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

async function readAt(handle: FileHandle, { veil, offset = 0 }: ParquetPlace, from: number, to: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(to - from);
  for (let filled = 0; filled < bytes.length;) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, offset + from + filled);
    if (bytesRead === 0) throw new Error('the spooled file became shorter');
    filled += bytesRead;
  }
  return veil ? veil.shown(bytes, offset + from) : bytes;
}

function checkFooter(bytes: Buffer): void {
  try {
    checkThrift(bytes, MOST_FOOTER_PARTS);
  } catch (error) {
    throw error instanceof RangeError ? damaged('its footer can not be read', {}, error) : error;
  }
}

async function metadataOf(size: number, read: (from: number, to?: number) => Promise<Buffer>): Promise<FileMetaData> {
  const slice = async (from: number, to?: number): Promise<ArrayBuffer> => {
    const bytes = await read(from, to);
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  };
  try {
    const metadata = await parquetMetadataAsync({ byteLength: size, slice }, { geoparquet: false });
    // Statistics are of no use here, and can be most of a footer.
    for (const { columns } of metadata.row_groups) for (const { meta_data: data } of columns) if (data) delete data.statistics;
    return metadata;
  } catch (error) {
    throw damaged('its footer can not be read', {}, error);
  }
}

/** Whether what the footer says can be: a reader believes it. */
function check(metadata: FileMetaData, size: number): void {
  const [root, ...rest] = metadata.schema;
  if (!root?.num_children || rest.length < root.num_children) throw rejected('The Parquet file has no columns.');
  const leaves = rest.filter(({ num_children: children }) => !children).length;
  let rows = 0;
  for (const { columns, num_rows: count } of metadata.row_groups) {
    if (columns.length !== leaves || count < 0 || count > Number.MAX_SAFE_INTEGER) throw damaged('a row group is not of its columns');
    rows += Number(count);
    for (const { meta_data: data, file_path: path, ...chunk } of columns) {
      if (path) throw rejected('The Parquet file keeps its columns in other files. Write it as one file.');
      if (!data || ('crypto_metadata' in chunk && chunk.crypto_metadata !== undefined)) throw encrypted();
      if (!isKnownCodec(data.codec))
        throw rejected(`The Parquet file is packed with ${String(data.codec)}, which this version does not read. Use zstd, snappy or gzip.`);
      const start = chunkStart(data);
      if (start < 4 || data.total_compressed_size < 0 || start + Number(data.total_compressed_size) > size) throw damaged('a column is not within the file');
    }
  }
  if (rows !== Number(metadata.num_rows)) throw damaged('its rows do not add up');
}

/** Where the pages of a column of a row group begin. */
export function chunkStart(data: NonNullable<RowGroup['columns'][number]['meta_data']>): number {
  const { dictionary_page_offset: dictionary, data_page_offset: pages } = data;
  return Number(dictionary && dictionary < pages ? dictionary : pages);
}

function columnOf(tree: SchemaTree): ParquetColumn {
  const { element, children } = tree;
  const name = element.name;
  if (children.length === 0) return { name, tree, leaf: leafKind(element), isList: element.repetition_type === 'REPEATED' };
  const [list] = children;
  const item = element.converted_type === 'LIST' || element.logical_type?.type === 'LIST' ? (list?.children.length === 1 ? list.children[0] : list) : undefined;
  const isPlain = children.length === 1 && item?.children.length === 0;
  return { name, tree, leaf: isPlain ? leafKind(item.element) : undefined, isList: isPlain };
}

function encrypted(): Error {
  return rejected('The Parquet file is encrypted. Write it without encryption.');
}
