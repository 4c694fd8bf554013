import type { Dataset, Field } from '../../catalog/index.js';
import { rejected } from '../rejection.js';
import { unknownKind } from './nested-column.js';
import type { ParquetColumn, ParquetFile } from './parquet-file.js';

/** A field of the contract and the column that has its values. */
export interface ColumnOfField {
  readonly field: Field;
  readonly column: ParquetColumn;
}

/**
 * The file's columns by the contract's fields, in the contract's order.
 * @throws HeadgateError DATA_REJECTED when one is missing, unknown, there twice, or of a type for which there is none.
 */
export function columnsOfFields({ columns }: ParquetFile, dataset: Dataset): readonly ColumnOfField[] {
  const came = columns.map(({ name }) => name);
  const known = dataset.fields.map(({ name }) => name);
  const missing = known.filter((name) => !came.includes(name));
  const extra = came.filter((name) => !known.includes(name)).map((name) => name.slice(0, 80));
  const duplicate = came.filter((name, i) => known.includes(name) && came.indexOf(name) !== i);
  if (missing.length === known.length) {
    throw rejected(`The file has none of the columns of "${dataset.name}". Expected ${known.join(', ')}.`, { missing, extra: extra.slice(0, 100) });
  }
  const problems = [
    missing.length > 0 && `missing: ${missing.join(', ')}`,
    extra.length > 0 && `not in the contract: ${extra.slice(0, 20).join(', ')}`,
    duplicate.length > 0 && `there twice: ${duplicate.join(', ')}`,
  ].filter((problem) => problem !== false);
  if (problems.length > 0) {
    throw rejected(
      `The columns are not those of "${dataset.name}" (${problems.join('; ')}). Change the file, or the contract; a column may be empty but not missing.`,
      {
        missing,
        extra,
        duplicate,
      },
    );
  }
  return dataset.fields.flatMap((field) => {
    const column = columns.find(({ name }) => name === field.name);
    if (column?.leaf?.kind === 'other') throw unknownKind(column.name, column.leaf);
    return column ? [{ field, column }] : [];
  });
}
