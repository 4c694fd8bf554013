import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { Field } from '../catalog/index.js';
import { parquetColumn } from './parquet-column.js';

/**
 * Rows that a row group holds at the most, and characters of their JSON. A group is in memory as a whole, and is written in
 * one go, while nobody else is served; of each one that was written a few numbers for each column stay until the end.
 */
const GROUP_ROWS = 10_000;
const GROUP_CHARACTERS = 4 * 1024 * 1024;

/** A Parquet file of rows that come as lines of JSON tuples, group by group. */
export async function* parquetFile(rows: AsyncIterable<Buffer>, fields: readonly Field[]): AsyncGenerator<Buffer> {
  const columns = fields.map(parquetColumn);
  const writer = new ByteWriter();
  const schema = [{ name: 'root', num_children: columns.length }, ...columns.flatMap((column) => column.schema)];
  const file = new ParquetWriter({ writer, schema, createdBy: 'headgate' });
  for await (const group of groupsOf(rows)) {
    const columnData = columns.map(({ schema: [{ name }], read, hasStatistics }, i) => ({
      name,
      data: group.map((row) => read(row[i])),
      statistics: hasStatistics,
      offsetIndex: false,
    }));
    await file.write({ columnData, rowGroupSize: group.length });
    yield taken(writer);
  }
  await file.finish();
  yield taken(writer);
}

/** What was written so far; the writer goes on with an empty buffer. */
function taken(writer: ByteWriter): Buffer {
  const bytes = Buffer.from(writer.getBytes());
  writer.index = 0;
  return bytes;
}

async function* groupsOf(rows: AsyncIterable<Buffer>): AsyncGenerator<unknown[][]> {
  let group: unknown[][] = [];
  let characters = 0;
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of rows) {
    const text = rest + decoder.decode(chunk, { stream: true });
    const end = text.lastIndexOf('\n');
    rest = text.slice(end + 1);
    if (end < 0) continue;
    // All of its lines at once: they hold no line break of their own.
    for (const row of JSON.parse(`[${text.slice(0, end).replaceAll('\n', ',')}]`) as unknown[][]) group.push(row);
    characters += end;
    if (group.length < GROUP_ROWS && characters < GROUP_CHARACTERS) continue;
    yield group;
    group = [];
    characters = 0;
  }
  if (group.length > 0) yield group;
}
