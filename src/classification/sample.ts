import type { Dataset, Field, ScalarType } from '../catalog/index.js';
import { identifier, join, param, render, sql, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import type { ColumnSample } from './column-sample.js';

/** Rows at the most, and cells at the most: a dataset of many columns is looked at in fewer rows. */
const MOST_ROWS = 1_000;
const MOST_CELLS = 200_000;
/** Blocks with so many rows are read, and single rows taken out of them, so that no block has all the say. */
const ROWS_READ = 20_000;
/** Characters of a value. What is longer is none of the kinds. */
const CUT = 200;

const TYPES: readonly ScalarType[] = ['text', 'integer', 'bigint', 'decimal', 'date', 'timestamp'];

/** Whether a field can be of a kind at all. Of a list of texts, the first item is looked at; of what is encrypted only the envelopes could be. */
export function isSampled({ type, list, encrypted }: Pick<Field, 'type' | 'list' | 'encrypted'>): boolean {
  if (encrypted) return false;
  return list ? type === 'text' : TYPES.includes(type);
}

/**
 * Values of the given fields from some rows, spread over the table, as `tx` sees it. What it costs does not grow with the table.
 * @param rowCount about how many rows there are
 */
export async function sampleColumns(tx: Transaction, dataset: Dataset, fields: readonly Field[], rowCount: number): Promise<ColumnSample[]> {
  if (fields.length === 0 || rowCount === 0) return [];
  const most = Math.max(1, Math.min(MOST_ROWS, Math.floor(MOST_CELLS / fields.length)));
  const percent = Math.min(100, (100 * ROWS_READ) / rowCount);
  // A tenth more than wanted, since chance may give less.
  const share = Math.min(1, (1.1 * most) / Math.min(rowCount, ROWS_READ));
  const { text, values } = render(
    sql`SELECT ARRAY[${join(fields.map(cell))}] AS cells FROM ${identifier('data', dataset.name)} AS _d TABLESAMPLE SYSTEM (${param(percent, 'double precision')})
        WHERE random() < ${param(share, 'double precision')} LIMIT ${param(most, 'integer')}`,
  );
  const rows = await tx.query<{ cells: (string | null)[] }>(text, values);
  return fields.map(({ name, type }, i) => {
    const distinct = new Set(rows.map(({ cells }) => cells[i]?.trim() ?? ''));
    distinct.delete('');
    return { dataset: dataset.name, name, type, values: [...distinct] };
  });
}

function cell({ name, type, list }: Field): Sql {
  const column = sql`_d.${identifier(name)}`;
  if (list) return sql`left((${column})[1], ${param(CUT, 'integer')})`;
  return type === 'text' ? sql`left(${column}, ${param(CUT, 'integer')})` : sql`left(${column}::text, ${param(CUT, 'integer')})`;
}
