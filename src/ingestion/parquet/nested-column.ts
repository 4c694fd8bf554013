import type { RowGroup, SchemaTree } from 'hyparquet';
import { assembleNested } from 'hyparquet/src/assemble.js';
import { readColumn } from 'hyparquet/src/column.js';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { getTreePath } from 'hyparquet/src/schema.js';
import { rejected } from '../rejection.js';
import { codecs } from './codecs.js';
import { damaged } from './damage.js';
import { valueText } from './entries.js';
import { leafKind, type LeafKind } from './leaf-kind.js';
import type { StoredValue } from './leaf-text.js';
import { checkSizes, headerOf, plainElement, readerOf } from './page-reader.js';
import { chunkStart, type ParquetFile } from './parquet-file.js';

type Decoder = Parameters<typeof readColumn>[2];

/** What a column that is built of others may unpack to in one row group: its rows are built all at once. */
const MOST_NESTED_BYTES = 256 * 1024 * 1024;
const MOST_NESTED_VALUES = 16 * 1024 * 1024;

/** JSON.rawJSON keeps a number as it is written: a decimal of 30 digits is not a double. */
declare global {
  interface JSON {
    rawJSON(text: string): unknown;
  }
}

/**
 * The rows of a list, struct or map in one row group, each as JSON; null where there is none.
 * @throws HeadgateError DATA_REJECTED, or an error of the decoder, for pages that can't be read or are too many for the memory
 */
export async function nestedTexts(file: ParquetFile, tree: SchemaTree, group: RowGroup): Promise<(string | null)[]> {
  const rows = Number(group.num_rows);
  const columns = group.columns.filter(({ meta_data: data }) => data?.path_in_schema[0] === tree.element.name);
  const size = columns.reduce((sum, { meta_data: data }) => sum + Number(data?.total_uncompressed_size ?? 0), 0);
  const count = columns.reduce((sum, { meta_data: data }) => sum + Number(data?.num_values ?? 0), 0);
  if (size > MOST_NESTED_BYTES || count > MOST_NESTED_VALUES) throw tooLarge(tree.element.name);
  const leaves = new Map<string, ArrayLike<unknown>>();
  for (const column of columns) {
    const { meta_data: data } = column;
    if (!data) throw damaged('a column has no pages');
    const start = chunkStart(data);
    const bytes = await file.read(start, start + Number(data.total_compressed_size));
    checkPages(bytes, tree.element.name);
    const schemaPath = getTreePath(file.schema, data.path_in_schema);
    const leaf = schemaPath.at(-1);
    if (!leaf) throw damaged('a column is not in the schema');
    const kind = leafKind(leaf.element);
    if (kind.kind === 'other') throw unknownKind(tree.element.name, kind);
    const decoder = {
      ...data,
      pathInSchema: data.path_in_schema,
      element: plainElement(leaf.element),
      schemaPath,
      compressors: codecs,
      parsers: { ...DEFAULT_PARSERS, timestampFromNanoseconds: (nanos: bigint) => nanos },
      utf8: false,
    };
    const read = readColumn(readerOf(bytes), { groupStart: 0, selectStart: 0, selectEnd: rows, groupRows: rows }, decoder as unknown as Decoder);
    const json = jsonOf(kind);
    leaves.set(
      data.path_in_schema.join('.'),
      read.data.flatMap((page) => Array.from(page as ArrayLike<unknown>, (value) => deep(value, json))),
    );
  }
  assembleNested(leaves as Parameters<typeof assembleNested>[0], tree, DEFAULT_PARSERS);
  const values = leaves.get(tree.element.name);
  if (values?.length !== rows) throw damaged('a column has other rows than its row group');
  return Array.from(values, (value) => (value === null || value === undefined ? null : JSON.stringify(value)));
}

/** Pages say what they unpack to, one by one: the whole may lie. */
function checkPages(bytes: Buffer, column: string): void {
  const reader = readerOf(bytes);
  let size = 0;
  let values = 0;
  while (reader.offset < bytes.length - 1) {
    const header = headerOf(reader, bytes);
    checkSizes(header);
    size += header.uncompressed_page_size;
    values += Number(header.data_page_header?.num_values ?? header.data_page_header_v2?.num_values ?? header.dictionary_page_header?.num_values ?? 0);
    if (size > MOST_NESTED_BYTES || values > MOST_NESTED_VALUES) throw tooLarge(column);
    reader.offset += header.compressed_page_size;
  }
}

function tooLarge(column: string): Error {
  return rejected(
    `The column "${column.slice(0, 80)}" has more than ${MOST_NESTED_BYTES} bytes or ${MOST_NESTED_VALUES} values in one row group. Write the file with smaller row groups.`,
    { field: column.slice(0, 80), expected: MOST_NESTED_BYTES },
  );
}

export function unknownKind(column: string, kind: Extract<LeafKind, { kind: 'other' }>): Error {
  return rejected(`The column "${column.slice(0, 80)}" is of the type ${kind.name}, for which there is none here. Write it as text, or leave it out.`, {
    field: column.slice(0, 80),
  });
}

function deep(value: unknown, json: (value: StoredValue) => unknown): unknown {
  if (value === null || value === undefined) return null;
  return Array.isArray(value) ? value.map((inner) => deep(inner, json)) : json(value as StoredValue);
}

function jsonOf(kind: LeafKind): (value: StoredValue) => unknown {
  const text = valueText(kind);
  switch (kind.kind) {
    case 'boolean':
      return (value) => value;
    case 'int32':
    case 'uint32':
    case 'int64':
    case 'uint64':
    case 'decimal':
      return (value) => JSON.rawJSON(text(value));
    case 'float16':
    case 'float32':
    case 'float64':
      // JSON has no other numbers.
      return (value) => (Number.isFinite(Number(text(value))) ? JSON.rawJSON(text(value)) : null);
    default:
      return text;
  }
}
