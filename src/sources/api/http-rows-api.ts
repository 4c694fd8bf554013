import type { HttpList, HttpPages, HttpRows, Lists } from '../../catalog/index.js';
import { placesIn } from '../../catalog/index.js';
import { atPointer, isHeadgateError, parseExactJson } from '../../kernel/index.js';
import { linkNext } from '../../outbound/index.js';
import type { HttpAnswer } from '../http/http-answer.js';
import type { FetchBudget } from './fetch-budget.js';
import { unlike } from './row-error.js';
import type { AskedTest, Position, RowsApi, RowsPage } from './rows-api.js';
import type { WantedRows } from './wanted-rows.js';

type Query = Record<string, string | string[]>;

/** Rows of an API that answers with JSON: values go into parameters, or into one segment of a path, and nowhere else. */
export class HttpRowsApi implements RowsApi {
  readonly #rows: HttpRows;

  constructor(rows: HttpRows) {
    this.#rows = rows;
  }

  async page(wanted: WantedRows, tests: readonly AskedTest[], at: Position | undefined, budget: FetchBudget): Promise<RowsPage> {
    const list = this.#list();
    const answer = await budget.send(at && 'place' in at ? at : { path: list.path, query: this.#query(list, wanted, tests, at) });
    const body = jsonOf(answer, wanted);
    const rows = rowsAt(body, list.items, wanted);
    const count = list.count === undefined ? undefined : numberOf(atPointer(body, list.count));
    const next = list.pages && nextOf(list.pages, { at, rows, body, answer, wanted, budget });
    return { rows, ...(next && { next }), ...(count !== undefined && { count }) };
  }

  async one(wanted: WantedRows, key: ReadonlyMap<string, string>, budget: FetchBudget): Promise<unknown> {
    const { get } = this.#rows;
    if (!get) throw new Error('rows are not got here');
    const path = get.path.replaceAll(/\{([^{}]*)\}/g, (_, name: string) => encodeURIComponent(key.get(name) ?? ''));
    try {
      const answer = await budget.send({ path, query: { ...get.query } });
      return atPointer(jsonOf(answer, wanted), get.item ?? '');
    } catch (error) {
      if (isHeadgateError(error) && (error.details['status'] === 404 || error.details['status'] === 410)) return undefined;
      throw error;
    }
  }

  async several(wanted: WantedRows, keys: readonly string[], budget: FetchBudget): Promise<readonly unknown[]> {
    const { batch } = this.#rows;
    if (!batch) throw new Error('rows are not got in batches here');
    const answer = await budget.send({ path: batch.path, query: { ...batch.query, [batch.parameter]: written(keys, batch.lists) } });
    return rowsAt(jsonOf(answer, wanted), batch.items, wanted);
  }

  /** A segment of a path that is empty or made of dots would be another path. */
  gets(key: ReadonlyMap<string, string>): boolean {
    return placesIn(this.#rows.get?.path ?? '').every((name) => !/^\.{0,2}$/.test(key.get(name) ?? ''));
  }

  #list(): HttpList {
    if (!this.#rows.list) throw new Error('rows are not listed here');
    return this.#rows.list;
  }

  #query({ query = {}, lists, pages, order }: HttpList, { first }: WantedRows, tests: readonly AskedTest[], at: Position | undefined): Query {
    const asked: Query = { ...query };
    for (const { as, takes, values } of tests) asked[as] = takes === 'several' ? written(values, lists) : (values[0] ?? '');
    const by = first && (first.descending ? order?.by[first.by]?.desc : order?.by[first.by]?.asc);
    if (order && by !== undefined) asked[order.parameter] = by;
    if (pages?.size) asked[pages.size.parameter] = String(first ? Math.min(first.rows, pages.size.rows) : pages.size.rows);
    if (pages && 'parameter' in pages && at && 'cursor' in at) asked[pages.parameter] = at.cursor;
    if (pages?.by === 'page') asked[pages.parameter] = String(at && 'number' in at ? at.number : (pages.first ?? 1));
    if (pages?.by === 'offset') asked[pages.parameter] = String(at && 'number' in at ? at.number : 0);
    return asked;
  }
}

function written(values: readonly string[], lists: Lists | undefined): string | string[] {
  return lists === 'comma' ? values.join(',') : [...values];
}

interface Turned {
  readonly at: Position | undefined;
  readonly rows: readonly unknown[];
  readonly body: unknown;
  readonly answer: HttpAnswer;
  readonly wanted: WantedRows;
  readonly budget: FetchBudget;
}

/**
 * The page behind, as far as it is known that there may be one. A page that is not full says nothing, since an API may give fewer rows than it is
 * asked for: only one without rows is the last.
 */
function nextOf(pages: HttpPages, turned: Turned): Position | undefined {
  if (pages.more === undefined) return behind(pages, turned);
  const { dataset } = turned.wanted;
  const more = atPointer(turned.body, pages.more);
  // Rows that are left out are no answer: what can't be understood is no end.
  if (typeof more !== 'boolean') throw unlike(dataset, `there is no true or false at ${pages.more}`);
  const next = more ? behind(pages, turned) : undefined;
  if (more && !next && pages.by !== 'page' && pages.by !== 'offset') throw unlike(dataset, `${pages.more} says that more pages follow, and not where they are`);
  return next;
}

function behind(pages: HttpPages, { at, rows, body, answer, budget }: Turned): Position | undefined {
  const number = at && 'number' in at ? at.number : undefined;
  switch (pages.by) {
    case 'page':
      return rows.length === 0 ? undefined : { number: (number ?? pages.first ?? 1) + 1 };
    case 'offset':
      return rows.length === 0 ? undefined : { number: (number ?? 0) + rows.length };
    case 'cursor': {
      const cursor = atPointer(body, pages.next);
      return (typeof cursor === 'string' && cursor !== '') || typeof cursor === 'number' ? { cursor: String(cursor) } : undefined;
    }
    case 'link': {
      const url = linkNext(answer.headers);
      return url === undefined ? undefined : { place: budget.placeOf(url, answer) };
    }
    case 'url': {
      const url = atPointer(body, pages.next);
      return typeof url === 'string' && url !== '' ? { place: budget.placeOf(url, answer) } : undefined;
    }
  }
}

function jsonOf(answer: HttpAnswer, { dataset }: WantedRows): unknown {
  try {
    return parseExactJson(answer.body.toString());
  } catch {
    throw unlike(dataset, 'the answer is no JSON');
  }
}

/** @throws HeadgateError CONTRACT_VIOLATION where there is no list */
function rowsAt(body: unknown, pointer: string | undefined, { dataset }: WantedRows): readonly unknown[] {
  const rows = atPointer(body, pointer ?? '');
  if (Array.isArray(rows)) return rows as unknown[];
  throw unlike(
    dataset,
    pointer === undefined ? 'the answer is no list of rows; if the list is a member of it, say so with items' : `there is no list of rows at ${pointer}`,
  );
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
