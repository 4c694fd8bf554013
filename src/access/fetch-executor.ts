import { cellRows, type FetchedRows, type Sources, type WantedRows } from '../sources/index.js';
import type { Keys, ReadRequest } from './binding.js';
import type { CompiledRead } from './compiled-read.js';
import { checkCursors } from './cursor-check.js';
import type { Executed, Executor } from './executor.js';
import { wantedRows } from './fetch-request.js';
import type { DatasetFetch, FetchPlan } from './fetch-plan.js';

const NO_ROWS = '[]';

/**
 * Runs reads of APIs: fetches the rows that may be in the answer, and runs the statement over them in the store, where each mask, filter and order
 * has its one implementation. The API's word is taken for nothing: what came is filtered as if it were all there is.
 */
export class FetchExecutor implements Executor {
  readonly #sources: Pick<Sources, 'api'>;
  readonly #store: Executor;

  constructor(sources: Pick<Sources, 'api'>, store: Executor) {
    this.#sources = sources;
    this.#store = store;
  }

  /** @throws HeadgateError QUERY_TOO_COMPLEX, UNAVAILABLE, TIMEOUT, CONTRACT_VIOLATION, each with `source`; as the store's executor */
  async run(read: CompiledRead, request: ReadRequest, keys?: Keys): Promise<Executed> {
    const { fetch } = read;
    if (!fetch) throw new Error('a read without a fetch came to an API');
    // Nothing is fetched for a cursor of somebody else.
    checkCursors(read, request.values);
    const fetched = new Map(
      await Promise.all(fetch.datasets.map(async (each) => [each.shape.dataset.name, await this.#json(fetch, each, request, keys)] as const)),
    );
    return this.#store.run(read, { ...request, fetched }, keys);
  }

  async #json({ source }: FetchPlan, fetch: DatasetFetch, request: ReadRequest, keys: Keys | undefined): Promise<string> {
    const wanted = wantedRows(fetch, request, keys);
    if (!wanted) return NO_ROWS;
    const { rows } = await this.#rows(source, wanted, request);
    return cellRows(wanted.dataset, rows, wanted.fields).json;
  }

  /** What is asked for twice by one request is fetched once. */
  async #rows(source: string, wanted: WantedRows, { fetches }: ReadRequest): Promise<FetchedRows> {
    const { dataset, tests, fields, first } = wanted;
    const key = JSON.stringify([source, dataset.name, tests, 'graphql' in dataset.source ? fields : [], first]);
    const found = fetches?.get(key);
    if (found) return found;
    const fetching = this.#sources.api(source).rows(wanted);
    fetches?.set(key, fetching);
    return fetching;
  }
}
