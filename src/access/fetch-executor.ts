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
    const [page] = fetch.datasets.length === 1 ? fetch.datasets : [];
    if (page?.page) {
      const paged = await this.#paged(read, page, request);
      if (paged) return paged;
    }
    const fetched = new Map(
      await Promise.all(
        fetch.datasets.map(async (each) => [each.shape.dataset.name, (await this.#json(fetch, wantedRows(each, request, keys, false), request)).json] as const),
      ),
    );
    return this.#store.run(read, { ...request, fetched }, keys);
  }

  /**
   * Over no more rows than the page needs. Undefined where the API can't be asked for just these, and where it gave one that does not belong to them:
   * then there may be others in its place behind those that came.
   */
  async #paged(read: CompiledRead, fetch: DatasetFetch, request: ReadRequest): Promise<Executed | undefined> {
    const wanted = wantedRows(fetch, request, undefined, true);
    if (!read.fetch || !wanted?.first) return undefined;
    const { json, rows, isCut } = await this.#json(read.fetch, wanted, request);
    const executed = await this.#store.run(read, { ...request, fetched: new Map([[wanted.dataset.name, json]]) });
    return isCut && executed.rows.lastNumber !== rows ? undefined : executed;
  }

  async #json(
    { source }: FetchPlan,
    wanted: WantedRows | undefined,
    request: ReadRequest,
  ): Promise<{ readonly json: string; readonly rows: number; readonly isCut: boolean }> {
    if (!wanted) return { json: NO_ROWS, rows: 0, isCut: false };
    const { rows, isCut } = await this.#rows(source, wanted, request);
    const { json, misfits } = cellRows(wanted.dataset, rows, wanted.fields);
    if (misfits.size > 0) this.#sources.api(source).noteMisfits(wanted.dataset.name, misfits);
    return { json, rows: rows.length, isCut };
  }

  /** What is asked for twice by one request is fetched once. */
  async #rows(source: string, wanted: WantedRows, { fetches }: ReadRequest): Promise<FetchedRows> {
    const { dataset, tests, byKey, fields, first } = wanted;
    const key = JSON.stringify([source, dataset.name, tests, byKey, 'graphql' in dataset.source ? fields : [], first]);
    const found = fetches?.get(key);
    if (found) return found;
    const fetching = this.#sources.api(source).rows(wanted);
    fetches?.set(key, fetching);
    return fetching;
  }
}
