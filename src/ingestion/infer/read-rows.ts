import type { Readable } from 'node:stream';
import { CsvRecords, fieldsOf } from '../csv-records.js';
import type { Dialect, DialectRequest } from '../dialect/dialect.js';
import { delimiterByte, isCsv, readText } from '../dialect/read-dialect.js';
import type { Format } from '../format.js';
import { membersOf } from '../json-members.js';
import { NdjsonRows } from '../json-lines.js';
import { JsonRows } from '../json-rows.js';
import { rejected } from '../rejection.js';
import { StreamBytes } from '../stream-bytes.js';
import { TextBlocks } from '../text-blocks.js';
import { unpacked, type Packing } from '../unpack.js';
import type { Cell } from './column-profile.js';

export interface RowSource {
  readonly stream: Readable;
  readonly format: Format;
  readonly packing: Packing | undefined;
  readonly dialect: DialectRequest;
  readonly maxValueBytes: number;
}

/** Told once what is known before the first row, and then of each row. Returning false ends the reading. */
export interface RowVisitor {
  columns(names: readonly string[], dialect: Dialect): void;
  row(cells: Iterable<readonly [name: string, cell: Cell | null]>): boolean;
}

/**
 * Reads the rows of a text. Returns whether it came to the end.
 * @throws HeadgateError DATA_REJECTED with a line where a load would be refused as well
 */
export async function readRows(source: RowSource, visitor: RowVisitor): Promise<boolean> {
  const { content, dialect } = await readText(unpacked(source.stream, source.packing), source.format, source.dialect);
  try {
    return await (isCsv(source.format) ? readCsv(content, dialect, source, visitor) : readJson(content, dialect, source, visitor));
  } finally {
    source.stream.destroy();
  }
}

async function readCsv(content: AsyncIterable<Buffer>, dialect: Dialect, { format, maxValueBytes }: RowSource, visitor: RowVisitor): Promise<boolean> {
  const delimiter = delimiterByte(format, dialect);
  const blocks = new TextBlocks(async () => new StreamBytes(content), maxValueBytes);
  const records = new CsvRecords({ delimiter });
  let names: readonly string[] | undefined;
  let isStopped = false;
  let isFirst = true;
  const reading = blocks.read<true>(
    ({ bytes, last }) => {
      const begin = isFirst && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
      isFirst = false;
      const text = bytes.subarray(begin);
      const used = records.scan(text, last, ({ start, end, line }) => {
        const values = fieldsOf(text.subarray(start, end), delimiter);
        if (!names) {
          names = dialect.header === false ? values.map((_, i) => `column_${i + 1}`) : values.map((name, i) => (name ?? '').trim() || `column_${i + 1}`);
          visitor.columns(names, dialect);
          if (dialect.header !== false) return true;
        }
        const columns = names;
        if (values.length !== columns.length) {
          throw rejected(`The line has ${values.length} fields; the first has ${columns.length}. (line ${line})`, {
            line,
            expected: columns.length,
            actual: values.length,
          });
        }
        isStopped = !visitor.row(columns.map((name, i) => [name, cellOf(values[i] ?? null)] as const));
        return !isStopped;
      });
      return { used: begin + used, out: [true] };
    },
    () => records.line,
  );
  for await (const _ of reading) if (isStopped) return false;
  if (!names) throw rejected('The file is empty. Expected a header and rows.');
  return true;
}

function cellOf(text: string | null): Cell | null {
  return text === null ? null : { kind: 'text', text };
}

async function readJson(content: AsyncIterable<Buffer>, dialect: Dialect, { format, maxValueBytes }: RowSource, visitor: RowVisitor): Promise<boolean> {
  const blocks = new TextBlocks(async () => new StreamBytes(content), maxValueBytes);
  const rows = format === 'json' ? new JsonRows() : new NdjsonRows();
  visitor.columns([], dialect);
  let isStopped = false;
  const reading = blocks.read<true>(
    ({ bytes, last }) => {
      const used = rows.scan(bytes, last, (_position, line, from, to) => {
        if (isStopped) return;
        const text = bytes.toString('utf8', from, to);
        const members = membersOf(text);
        if (!members) throw rejected(`The row at line ${line} is not a JSON object.`, { line });
        isStopped = !visitor.row(members.map(({ name, from: start, to: end }) => [name, jsonCell(text.slice(start, end))] as const));
      });
      return { used, out: [true] };
    },
    () => rows.line,
  );
  for await (const _ of reading) if (isStopped) return false;
  rows.end();
  return true;
}

function jsonCell(written: string): Cell | null {
  const first = written[0];
  if (first === 'n') return null;
  if (first === '"') return { kind: 'string', text: JSON.parse(written) as string };
  if (first === '{' || first === '[') return { kind: 'nested', text: written };
  return { kind: first === 't' || first === 'f' ? 'boolean' : 'number', text: written };
}
