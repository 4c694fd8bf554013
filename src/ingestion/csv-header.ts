import type { Dataset } from '../catalog/index.js';
import { fieldsOf, CsvRecords } from './csv-records.js';
import { rejected } from './rejection.js';
import { mapColumns, type SourceColumn } from './source-columns.js';

const BOM = [0xef, 0xbb, 0xbf] as const;

/** The columns of a file, in its order, and where its rows begin. */
export interface CsvHeader {
  readonly columns: readonly SourceColumn[];
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
  const columns = dataset.fields.map((field) => ({ name: field.name, field }));
  return { columns, bytes: BOM.every((byte, i) => begin[i] === byte) ? BOM.length : 0, line: 1 };
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
  let columns: readonly SourceColumn[] | undefined;
  const used = records.scan(text, last, (record) => {
    const names = fieldsOf(text.subarray(record.start, record.end), delimiter);
    columns = mapColumns(
      names.map((name) => name ?? ''),
      dataset,
    );
    return false;
  });
  return columns && { columns, bytes: bom + used, line: records.line };
}

function names(dataset: Dataset): string {
  return dataset.fields.map((field) => field.name).join(', ');
}
