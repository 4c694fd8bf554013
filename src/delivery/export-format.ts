import type { RowShape } from '../access/index.js';
import type { Field } from '../catalog/index.js';
import { jsonFile } from './json-file.js';
import { parquetFile } from './parquet-file.js';

/** A kind of file: how its rows leave the database, and what is made of them. */
interface FileKind {
  readonly shape: RowShape;
  readonly contentType: string;
  /** The file's bytes from what COPY gives; absent where that is the file. */
  readonly write?: (rows: AsyncIterable<Buffer>, fields: readonly Field[]) => AsyncIterable<Buffer>;
}

export type ExportFormat = 'csv' | 'ndjson' | 'json' | 'parquet';

export const EXPORT_FORMATS: Readonly<Record<ExportFormat, FileKind>> = {
  csv: { shape: 'columns', contentType: 'text/csv; charset=utf-8; header=present' },
  ndjson: { shape: 'object', contentType: 'application/x-ndjson; charset=utf-8' },
  json: { shape: 'element', contentType: 'application/json; charset=utf-8', write: jsonFile },
  parquet: { shape: 'tuple', contentType: 'application/vnd.apache.parquet', write: parquetFile },
};
