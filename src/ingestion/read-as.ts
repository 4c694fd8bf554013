import { isCsv } from './dialect/read-dialect.js';
import type { Decimal, Dialect, Quote } from './dialect/dialect.js';
import type { Format } from './format.js';
import type { Packing } from './unpack.js';

/** As what a content is read: what was said of it, what was found out, and else what is usual. Of several files the first one. */
export interface ReadAs {
  readonly format: Format;
  readonly packing: Packing | null;
  /** Of a text. */
  readonly encoding: string | null;
  /** These are of CSV and TSV only. */
  readonly delimiter: string | null;
  readonly quote: Quote | null;
  readonly header: boolean | null;
  readonly decimal: Decimal | null;
  /** Of dates and times whose field has none in the contract, where they were found out. */
  readonly formats: readonly { readonly field: string; readonly format: string }[];
}

export function readAsOf(format: Format, packing: Packing | undefined, { encoding, delimiter, quote, header, decimal, formats = {} }: Dialect): ReadAs {
  const isTable = isCsv(format);
  return {
    format,
    packing: packing ?? null,
    encoding: format === 'parquet' ? null : (encoding ?? 'utf-8'),
    delimiter: isTable ? (delimiter ?? (format === 'tsv' ? '\t' : ',')) : null,
    quote: isTable ? (quote ?? 'double') : null,
    header: isTable ? (header ?? true) : null,
    decimal: isTable ? (decimal ?? 'point') : null,
    formats: Object.entries(formats).map(([field, pattern]) => ({ field, format: pattern })),
  };
}
