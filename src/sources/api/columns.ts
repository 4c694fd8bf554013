import type { FetchedDataset, Field } from '../../catalog/index.js';
import { memberOf, placeKeys } from '../../kernel/index.js';
import { cellOf } from './cell.js';

/** Where a field's value is in a row of the API: what its `column` says, else the name as such APIs write names. */
export function columnOf({ source }: FetchedDataset, { column, name, graphqlName }: Field): string {
  return column ?? ('graphql' in source ? graphqlName : name);
}

/** The value as it came. */
export function valueIn(dataset: FetchedDataset, field: Field, row: unknown): unknown {
  return placeKeys(columnOf(dataset, field)).reduce(memberOf, row);
}

/** Rows as PostgreSQL is given them, and how many values of each field did not fit its type. */
export interface CellRows {
  readonly json: string;
  readonly misfits: ReadonlyMap<string, number>;
}

/** A JSON list of objects: for each field the text that PostgreSQL reads, by its place in the contract. */
export function cellRows(dataset: FetchedDataset, rows: readonly unknown[], fields: readonly string[]): CellRows {
  const wanted = dataset.fields.flatMap((field, i) => (fields.includes(field.name) ? [{ field, name: `c${i}` }] : []));
  const misfits = new Map<string, number>();
  const all = rows.map((row) => {
    const cells: Record<string, string> = {};
    for (const { field, name } of wanted) {
      const text = cellOf(field, valueIn(dataset, field, row));
      if (text === undefined) misfits.set(field.name, (misfits.get(field.name) ?? 0) + 1);
      else if (text !== null) cells[name] = text;
    }
    return cells;
  });
  return { json: JSON.stringify(all), misfits };
}
