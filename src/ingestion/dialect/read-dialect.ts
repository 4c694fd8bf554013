import type { Dataset } from '../../catalog/index.js';
import type { Format } from '../format.js';
import type { Dialect, DialectRequest } from './dialect.js';
import { detectDialect } from './detect-dialect.js';
import { requoted } from './requote.js';
import { transcoded } from './transcode.js';

/** What is looked at to find out a dialect. */
export const LOOKED_AT_BYTES = 1024 * 1024;

export interface ReadText {
  /** In UTF-8, with commas or whatever the dialect says, and double quotes. */
  readonly content: AsyncIterable<Buffer>;
  readonly dialect: Dialect;
}

/**
 * A text as the loader reads it: in UTF-8, with double quotes. What else its dialect is, is told.
 * @throws HeadgateError DATA_REJECTED for bytes that are none of the encoding
 */
export async function readText(content: AsyncIterable<Buffer>, format: Format, { said, detect }: DialectRequest, dataset?: Dataset): Promise<ReadText> {
  if (format === 'parquet') return { content, dialect: {} };
  let rest = content;
  let dialect = said;
  if (detect) {
    const begin = await beginOf(content);
    rest = begin.all;
    dialect = { ...detectDialect(begin.bytes, begin.isWhole, format, said, dataset), ...said };
  }
  const { encoding, quote, delimiter } = dialect;
  if (encoding !== undefined && encoding !== 'utf-8') rest = transcoded(rest, encoding);
  if (isCsv(format) && (quote === 'single' || quote === 'none')) rest = requoted(rest, quote, delimiterByte(format, { delimiter }));
  return { content: rest, dialect };
}

export function isCsv(format: Format): boolean {
  return format === 'csv' || format === 'tsv';
}

/** The byte between the fields of a record. */
export function delimiterByte(format: Format, { delimiter }: Pick<Dialect, 'delimiter'>): number {
  return (delimiter ?? (format === 'tsv' ? '\t' : ',')).charCodeAt(0);
}

async function beginOf(content: AsyncIterable<Buffer>): Promise<{ readonly bytes: Buffer; readonly isWhole: boolean; readonly all: AsyncIterable<Buffer> }> {
  const chunks = content[Symbol.asyncIterator]();
  const head: Buffer[] = [];
  let size = 0;
  let isWhole = false;
  while (size < LOOKED_AT_BYTES) {
    const { done, value } = await chunks.next();
    if (done) {
      isWhole = true;
      break;
    }
    head.push(value);
    size += value.length;
  }
  async function* all(): AsyncGenerator<Buffer> {
    try {
      yield* head;
      for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
    } finally {
      await chunks.return?.();
    }
  }
  return { bytes: Buffer.concat(head), isWhole, all: all() };
}
