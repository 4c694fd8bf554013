import { limitsOf, type FetchedDataset, type Inspection } from '../../catalog/index.js';
import { isHeadgateError } from '../../kernel/index.js';
import type { ApiSource } from './api-source.js';
import { cellRows, columnOf, valueIn } from './columns.js';

/** Rows that are looked at when a contract is applied. */
const LOOKED_AT = 100;

/**
 * Asks for the first rows as a read would, so that what the contract says of the API is tried before anybody relies on it. What it says of
 * single rows can't be known from some of them, so that is a warning. Names alone, and no values.
 */
export async function inspectApi(source: Pick<ApiSource, 'rows' | 'name'>, dataset: FetchedDataset): Promise<Inspection> {
  const kind = 'http' in dataset.source ? 'http' : 'graphql';
  const said = 'http' in dataset.source ? dataset.source.http : dataset.source.graphql;
  // By key alone nothing can be tried: no key is known.
  if (!said.list) return { problems: [], warnings: [] };
  const names = dataset.fields.map(({ name }) => name);
  let rows: readonly unknown[];
  try {
    const first = { rows: Math.min(LOOKED_AT, limitsOf(said).rows), by: '', descending: false };
    ({ rows } = await source.rows({ dataset, tests: [], fields: names, first, told: new Set(names) }));
  } catch (error) {
    if (!isHeadgateError(error)) throw error;
    // So much without a filter, and with one it may be less.
    if (error.code === 'QUERY_TOO_COMPLEX')
      return { problems: [], warnings: [`Dataset ${dataset.name}: one page without a filter is more than its limits allow.`] };
    if (error.code !== 'CONTRACT_VIOLATION') throw error;
    return { problems: [{ path: [kind, 'list'], message: error.message }], warnings: [] };
  }
  if (rows.length === 0)
    return { problems: [], warnings: [`Dataset ${dataset.name}: the source ${source.name} gave no row, so nothing is known of what they hold.`] };
  const { misfits } = cellRows(dataset, rows, names);
  const warnings = dataset.fields.flatMap((field) => {
    const text = `Dataset ${dataset.name}: of ${rows.length} rows at the source ${source.name}`;
    const bad = misfits.get(field.name) ?? 0;
    const isMissing = rows.every((row) => valueIn(dataset, field, row) === undefined);
    if (isMissing) return [`${text} none has "${columnOf(dataset, field)}", so ${field.name} would be null.`];
    return bad === 0
      ? []
      : [`${text}, ${bad} have at "${columnOf(dataset, field)}" what ${field.type}${field.list ? '[]' : ''} can't hold, so ${field.name} would be null there.`];
  });
  return { problems: [], warnings };
}
