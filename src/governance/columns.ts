import { columnType, type Dataset } from '../catalog/index.js';

/** The columns of a dataset with their types, as expressions see them. */
export function columnsOf(dataset: Pick<Dataset, 'fields'>): ReadonlyMap<string, string> {
  return new Map(dataset.fields.map((field) => [field.name, columnType(field)]));
}
