import { HeadgateError } from '../kernel/index.js';

export const FORMATS = ['csv', 'tsv', 'ndjson', 'json', 'parquet'] as const;
export type Format = (typeof FORMATS)[number];

const BY_EXTENSION: Readonly<Record<string, Format>> = {
  csv: 'csv',
  tsv: 'tsv',
  tab: 'tsv',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  json: 'json',
  parquet: 'parquet',
};

const BY_CONTENT_TYPE: Readonly<Record<string, Format>> = {
  'text/csv': 'csv',
  'application/csv': 'csv',
  'text/tab-separated-values': 'tsv',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
  'application/json': 'json',
  'application/vnd.apache.parquet': 'parquet',
};

/**
 * What the bytes are: as said, or else by content type, or else by the file's extension (a `.gz` or `.zst` behind it is ignored).
 * @throws HeadgateError BAD_USER_INPUT when none of them tells, or one names a format that is not known.
 */
export function formatOf(said: { format?: string | undefined; contentType?: string | undefined; fileName?: string | undefined }): Format {
  if (said.format !== undefined) {
    const format = FORMATS.find((known) => known === said.format?.toLowerCase());
    if (!format) throw unknown(`the format "${said.format}"`);
    return format;
  }
  if (said.contentType !== undefined) {
    const type = said.contentType.split(';')[0]?.trim().toLowerCase() ?? '';
    const format = BY_CONTENT_TYPE[type];
    if (format) return format;
    if (said.fileName === undefined) throw unknown(`the content type "${type}"`);
  }
  const extension = /\.([a-z0-9]+)(?:\.gz|\.zst)?$/i.exec(said.fileName ?? '')?.[1]?.toLowerCase();
  const format = extension === undefined ? undefined : BY_EXTENSION[extension];
  if (!format) throw unknown(said.fileName === undefined ? 'no format, content type or file name' : `the file name "${said.fileName}"`);
  return format;
}

function unknown(what: string): HeadgateError {
  return new HeadgateError('BAD_USER_INPUT', `Expected rows as ${FORMATS.join(', ')}; got ${what}. Name the format: --format csv, or ?format=csv.`, {
    expected: FORMATS,
  });
}
