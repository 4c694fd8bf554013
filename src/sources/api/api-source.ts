import { limitsOf, timeoutMsOf, type Catalog } from '../../catalog/index.js';
import { HeadgateError, isHeadgateError, type ErrorCode, type Log } from '../../kernel/index.js';
import type { HttpAnswer } from '../http/http-answer.js';
import type { HttpClient, HttpRequest } from '../http/http-client.js';
import type { HttpSourceSpec } from '../http/http-source.js';
import type { ImportedTables } from '../import-tables.js';
import type { SourceStatus } from '../postgres-source.js';
import { FetchBudget } from './fetch-budget.js';
import { gather } from './gather.js';
import { GraphqlRowsApi } from './graphql-rows-api.js';
import { importGraphql } from './import-graphql.js';
import { HttpRowsApi } from './http-rows-api.js';
import type { FetchedRows, WantedRows } from './wanted-rows.js';

/** What the root of an API answers is not looked at: that it does is enough. */
const STATUS_BYTES = 1_000_000;

export interface ApiSourceOptions {
  readonly source: HttpSourceSpec;
  readonly client: HttpClient;
  readonly log: Log;
}

/** An API whose rows stay there: what is wanted of them is fetched for each answer, within limits, and kept nowhere. */
export class ApiSource {
  readonly name: string;
  readonly #options: ApiSourceOptions;

  constructor(options: ApiSourceOptions) {
    this.#options = options;
    this.name = options.source.name;
  }

  /**
   * At least the rows that are wanted. That they are no others is for whoever asks to see to: an API is not trusted with it.
   * @throws HeadgateError QUERY_TOO_COMPLEX when more would be fetched than the dataset's limits allow, with `filters` that would make it fewer;
   *   CONTRACT_VIOLATION, UNAVAILABLE or TIMEOUT; each with `source`
   */
  async rows(wanted: WantedRows): Promise<FetchedRows> {
    const { source, client } = this.#options;
    const at = wanted.dataset.source;
    const api = 'http' in at ? new HttpRowsApi(at.http) : new GraphqlRowsApi(at.graphql);
    const ending = new AbortController();
    // All requests for one part of an answer have the time of one.
    const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(timeoutMsOf(source))]);
    const budget = new FetchBudget({ wanted, client, limits: limitsOf('http' in at ? at.http : at.graphql), signal });
    try {
      return await gather(wanted, api, budget);
    } catch (error) {
      const failure = this.#failureOf(error);
      this.#options.log.warn(
        { source: this.name, dataset: wanted.dataset.name, code: failure instanceof HeadgateError ? failure.code : '' },
        'a source did not answer as it should',
      );
      throw failure;
    } finally {
      // Requests beside one that failed.
      ending.abort();
    }
  }

  /** For those who run it: of some values nobody sees that they are there. Names and numbers alone. @param misfits by field */
  noteMisfits(dataset: string, misfits: ReadonlyMap<string, number>): void {
    this.#options.log.warn(
      { source: this.name, dataset, misfits: Object.fromEntries(misfits) },
      'values of a source do not fit the types of their fields, and are null',
    );
  }

  /** Describes what it has as manifests. @throws HeadgateError as `importGraphql`, and as `rows` */
  async import(catalog: Catalog, wanted?: readonly string[]): Promise<ImportedTables> {
    const send = async (request: HttpRequest): Promise<HttpAnswer> => {
      try {
        return await this.#options.client.send(request);
      } catch (error) {
        throw this.#failureOf(error);
      }
    };
    return importGraphql({ name: this.name, send }, catalog, wanted);
  }

  /** Asks it; never rejects. */
  async status(): Promise<{ readonly status: SourceStatus; readonly error?: HeadgateError }> {
    const { source, client } = this.#options;
    const request = source.type === 'graphql' ? ({ method: 'POST', body: '{"query":"{ __typename }"}' } as const) : {};
    try {
      await client.send({ ...request, retries: 0, longestWaitMs: 0, maxBytes: STATUS_BYTES, timeoutMs: timeoutMsOf(source) });
      return { status: 'OK' };
    } catch (error) {
      const failure = this.#failureOf(error);
      if (!isHeadgateError(failure)) throw error;
      // Nothing need be at the root of an API: something answers there, and knows who asks.
      const answered = Number(failure.details['status'] ?? 0);
      if (failure.code === 'DATA_REJECTED' || (source.type === 'http' && [400, 404, 405, 406, 410].includes(answered))) return { status: 'OK' };
      return { status: client.isLeftAlone ? 'OPEN' : 'UNREACHABLE', error: failure };
    }
  }

  /** In words for whoever reads: no address, and of the API nothing but its name. */
  #failureOf(error: unknown): unknown {
    const { name } = this;
    const made = (code: ErrorCode, what: string, details = {}) =>
      new HeadgateError(code, `The source ${name} ${what}`, { source: name, ...details }, { cause: error });
    if (error instanceof DOMException) return made('TIMEOUT', 'took longer than it may. Ask for fewer rows, or by a filter that it can be asked for.');
    if (!isHeadgateError(error) || error.code === 'QUERY_TOO_COMPLEX' || error.details['dataset'] !== undefined) return error;
    const { status, variable } = error.details;
    const details = { ...(status !== undefined && { status }), ...(variable !== undefined && { variable }) };
    if (error.code === 'RATE_LIMITED') return made('UNAVAILABLE', 'takes no more requests for now. Try again later.', details);
    if (error.code === 'TIMEOUT') return made('TIMEOUT', 'did not answer in time. Try again in a moment.', details);
    if (error.code === 'UNAVAILABLE') return made('UNAVAILABLE', 'can not be reached now, or could not answer. Try again in a moment.', details);
    if (error.code === 'BAD_USER_INPUT') return made('CONTRACT_VIOLATION', 'may not be asked where its document, or an answer of it, leads.', details);
    if (error.code === 'DATA_REJECTED') return made('CONTRACT_VIOLATION', 'gives an answer that is damaged, is no text, or leads to another host.', details);
    return made('CONTRACT_VIOLATION', 'does not let its user have, does not have, or does not understand what the contract names.', details);
  }
}
