import { openCursors, rowsAtOnce } from '../parquet/copy-rows.js';
import { textEncoder } from '../parquet/entries.js';
import type { LeafKind } from '../parquet/leaf-kind.js';
import { ParquetFile, type ParquetColumn } from '../parquet/parquet-file.js';
import type { Cell, CellKind } from './column-profile.js';
import type { RowVisitor } from './read-rows.js';

/** The columns of a Parquet file, and some of its rows. Returns whether these were all. */
export async function readParquetRows(
  path: string,
  maxValueBytes: number,
  visitor: RowVisitor,
): Promise<{ readonly columns: readonly ParquetColumn[]; readonly isWhole: boolean }> {
  const file = await ParquetFile.open({ path });
  try {
    const columns = file.columns.filter(({ leaf }) => leaf?.kind !== 'other');
    visitor.columns(
      file.columns.map(({ name }) => name),
      {},
    );
    const encoded = columns.map((column) => ({ name: column.name, field: undefined, column, encoder: textEncoder(column.leaf ?? { kind: 'text' }) }));
    for (const group of file.groups) {
      const cursors = openCursors(file, encoded, group, maxValueBytes);
      for (let done = 0; done < group.rows;) {
        const count = await rowsAtOnce(cursors, group.rows - done);
        const texts = cursors.map((cursor) => cursor.texts(count));
        for (let row = 0; row < count; row += 1) {
          const goesOn = visitor.row(columns.map(({ name, leaf, isList }, i) => [name, cellOf(texts[i]?.[row] ?? null, isList ? undefined : leaf)] as const));
          if (!goesOn) return { columns: file.columns, isWhole: false };
        }
        for (const cursor of cursors) cursor.skip(count);
        done += count;
      }
    }
    return { columns: file.columns, isWhole: true };
  } finally {
    await file.close();
  }
}

function cellOf(text: string | null, leaf: LeafKind | undefined): Cell | null {
  return text === null ? null : { kind: cellKind(leaf), text };
}

function cellKind(leaf: LeafKind | undefined): CellKind {
  if (!leaf) return 'nested';
  if (leaf.kind === 'boolean') return 'boolean';
  return /^(u?int|float|decimal)/.test(leaf.kind) ? 'number' : 'string';
}
