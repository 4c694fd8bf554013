import type { RowLimits } from '../../catalog/index.js';
import { isHeadgateError } from '../../kernel/index.js';
import type { HttpAnswer } from '../http/http-answer.js';
import type { HttpClient, HttpRequest } from '../http/http-client.js';
import { tooMuch } from './row-error.js';
import type { WantedRows } from './wanted-rows.js';

/** Somebody waits for the answer: what fails is tried once more, and soon or not at all. */
const PATIENCE = { retries: 1, longestWaitMs: 250 } as const;

export interface FetchBudgetOptions {
  readonly wanted: WantedRows;
  readonly client: Pick<HttpClient, 'send' | 'placeOf'>;
  readonly limits: RowLimits;
  readonly signal: AbortSignal;
}

/** Sends the requests that rows are fetched by, and no more than the limits allow. */
export class FetchBudget {
  readonly #options: FetchBudgetOptions;
  #requests = 0;
  #bytes = 0;
  #rows = 0;

  constructor(options: FetchBudgetOptions) {
    this.#options = options;
  }

  get limits(): RowLimits {
    return this.#options.limits;
  }

  /** @throws HeadgateError QUERY_TOO_COMPLEX when it would be one request, or one byte, too many; as `HttpClient.send` */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    const { wanted, client, limits, signal } = this.#options;
    if (this.#requests >= limits.requests) throw tooMuch(wanted, 'requests', limits.requests);
    this.#requests += 1;
    const maxBytes = Math.max(limits.bytes - this.#bytes, 1);
    try {
      const answer = await client.send({ ...request, ...PATIENCE, maxBytes, signal });
      this.#bytes += answer.body.length;
      // Requests that are under way together know of each other only now.
      if (this.#bytes > limits.bytes) throw tooMuch(wanted, 'bytes', limits.bytes);
      return answer;
    } catch (error) {
      if (isHeadgateError(error) && error.code === 'DATA_REJECTED' && error.details['expected'] === maxBytes) throw tooMuch(wanted, 'bytes', limits.bytes);
      throw error;
    }
  }

  /** Where an answer says that the next page is. @throws HeadgateError DATA_REJECTED when it is at another host */
  placeOf(url: string, answer: HttpAnswer): string {
    return this.#options.client.placeOf(url, answer);
  }

  /** Takes note of rows that came. @throws HeadgateError QUERY_TOO_COMPLEX when they are too many */
  take(rows: readonly unknown[]): void {
    const { wanted, limits } = this.#options;
    this.#rows += rows.length;
    this.expect(this.#rows);
    if (this.#rows > limits.rows) throw tooMuch(wanted, 'rows', limits.rows);
  }

  /** The API says that there are so many: then it is known now that they are too many. */
  expect(rows: number): void {
    const { wanted, limits } = this.#options;
    if (rows > limits.rows && !wanted.first) throw tooMuch(wanted, 'rows', limits.rows);
  }
}
