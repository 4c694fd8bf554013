import { isUtf8 } from 'node:buffer';
import type { Dataset, Field } from '../../catalog/index.js';
import type { Format } from '../format.js';
import { dateFormatOf } from './date-formats.js';
import type { Dialect, Quote } from './dialect.js';

const DELIMITERS = [',', ';', '\t', '|'] as const;
const RECORDS = 500;
/** What stands for "can't be told": a character may be cut at the end. */
const LONGEST_CHARACTER = 4;

/** Records of a text, as they come apart with a delimiter and a quote. */
interface Apart {
  readonly delimiter: string;
  readonly quote: Quote;
  readonly records: readonly (readonly string[])[];
  /** From 0 to 1: how much it looks as if these were they. */
  readonly score: number;
}

/**
 * What a text is written in, by its beginning: what is most likely, never more than that.
 * @param said what is known, which helps with the rest
 * @param dataset whose columns it should have; absent when nothing is known of them
 */
export function detectDialect(bytes: Buffer, isWhole: boolean, format: Format, said: Dialect, dataset?: Dataset): Dialect {
  const encoding = said.encoding ?? detectEncoding(bytes);
  if (format !== 'csv' && format !== 'tsv') return { encoding };
  const text = new TextDecoder(encoding).decode(bytes.subarray(0, bytes.length - (bytes.length % (encoding.startsWith('utf-16') ? 2 : 1))));
  const apart = bestApart(text, isWhole, said, format, dataset);
  const [first] = apart.records;
  if (!first) return { encoding };
  const header = said.header ?? hasHeader(apart.records, dataset);
  const rows = header ? apart.records.slice(1) : apart.records;
  const names = header ? first.map((name) => name.trim()) : (dataset?.fields.map(({ name }) => name) ?? []);
  const decimal = said.decimal ?? (hasDecimalComma(rows, names, apart.delimiter, dataset) ? 'comma' : undefined);
  const formats = dataset ? formatsOf(rows, names, dataset) : {};
  return {
    encoding,
    delimiter: apart.delimiter,
    quote: apart.quote,
    header,
    ...(decimal !== undefined && { decimal }),
    ...(Object.keys(formats).length > 0 && { formats }),
  };
}

/** By a mark of byte order, by zeros where UTF-16 has them, by whether it can be UTF-8; what is none of them is most likely from Windows. */
export function detectEncoding(bytes: Buffer): string {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  const some = bytes.subarray(0, 4096);
  const zeros = [0, 0];
  some.forEach((byte, i) => {
    if (byte === 0) zeros[i % 2] = (zeros[i % 2] ?? 0) + 1;
  });
  // Of a text in Latin letters, every other byte.
  const [even = 0, odd = 0] = zeros;
  if (odd > some.length / 5 && even < odd / 10) return 'utf-16le';
  if (even > some.length / 5 && odd < even / 10) return 'utf-16be';
  for (let cut = 0; cut < LONGEST_CHARACTER; cut += 1) if (isUtf8(bytes.subarray(0, bytes.length - cut))) return 'utf-8';
  return 'windows-1252';
}

function bestApart(text: string, isWhole: boolean, said: Dialect, format: Format, dataset: Dataset | undefined): Apart {
  const delimiters = said.delimiter !== undefined ? [said.delimiter] : format === 'tsv' ? ['\t', ',', ';', '|'] : DELIMITERS;
  const quotes: readonly Quote[] = said.quote !== undefined ? [said.quote] : ['double', 'single', 'none'];
  const tried = delimiters.flatMap((delimiter) => quotes.map((quote) => takeApart(text, isWhole, delimiter, quote, dataset)));
  // Of those that are as likely the first: commas and double quotes are the rule.
  return tried.reduce((best, other) => (other.score > best.score + 1e-9 ? other : best));
}

function takeApart(text: string, isWhole: boolean, delimiter: string, quote: Quote, dataset: Dataset | undefined): Apart {
  const { records, broken } = splitRecords(text, delimiter, quote, RECORDS, isWhole);
  const counts = new Map<number, number>();
  for (const { length } of records) counts.set(length, (counts.get(length) ?? 0) + 1);
  const [columns, often] = [...counts].reduce((top, entry) => (entry[1] > top[1] ? entry : top), [0, 0]);
  const even = records.length === 0 ? 0 : often / records.length;
  const known = dataset && records[0] ? share(records[0], dataset) : 0;
  const asMany = dataset?.fields.length === columns ? 0.2 : 0;
  // One column is what anything is with the wrong delimiter.
  const score =
    (columns > 1 ? 0.5 + Math.min(columns, 20) / 200 : 0.2) * even * (broken ? 0.5 : 1) -
    0.1 * spaced(records) +
    known +
    asMany +
    (quote === 'single' ? usesSingle(text, delimiter) : 0);
  return { delimiter, quote, records, score };
}

/** The share of values with a space before them: behind commas of prose there is one. */
function spaced(records: Apart['records']): number {
  const values = records.flatMap((record) => record.slice(1));
  return values.filter((value) => value.startsWith(' ')).length / Math.max(1, values.length);
}

/** Single quotes must be seen at work: an apostrophe at the beginning of a word is none. */
function usesSingle(text: string, delimiter: string): number {
  const mark = delimiter.replace(/[|^$*+?.]/g, '\\$&');
  const found = text.slice(0, 100_000).match(new RegExp(`(?:^|[\\n${mark}])'(?:[^'\\n]|'')*'(?=[\\r\\n${mark}]|$)`, 'g'));
  return found && found.length > 1 ? 0.05 : -0.2;
}

/** How many of the contract's columns the first record names. */
function share(record: readonly string[], { fields }: Dataset): number {
  const names = new Set(record.map((name) => name.trim()));
  return fields.filter(({ name }) => names.has(name)).length / Math.max(1, fields.length);
}

/** The records of a text, leniently: a quote that stands wrong is a character. The last one may be cut, and then is left out. */
export function splitRecords(
  text: string,
  delimiter: string,
  quote: Quote,
  most: number,
  isWhole: boolean,
): { readonly records: readonly (readonly string[])[]; readonly broken: boolean } {
  const mark = quote === 'double' ? '"' : quote === 'single' ? "'" : '';
  const records: string[][] = [];
  let record: string[] = [];
  let broken = false;
  let at = text.startsWith('\ufeff') ? 1 : 0;
  while (at < text.length && records.length < most) {
    let value: string;
    if (mark !== '' && text[at] === mark) {
      let close = text.indexOf(mark, at + 1);
      while (close >= 0 && text[close + 1] === mark) close = text.indexOf(mark, close + 2);
      if (close < 0) {
        broken = isWhole;
        break;
      }
      value = text.slice(at + 1, close).replaceAll(mark + mark, mark);
      at = close + 1;
      const next = text[at];
      if (next !== undefined && next !== delimiter && next !== '\r' && next !== '\n') {
        broken = true;
        const end = endOf(text, at, delimiter);
        value += text.slice(at, end);
        at = end;
      }
    } else {
      const end = endOf(text, at, delimiter);
      value = text.slice(at, end);
      // RFC 4180 has no quote in a value that does not begin with one.
      if (mark === '"' && value.includes('"')) broken = true;
      at = end;
    }
    record.push(value);
    if (text[at] === delimiter) {
      at += 1;
      if (at < text.length) continue;
      record.push('');
    }
    if (at >= text.length && !isWhole) break;
    if (text[at] === '\r') at += 1;
    if (text[at] === '\n') at += 1;
    if (record.length > 1 || record[0] !== '') records.push(record);
    record = [];
  }
  return { records, broken };
}

function endOf(text: string, from: number, delimiter: string): number {
  let at = from;
  while (at < text.length && text[at] !== delimiter && text[at] !== '\n' && text[at] !== '\r') at += 1;
  return at;
}

const LOOKS_TYPED = /^[+-]?(\d[\d.,\s]*)(e[+-]?\d+)?%?$|^\d{4}-\d\d-\d\d|^\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|^(true|false)$/i;

/** Names stand above what is not like them: they differ, none is empty, and none looks like a number or a date. */
export function hasHeader(records: readonly (readonly string[])[], dataset?: Dataset): boolean {
  const [first, ...rest] = records;
  if (!first) return true;
  if (dataset) return share(first, dataset) > 0 || first.length !== dataset.fields.length;
  const names = first.map((name) => name.trim());
  if (names.some((name) => name === '' || LOOKS_TYPED.test(name))) return false;
  if (new Set(names).size !== names.length) return false;
  // A file of words alone: what is there again further down is a word of it.
  return rest.length === 0 || names.some((name, i) => !rest.some((row) => row[i]?.trim() === name));
}

const WITH_COMMA = /^[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+$/;
const WITH_POINT = /^[+-]?(\d{1,3}(,\d{3})+|\d+)?\.\d+$/;

function hasDecimalComma(rows: readonly (readonly string[])[], names: readonly string[], delimiter: string, dataset: Dataset | undefined): boolean {
  if (delimiter === ',') return false;
  let commas = 0;
  let points = 0;
  for (const row of rows) {
    row.forEach((value, i) => {
      const field = dataset?.fields.find(({ name }) => name === names[i]);
      if (dataset && field?.type !== 'decimal' && field?.type !== 'float') return;
      if (WITH_COMMA.test(value.trim())) commas += 1;
      else if (WITH_POINT.test(value.trim())) points += 1;
    });
  }
  return commas > points;
}

/** For fields of dates and times without a format: one in which all values are written, where that is not ISO 8601. */
function formatsOf(rows: readonly (readonly string[])[], names: readonly string[], dataset: Dataset): Record<string, string> {
  const wanted = (field: Field | undefined): field is Field =>
    field !== undefined && field.format === undefined && !field.list && (field.type === 'date' || field.type === 'timestamp' || field.type === 'time');
  const found = names.flatMap((name, i) => {
    const field = dataset.fields.find((known) => known.name === name);
    if (!wanted(field)) return [];
    const values = rows.map((row) => row[i] ?? '').filter((value) => value !== '');
    const format = dateFormatOf(values, [field.type as 'date' | 'timestamp' | 'time'])?.format;
    return format === undefined ? [] : [[name, format] as const];
  });
  return Object.fromEntries(found);
}
