import type { Dataset } from '../../catalog/index.js';
import { rejected } from '../rejection.js';
import { mapColumns, type SourceColumn } from '../source-columns.js';
import { unknownKind } from './nested-column.js';
import type { ParquetColumn, ParquetFile } from './parquet-file.js';

/** A column of the file, and the field that it fills. */
export interface FileColumn extends SourceColumn {
  readonly column: ParquetColumn;
}

/**
 * The file's columns, in its order, and what they fill.
 * @throws HeadgateError DATA_REJECTED as for a header of CSV; when a column is of a type for which there is none.
 */
export function columnsOfFile({ columns }: ParquetFile, dataset: Dataset): readonly FileColumn[] {
  const names = columns.map(({ name }) => name);
  const known = new Set(dataset.fields.flatMap(({ name, aliases = [] }) => [name, ...aliases]));
  if (!names.some((name) => known.has(name.trim()))) {
    const missing = dataset.fields.map(({ name }) => name);
    throw rejected(`The file has none of the columns of "${dataset.name}". Expected ${missing.join(', ')}.`, { missing });
  }
  return mapColumns(names, dataset, true).map((source, i) => {
    const column = columns[i];
    if (!column) throw new Error('a column that the file does not have');
    if (column.leaf?.kind === 'other') throw unknownKind(column.name, column.leaf);
    return { ...source, column };
  });
}
