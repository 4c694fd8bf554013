import { DEFAULT_BATCH } from '../../catalog/index.js';
import type { FetchBudget } from './fetch-budget.js';
import { tooMuch, unlike } from './row-error.js';
import { listFilters, listLists, MOST_VALUES, writes } from './row-writing.js';
import type { AskedTest, Position, RowsApi } from './rows-api.js';
import type { FetchedRows, RowTest, WantedRows } from './wanted-rows.js';

/**
 * Fetches rows in the way that takes the fewest of them: by key where the tests name keys, else those of the list that meet what the
 * API can be asked for. What it can't be asked for is left out: then more rows come.
 * @throws HeadgateError QUERY_TOO_COMPLEX when more would have to be fetched than may be
 */
export async function gather(wanted: WantedRows, api: RowsApi, budget: FetchBudget): Promise<FetchedRows> {
  if (wanted.tests.some(({ operator, values }) => operator === 'in' && values.length === 0)) return { rows: [], isCut: false };
  const gathering = new Gathering(wanted, api, budget);
  const byKey = gathering.byKey();
  if (byKey) return { rows: await byKey(), isCut: false };
  return gathering.listed();
}

class Gathering {
  readonly #wanted: WantedRows;
  readonly #api: RowsApi;
  readonly #budget: FetchBudget;

  constructor(wanted: WantedRows, api: RowsApi, budget: FetchBudget) {
    this.#wanted = wanted;
    this.#api = api;
    this.#budget = budget;
  }

  /** Undefined where the tests do not say the keys, or rows are not had by them. */
  byKey(): (() => Promise<readonly unknown[]>) | undefined {
    const { dataset, byKey, tests: all } = this.#wanted;
    const tests = byKey ?? all;
    const { get, batch } = this.#declared();
    const named = dataset.key.map((name) => tests.find(({ field, operator }) => field === name && operator === 'in'));
    const [first] = named;
    if (!first || named.includes(undefined)) return undefined;
    if (get && named.every((test) => test?.values.length === 1)) {
      const key = new Map(dataset.key.map((name, i) => [name, named[i]?.values[0] ?? '']));
      if (this.#api.gets(key)) return () => this.#got([key]);
    }
    if (named.length > 1) return undefined;
    const { values } = first;
    const size = batch?.max ?? DEFAULT_BATCH;
    if (batch && writes(values, 'lists' in batch ? batch.lists : undefined) && Math.ceil(values.length / size) <= this.#budget.limits.requests) {
      return () => this.#together(chunksOf(values, size).map((keys) => async () => this.#api.several(this.#wanted, keys, this.#budget)));
    }
    const keys = values.map((value) => new Map([[first.field, value]]));
    // A list that takes several values needs fewer requests.
    const isListed = !byKey && listFilters(dataset)[first.field]?.in !== undefined && writes(values, listLists(dataset));
    if (get && !isListed && keys.length <= this.#budget.limits.requests && keys.every((key) => this.#api.gets(key))) return () => this.#got(keys);
    return undefined;
  }

  async listed(): Promise<FetchedRows> {
    const { dataset, tests, first } = this.#wanted;
    if (!this.#declared().list) throw tooMuch(this.#wanted, 'rows', 0);
    const asked = tests.flatMap((test) => this.#asked(test));
    const long = asked.find((alternatives) => alternatives.length > 1);
    // Of several tests with many values, one is asked for in pieces. Rows without a key that come twice could not be told apart.
    const pieces = long && !first && dataset.key.length > 0 && long.length <= this.#budget.limits.requests ? long : [undefined];
    const whole = asked.flatMap((alternatives) => (alternatives.length === 1 ? alternatives : []));
    const found = await Promise.all(pieces.map((piece) => this.#pages(piece ? [...whole, piece] : whole)));
    return { rows: found.flatMap(({ rows }) => rows), isCut: found.some(({ isCut }) => isCut) };
  }

  /** How the list is asked for a test: in one or more pieces, of which each row meets one; none where it can't be. */
  #asked(test: RowTest): AskedTest[][] {
    const { dataset } = this.#wanted;
    const operators = listFilters(dataset)[test.field] ?? {};
    if (test.operator !== 'in') {
      const as = operators[test.operator];
      return as === undefined ? [] : [[{ ...test, as, takes: 'one' }]];
    }
    const { eq, in: several } = operators;
    const { values } = test;
    if (values.length === 1 && eq !== undefined) return [[{ ...test, as: eq, takes: 'one' }]];
    if (several !== undefined && writes(values, listLists(dataset))) {
      return [chunksOf(values, MOST_VALUES).map((chunk) => ({ ...test, values: chunk, as: several, takes: 'several' }))];
    }
    return eq === undefined ? [] : [values.map((value) => ({ ...test, values: [value], as: eq, takes: 'one' }))];
  }

  async #pages(tests: readonly AskedTest[]): Promise<FetchedRows> {
    const { first } = this.#wanted;
    const rows: unknown[] = [];
    let at: Position | undefined;
    for (;;) {
      const page = await this.#api.page(this.#wanted, tests, at, this.#budget);
      if (page.count !== undefined) this.#budget.expect(page.count);
      this.#take(page.rows);
      for (const row of page.rows) rows.push(row);
      if (first && rows.length >= first.rows) return { rows, isCut: true };
      if (!page.next || (page.count !== undefined && 'number' in page.next && rows.length >= page.count)) return { rows, isCut: false };
      at = page.next;
    }
  }

  async #got(keys: readonly ReadonlyMap<string, string>[]): Promise<readonly unknown[]> {
    return this.#together(
      keys.map((key) => async () => {
        const row = await this.#api.one(this.#wanted, key, this.#budget);
        return row === undefined || row === null ? [] : [row];
      }),
    );
  }

  async #together(requests: readonly (() => Promise<readonly unknown[]>)[]): Promise<readonly unknown[]> {
    const answers = await Promise.all(
      requests.map(async (request) => {
        const rows = await request();
        this.#take(rows);
        return rows;
      }),
    );
    return answers.flat();
  }

  #take(rows: readonly unknown[]): void {
    if (!rows.every((row) => typeof row === 'object' && row !== null && !Array.isArray(row))) throw unlike(this.#wanted.dataset, 'a row is no object');
    this.#budget.take(rows);
  }

  #declared() {
    const { source } = this.#wanted.dataset;
    return 'http' in source ? source.http : source.graphql;
  }
}

function chunksOf<T>(values: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, i) => values.slice(i * size, (i + 1) * size));
}
