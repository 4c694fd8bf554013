import { isUtf8 } from 'node:buffer';
import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhen } from 'cockatiel';
import { parseDuration, timeoutMsOf } from '../../catalog/index.js';
import { HeadgateError, isHeadgateError, type Log } from '../../kernel/index.js';
import { retryAfter, type Outbound, type OutboundResponse } from '../../outbound/index.js';
import { Authorization } from './authorization.js';
import { HttpAnswer } from './http-answer.js';
import { failureAt, isOutage, statusError } from './http-error.js';
import { secretOf, type HttpSourceSpec } from './http-source.js';
import { withPatience } from './patience.js';
import { Places } from './places.js';
import { RateBudget } from './rate-budget.js';
import { placeBelow, urlBelow, urlFrom, urlOfPlace, type QueryParameters } from './request-url.js';

/** So many failures one after the other, and the source is left alone. */
const FAILURES = 5;
/** Requests at a time to one source, and those that wait. */
const AT_A_TIME = 8;
const WAITING = 1_000;
/** A shorter one is no secret, and would be found in what is none. */
const SHORTEST_SECRET = 6;
const MAX_BYTES = 32 * 1_024 * 1_024;

/** What is asked of a source. By default it is patient, as somebody who collects is; somebody who waits for an answer says `retries`. */
export interface HttpRequest {
  /** Below the URL of the source: `/orders`; that URL itself when absent. */
  readonly path?: string;
  /** Instead of a path: where an answer leads, as `placeOf` tells it. */
  readonly place?: string;
  /** Takes the place of parameters of the same name. */
  readonly query?: QueryParameters;
  /** GET when absent. */
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  /** A text of JSON. */
  readonly body?: string;
  /** Sent again it does no harm. By default so for GET only. */
  readonly repeatable?: boolean;
  /** Of the answer, unpacked; 32 MiB when absent. */
  readonly maxBytes?: number;
  /** For one try, its answer read; by default the source's. */
  readonly timeoutMs?: number;
  /** Tries after the first; 5 when absent. */
  readonly retries?: number;
  /** A source that asks to be left alone (Retry-After) for longer is not waited for; a minute when absent. */
  readonly longestWaitMs?: number;
  readonly signal?: AbortSignal;
}

export interface HttpClientOptions {
  readonly source: HttpSourceSpec;
  /** The variables that manifests may name, with their full names. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly outbound: Pick<Outbound, 'fetch'>;
  readonly log: Log;
  /** How long a source that failed several times is left alone. */
  readonly restMs?: number;
  readonly now?: () => number;
  /** From 0 to 1: which part of a time is waited before another try. */
  readonly random?: () => number;
}

/**
 * One API: who asks is said as its document declares, no more is sent than it may take, what fails for a while is sent again, and
 * while it is down nobody waits for it. All errors are HeadgateErrors with `source` in their details; none has a URL, a header or a
 * word of an answer.
 */
export class HttpClient {
  readonly name: string;
  readonly #options: HttpClientOptions;
  readonly #authorization: Authorization;
  readonly #isSecret: boolean;
  readonly #budget: RateBudget | undefined;
  readonly #places = new Places({ size: AT_A_TIME, most: WAITING });
  readonly #restMs: number;
  readonly #breaker;

  constructor(options: HttpClientOptions) {
    const { source, restMs = 5_000, now = () => performance.now() } = options;
    this.#options = options;
    this.name = source.name;
    this.#isSecret = source.url.startsWith('${');
    this.#authorization = new Authorization({ ...options, now });
    this.#budget = source.rate && new RateBudget({ requests: source.rate.requests, perMs: (parseDuration(source.rate.per) ?? 1) * 1_000 });
    this.#restMs = restMs;
    this.#breaker = circuitBreaker(handleWhen(isOutage), { halfOpenAfter: restMs, breaker: new ConsecutiveBreaker(FAILURES) });
  }

  /** It failed several times, and nobody waits for it now. */
  get isLeftAlone(): boolean {
    return this.#breaker.state === CircuitState.Open;
  }

  /**
   * Resolves with an answer of success, read whole.
   * @throws HeadgateError UNAVAILABLE, TIMEOUT or RATE_LIMITED (details: retryAfter, in seconds) when it may succeed later; CONTRACT_VIOLATION when the
   *   source refuses it; DATA_REJECTED for an answer that is too large, damaged, or no text; BAD_USER_INPUT for a path or host that may not
   *   be asked. What `signal` aborts throws its reason.
   */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    const { retries = 5, longestWaitMs = 60_000, method = 'GET', repeatable = method === 'GET', signal = new AbortController().signal } = request;
    try {
      const patience = { retries: repeatable ? retries : 0, longestWaitMs, restMs: this.#restMs };
      return await withPatience(patience, signal, () => this.#breaker.execute(() => this.#inTurn(request, signal)), this.#options.random);
    } catch (error) {
      signal.throwIfAborted();
      this.#options.log.debug({ source: this.name, code: isHeadgateError(error) ? error.code : (error as Error).name }, 'a source did not answer as it should');
      throw failureAt(this.name, error, this.#isSecret);
    }
  }

  /**
   * Where an answer leads, such as to the next page: a place at the source, in a text that may be kept and shown. Neither the source's own
   * URL nor a secret is in it.
   * @param url as the answer has it
   * @throws HeadgateError DATA_REJECTED when it leads to another host, which gets no credentials
   */
  placeOf(url: string, answer: Pick<HttpAnswer, 'url'>): string {
    try {
      const base = this.#base();
      const secrets = new Set([...this.#options.secrets.values()].filter((value) => value.length >= SHORTEST_SECRET));
      return placeBelow(base, urlFrom(base, url, new URL(answer.url)), secrets);
    } catch (error) {
      throw failureAt(this.name, error, this.#isSecret);
    }
  }

  async #inTurn(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    return this.#places.run(signal, async () => {
      const headers = await this.#authorization.headers(signal);
      const answer = await this.#once(request, headers, signal);
      // A token may be withdrawn before its time.
      if (answer.status !== 401 || !this.#authorization.renews(headers)) return this.#read(answer);
      answer.discard();
      return this.#read(await this.#once(request, await this.#authorization.headers(signal), signal));
    });
  }

  async #once(request: HttpRequest, authorization: Readonly<Record<string, string>>, signal: AbortSignal): Promise<OutboundResponse> {
    const { source, outbound } = this.#options;
    const { method = 'GET', body, maxBytes = MAX_BYTES, timeoutMs = timeoutMsOf(source), headers = {} } = request;
    const url = this.#urlOf(request);
    await this.#budget?.take(signal);
    const sent = {
      accept: 'application/json',
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
      ...authorization,
    };
    return outbound.fetch({ url, trusted: this.#isSecret, method, headers: sent, ...(body !== undefined && { body }), maxBytes, timeoutMs, signal });
  }

  #urlOf({ path = '', place, query = {} }: HttpRequest): string {
    const base = this.#base();
    const url = place === undefined ? urlBelow(base, path, query) : urlOfPlace(base, place);
    // What authorizes may be in the URL itself.
    url.username = base.username;
    url.password = base.password;
    return url.href;
  }

  #base(): URL {
    const { source, secrets } = this.#options;
    const text = secretOf(this.name, source.url, secrets);
    if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text);
    const message = `The source ${this.name}: what ${source.url.slice(2, -1)} holds is not a URL that begins with http:// or https://.`;
    throw new HeadgateError('BAD_USER_INPUT', message, { source: this.name });
  }

  async #read(answer: OutboundResponse): Promise<HttpAnswer> {
    const { status, headers, url } = answer;
    if (status < 200 || status > 299) {
      answer.discard();
      throw statusError(this.name, status, retryAfter(headers, new Date()));
    }
    const charset = /;\s*charset="?(?<charset>[^\s";]+)/i.exec(answer.header('content-type') ?? '')?.groups?.['charset'] ?? 'utf-8';
    const bytes = await answer.bytes();
    return new HttpAnswer({ source: this.name, status, headers, url, body: this.#utf8(bytes, charset) });
  }

  #utf8(bytes: Buffer, charset: string): Buffer {
    if (/^(utf-?8|us-ascii)$/i.test(charset) && isUtf8(bytes)) return bytes;
    try {
      return Buffer.from(new TextDecoder(charset, { fatal: true }).decode(bytes));
    } catch {
      throw new HeadgateError('DATA_REJECTED', `What the source ${this.name} answers is not text in the character set that it names (UTF-8 when none).`, {
        source: this.name,
      });
    }
  }
}
