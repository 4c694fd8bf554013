import { DEFAULT_LIMITS } from './parts.js';
import type { GraphqlRows, HttpRows, RowLimits } from './rows.js';

export function limitsOf({ limits }: Pick<HttpRows | GraphqlRows, 'limits'>): RowLimits {
  return { ...DEFAULT_LIMITS, ...definedOf(limits ?? {}) } as RowLimits;
}

/** Keys that a request asks for at the most, where nothing is said. */
export const DEFAULT_BATCH = 100;

/** One form for one meaning: without what is so by default, and in the order of names where the order says nothing. */
export function normalHttp(rows: HttpRows): HttpRows {
  const { list, get, batch, limits } = rows;
  return definedOf({
    list:
      list &&
      definedOf({
        ...list,
        items: list.items || undefined,
        query: sorted(list.query),
        filters: sortedFilters(list.filters),
        lists: comma(list.lists),
        pages: list.pages && pagesOf(list.pages),
        order: list.order && orderOf(list.order),
      }),
    get: get && definedOf({ ...get, item: get.item || undefined, query: sorted(get.query) }),
    batch:
      batch &&
      definedOf({
        ...batch,
        items: batch.items || undefined,
        query: sorted(batch.query),
        lists: comma(batch.lists),
        max: batch.max === DEFAULT_BATCH ? undefined : batch.max,
      }),
    limits,
  }) as HttpRows;
}

export function normalGraphql(rows: GraphqlRows): GraphqlRows {
  const { list, get, batch, limits } = rows;
  return definedOf({
    list:
      list &&
      definedOf({
        ...list,
        arguments: sorted(list.arguments),
        constants: sorted(list.constants),
        filters: sortedFilters(list.filters),
        pages: list.pages && pagesOf(list.pages),
        order: list.order && orderOf(list.order),
      }),
    get: get && definedOf({ ...get, arguments: sorted(get.arguments), keys: sorted(get.keys) }),
    batch:
      batch &&
      definedOf({ ...batch, arguments: sorted(batch.arguments), constants: sorted(batch.constants), max: batch.max === DEFAULT_BATCH ? undefined : batch.max }),
    limits,
  }) as GraphqlRows;
}

/** Pages are counted from 1 where nothing is said. */
function pagesOf<T extends { readonly by: string }>(pages: T): T {
  return definedOf({ ...pages, ...('first' in pages && pages.first === 1 && { first: undefined }) }) as T;
}

function orderOf<T extends { readonly by: Readonly<Record<string, object>> }>(order: T): T {
  return { ...order, by: sorted(Object.fromEntries(Object.entries(order.by).map(([name, said]) => [name, definedOf(said)]))) };
}

function comma(lists: 'repeated' | 'comma' | undefined): 'comma' | undefined {
  return lists === 'comma' ? 'comma' : undefined;
}

function sortedFilters<T extends object>(filters: Readonly<Record<string, T>> | undefined): Record<string, T> | undefined {
  return sorted(filters && Object.fromEntries(Object.entries(filters).map(([name, said]) => [name, definedOf(said)])));
}

function sorted<T>(record: Readonly<Record<string, T>> | undefined): Record<string, T> | undefined {
  const entries = Object.entries(record ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

function definedOf<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
