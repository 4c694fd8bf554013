import type { FetchedDataset, Filters, Lists } from '../../catalog/index.js';
import type { RowTest } from './wanted-rows.js';

/** Values in one parameter of a list: a URL has only so much room. */
export const MOST_VALUES = 100;

/** Whether several values can be told apart in one parameter. */
export function writes(values: readonly string[], lists: Lists | undefined): boolean {
  return lists !== 'comma' || !values.some((value) => value.includes(','));
}

export function listFilters({ source }: FetchedDataset): Filters {
  return ('http' in source ? source.http : source.graphql).list?.filters ?? {};
}

export function listLists({ source }: FetchedDataset): Lists | undefined {
  return 'http' in source ? source.http.list?.lists : undefined;
}

/** Whether a list is always asked for the test, in one request, so that honest APIs give no row that does not meet it. */
export function isAskedFor(dataset: FetchedDataset, { field, operator, values }: RowTest): boolean {
  const operators = listFilters(dataset)[field] ?? {};
  if (operator !== 'in') return operators[operator] !== undefined;
  if (values.length === 1 && operators.eq !== undefined) return true;
  return operators.in !== undefined && values.length <= MOST_VALUES && writes(values, listLists(dataset));
}
