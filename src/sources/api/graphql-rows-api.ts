import type { FetchedDataset, Field, GraphqlList, GraphqlPages, GraphqlRows } from '../../catalog/index.js';
import { atPointer, HeadgateError, memberOf, parseExactJson } from '../../kernel/index.js';
import type { FetchBudget } from './fetch-budget.js';
import { columnOf } from './columns.js';
import { Document } from './graphql-document.js';
import { unlike } from './row-error.js';
import type { AskedTest, Position, RowsApi, RowsPage } from './rows-api.js';
import type { WantedRows } from './wanted-rows.js';

/** Rows of another GraphQL API: a document with the fields that are wanted and no other, and values in its variables. */
export class GraphqlRowsApi implements RowsApi {
  readonly #rows: GraphqlRows;

  constructor(rows: GraphqlRows) {
    this.#rows = rows;
  }

  async page(wanted: WantedRows, tests: readonly AskedTest[], at: Position | undefined, budget: FetchBudget): Promise<RowsPage> {
    const { list } = this.#rows;
    if (!list) throw new Error('rows are not listed here');
    const document = new Document(list.field, list.arguments, list.constants);
    for (const { as, takes, values, field } of tests) {
      const of = fieldOf(wanted.dataset, field);
      document.set(as, takes === 'several' ? document.listOf(as, of, values) : document.valueOf(as, of, values[0] ?? ''));
    }
    this.#turn(list, wanted, at, document);
    selectRow(document, [list.items, list.item], wanted);
    const { pages } = list;
    const said = pages?.by === 'cursor' ? cursorPlaces(pages) : [];
    for (const place of [...said, list.count]) if (place !== undefined) document.select(place);
    const answer = await this.#ask(document, wanted, budget);
    const rows = rowsAt(answer, list, wanted);
    const next = pages && nextOf(pages, at, rows, answer);
    const count = list.count === undefined ? undefined : atPointer(answer, list.count);
    return { rows, ...(next && { next }), ...(typeof count === 'number' && { count }) };
  }

  async one(wanted: WantedRows, key: ReadonlyMap<string, string>, budget: FetchBudget): Promise<unknown> {
    const { get } = this.#rows;
    if (!get) throw new Error('rows are not got here');
    const document = new Document(get.field, get.arguments, {});
    for (const [name, argument] of Object.entries(get.keys))
      document.set(argument, document.valueOf(argument, fieldOf(wanted.dataset, name), key.get(name) ?? ''));
    selectRow(document, [get.item], wanted);
    const answer = await this.#ask(document, wanted, budget);
    return atPointer(answer, get.item ?? '');
  }

  async several(wanted: WantedRows, keys: readonly string[], budget: FetchBudget): Promise<readonly unknown[]> {
    const { batch } = this.#rows;
    const [name = ''] = wanted.dataset.key;
    if (!batch) throw new Error('rows are not got in batches here');
    const document = new Document(batch.field, batch.arguments, batch.constants);
    document.set(batch.argument, document.listOf(batch.argument, fieldOf(wanted.dataset, name), keys));
    selectRow(document, [batch.items, batch.item], wanted);
    const answer = await this.#ask(document, wanted, budget);
    // Where there is no row for a key, such APIs give null in its place.
    return rowsAt(answer, batch, wanted).filter((row) => row !== null);
  }

  gets(): boolean {
    return true;
  }

  #turn({ pages, order }: GraphqlList, { first }: WantedRows, at: Position | undefined, document: Document): void {
    if (order && first) document.set(order.argument, first.descending ? order.by[first.by]?.desc : order.by[first.by]?.asc);
    if (pages?.size) document.set(pages.size.argument, first ? Math.min(first.rows, pages.size.rows) : pages.size.rows);
    if (pages?.by === 'page') document.set(pages.argument, at && 'number' in at ? at.number : (pages.first ?? 1));
    if (pages?.by === 'offset') document.set(pages.argument, at && 'number' in at ? at.number : 0);
    if (pages?.by === 'cursor' && at && 'cursor' in at) document.set(pages.argument, at.cursor);
  }

  /** What the root field answers. */
  async #ask(document: Document, { dataset }: WantedRows, budget: FetchBudget): Promise<unknown> {
    const { body } = await budget.send({ method: 'POST', repeatable: true, body: document.toJson() });
    let answer: unknown;
    try {
      answer = parseExactJson(body.toString());
    } catch {
      throw unlike(dataset, 'the answer is no JSON');
    }
    const errors = memberOf(answer, 'errors');
    if (Array.isArray(errors) && errors.length > 0) throw refused(dataset, memberOf(memberOf(errors[0], 'extensions'), 'code'));
    return memberOf(memberOf(answer, 'data'), 'rows');
  }
}

function selectRow(document: Document, row: readonly (string | undefined)[], { dataset, fields }: WantedRows): void {
  for (const name of fields) document.select(...row, columnOf(dataset, fieldOf(dataset, name)));
  // Rows of which nothing is wanted are counted all the same.
  if (fields.length === 0) document.select(...row, '__typename');
}

/** Codes of servers that are told: any other may be a word of the data. */
const TOLD = new Set(['UNAUTHENTICATED', 'FORBIDDEN', 'PURPOSE_REQUIRED', 'BAD_USER_INPUT', 'GRAPHQL_VALIDATION_FAILED', 'GRAPHQL_PARSE_FAILED', 'NOT_FOUND']);

/** Those by which they say that it passes. */
const PASSING = new Set(['RATE_LIMITED', 'TIMEOUT', 'UNAVAILABLE', 'SERVICE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR', 'DOWNSTREAM_SERVICE_ERROR']);

/** Of an answer with an error nothing is taken, since it may lack rows. The API's own text may hold values, and is not told. */
function refused({ name, source: { source } }: FetchedDataset, code: unknown): HeadgateError {
  const details = { dataset: name, source, ...(typeof code === 'string' && (TOLD.has(code) || PASSING.has(code)) && { reason: code }) };
  const because = details.reason === undefined ? '' : ` (${details.reason})`;
  if (typeof code === 'string' && PASSING.has(code))
    return new HeadgateError('UNAVAILABLE', `The source ${source} could not answer${because}. Try again later.`, details);
  return new HeadgateError(
    'CONTRACT_VIOLATION',
    `The source ${source} answers with an error what the contract of ${name} names${because}. Look at its fields and arguments, and at what the source lets its credentials see.`,
    details,
  );
}

function cursorPlaces({ next = '/pageInfo/endCursor', more = '/pageInfo/hasNextPage' }: Extract<GraphqlPages, { by: 'cursor' }>): readonly string[] {
  return [next, more];
}

function nextOf(pages: GraphqlPages, at: Position | undefined, rows: readonly unknown[], answer: unknown): Position | undefined {
  const number = at && 'number' in at ? at.number : undefined;
  if (pages.by === 'page') return rows.length === 0 ? undefined : { number: (number ?? pages.first ?? 1) + 1 };
  if (pages.by === 'offset') return rows.length === 0 ? undefined : { number: (number ?? 0) + rows.length };
  const [next = '', more = ''] = cursorPlaces(pages);
  const cursor = atPointer(answer, next);
  return atPointer(answer, more) === true && (typeof cursor === 'string' || typeof cursor === 'number') ? { cursor: String(cursor) } : undefined;
}

function rowsAt(answer: unknown, { items, item }: Pick<GraphqlList, 'items' | 'item'>, { dataset }: WantedRows): readonly unknown[] {
  const rows = atPointer(answer, items ?? '');
  if (Array.isArray(rows)) return item === undefined ? (rows as unknown[]) : rows.map((row: unknown) => atPointer(row, item));
  throw unlike(
    dataset,
    items === undefined
      ? 'its field gives no list of rows; if the list is in another field in it, say so with items'
      : `there is no list of rows at ${items}; if a row is inside of each element of a list, say so with item`,
  );
}

function fieldOf(dataset: FetchedDataset, name: string): Field {
  const field = dataset.fields.find((candidate) => candidate.name === name);
  if (!field) throw new Error(`${dataset.name} has no field ${name}`);
  return field;
}
