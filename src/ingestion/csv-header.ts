import type { Dataset, Field } from '../catalog/index.js';
import { fieldsOf, CsvRecords } from './csv-records.js';
import { rejected } from './rejection.js';

const SEPARATORS = [';', '\t', '|', ','] as const;
const BOM = [0xef, 0xbb, 0xbf] as const;

/** The columns of a file, in its order, and where its rows begin. */
export interface CsvHeader {
  readonly fields: readonly Field[];
  /** Bytes before the first row. */
  readonly bytes: number;
  /** The line of the first row. */
  readonly line: number;
}

/** The columns of a file: by its header, or where it has none those of the contract, in its order. @throws HeadgateError as `readHeader` */
export function headerOf(
  begin: Buffer,
  last: boolean,
  { delimiter, header, dataset }: { readonly delimiter: number; readonly header?: boolean | undefined; readonly dataset: Dataset },
): CsvHeader | undefined {
  if (header !== false || (begin.length === 0 && last)) return readHeader(begin, last, delimiter, dataset);
  return { fields: dataset.fields, bytes: BOM.every((byte, i) => begin[i] === byte) ? BOM.length : 0, line: 1 };
}

/**
 * Reads the header at the beginning of a file and maps its names to the contract's fields, in any order.
 * `last` says that `begin` is the whole file; undefined is returned when the header goes on behind `begin`.
 * @throws HeadgateError DATA_REJECTED when the file is empty, or a column is missing, unknown or there twice.
 */
export function readHeader(begin: Buffer, last: boolean, delimiter: number, dataset: Dataset): CsvHeader | undefined {
  const bom = BOM.every((byte, i) => begin[i] === byte) ? BOM.length : 0;
  const text = begin.subarray(bom);
  if (text.length === 0 && last)
    throw rejected(`The file is empty. Expected a header with the columns ${names(dataset)}.`, { expected: dataset.fields.map((field) => field.name) });
  const records = new CsvRecords({ delimiter });
  let fields: readonly Field[] | undefined;
  const used = records.scan(text, last, (record) => {
    fields = mapColumns(fieldsOf(text.subarray(record.start, record.end), delimiter), dataset);
    return false;
  });
  return fields && { fields, bytes: bom + used, line: records.line };
}

function mapColumns(columns: readonly (string | null)[], dataset: Dataset): readonly Field[] {
  const known = new Map(dataset.fields.map((field) => [field.name, field]));
  const came = columns.map((column) => (column ?? '').trim());
  const missing = [...known.keys()].filter((name) => !came.includes(name));
  const extra = came.filter((name) => !known.has(name));
  const twice = came.filter((name, i) => known.has(name) && came.indexOf(name) !== i);
  if (missing.length === known.size) {
    // Of separators that spreadsheets use, one that the file has instead of the one it was read with.
    const other = came.length === 1 ? SEPARATORS.find((separator) => came[0]?.includes(separator)) : undefined;
    const hint =
      other === undefined
        ? ''
        : ` Its columns seem to be separated by ${JSON.stringify(other)}: separate them by commas, or say so: --delimiter (or ?delimiter=), or have it found out: --detect.`;
    throw rejected(`The first line is not a header of "${dataset.name}": it has none of its columns. Expected ${names(dataset)}.${hint}`, {
      line: 1,
      missing,
    });
  }
  // A first line that is rather a row holds values, and errors are kept: then columns are told by their places.
  const isHeader = 2 * extra.length < came.length;
  const unknown = isHeader ? extra.map((name) => name.slice(0, 80) || '(no name)') : came.flatMap((name, i) => (known.has(name) ? [] : [`column ${i + 1}`]));
  const problems = [
    missing.length > 0 && `missing: ${missing.join(', ')}`,
    extra.length > 0 && `not in the contract: ${unknown.join(', ')}`,
    twice.length > 0 && `there twice: ${twice.join(', ')}`,
  ].filter((problem) => problem !== false);
  if (problems.length > 0) {
    throw rejected(
      `The columns are not those of "${dataset.name}" (${problems.join('; ')}). Change the file, or the contract; a column may be empty but not missing.`,
      { line: 1, missing, extra: unknown, duplicate: twice },
    );
  }
  return came.flatMap((name) => known.get(name) ?? []);
}

function names(dataset: Dataset): string {
  return dataset.fields.map((field) => field.name).join(', ');
}
