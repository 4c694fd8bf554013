import { ByteWriter, ParquetWriter, type SchemaElement } from 'hyparquet-writer';
import type { Database } from '../store/index.js';
import { canonicalEntry, type EntryText } from './chain.js';
import { sealedPages, type AuditRange } from './export.js';

type Leaf = Omit<SchemaElement, 'name' | 'repetition_type'>;

const TEXT: Leaf = { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } };
const JSON_TEXT: Leaf = { type: 'BYTE_ARRAY', logical_type: { type: 'JSON' } };
const LONG: Leaf = { type: 'INT64' };
const TIME: Leaf = { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' } };
const DOUBLE: Leaf = { type: 'DOUBLE' };

interface Column {
  readonly name: string;
  readonly leaf: Leaf;
  readonly isList?: boolean;
  readonly read: (entry: EntryText) => unknown;
}

const long = (value: string | null) => (value === null ? null : BigInt(value));
const texts = (value: string) => JSON.parse(value) as unknown;

/** Named as in GraphQL; `canonical` is what was hashed behind `prevHash`, so that the chain can be computed from the file. */
const COLUMNS: readonly Column[] = [
  { name: 'seq', leaf: LONG, read: (entry) => long(entry[14]) },
  { name: 'id', leaf: TEXT, read: (entry) => entry[0] },
  { name: 'at', leaf: TIME, read: (entry) => BigInt(Date.parse(entry[1].replace(' ', 'T').replace(/\+00$/, 'Z'))) },
  { name: 'principal', leaf: TEXT, read: (entry) => entry[2] },
  { name: 'roles', leaf: TEXT, isList: true, read: (entry) => texts(entry[3]) },
  { name: 'purpose', leaf: TEXT, read: (entry) => entry[4] },
  { name: 'action', leaf: TEXT, read: (entry) => entry[5] },
  { name: 'dataset', leaf: TEXT, read: (entry) => entry[6] },
  { name: 'fields', leaf: TEXT, isList: true, read: (entry) => texts(entry[7]) },
  { name: 'masked', leaf: TEXT, isList: true, read: (entry) => texts(entry[8]) },
  { name: 'decision', leaf: TEXT, read: (entry) => entry[9] },
  { name: 'rowCount', leaf: LONG, read: (entry) => long(entry[10]) },
  { name: 'operationHash', leaf: TEXT, read: (entry) => entry[11] },
  { name: 'durationMs', leaf: DOUBLE, read: (entry) => (entry[12] === null ? null : Number(entry[12])) },
  { name: 'details', leaf: JSON_TEXT, read: (entry) => entry[13] },
  { name: 'prevHash', leaf: TEXT, read: (entry) => entry[15] },
  { name: 'hash', leaf: TEXT, read: (entry) => entry[16] },
  { name: 'canonical', leaf: TEXT, read: (entry) => canonicalEntry(entry, entry[14] ?? '') },
];

function schemaOf({ name, leaf, isList }: Column): SchemaElement[] {
  if (!isList) return [{ ...leaf, name, repetition_type: 'OPTIONAL' }];
  return [
    { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { ...leaf, name: 'element', repetition_type: 'OPTIONAL' },
  ];
}

/** The sealed entries as a Parquet file in the order of `seq`. One group of rows is in memory at a time. */
export async function* auditParquet(database: Database, range: Partial<AuditRange>): AsyncGenerator<Buffer> {
  const writer = new ByteWriter();
  const file = new ParquetWriter({ writer, schema: [{ name: 'root', num_children: COLUMNS.length }, ...COLUMNS.flatMap(schemaOf)], createdBy: 'headgate' });
  const write = async (entries: readonly EntryText[]): Promise<Buffer> => {
    const columnData = COLUMNS.map((column) => ({ name: column.name, data: entries.map(column.read), statistics: column.name === 'seq', offsetIndex: false }));
    await file.write({ columnData, rowGroupSize: entries.length });
    return taken(writer);
  };
  let group: EntryText[] = [];
  for await (const entries of sealedPages(database, range)) {
    group.push(...entries);
    if (group.length < GROUP) continue;
    yield await write(group);
    group = [];
  }
  if (group.length > 0) yield await write(group);
  await file.finish();
  yield taken(writer);
}

const GROUP = 10_000;

/** What was written so far; the writer goes on with an empty buffer. */
function taken(writer: ByteWriter): Buffer {
  const bytes = Buffer.from(writer.getBytes());
  writer.index = 0;
  return bytes;
}
