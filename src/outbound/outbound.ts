import type { LookupFunction } from 'node:net';
import { Agent, buildConnector, Pool } from 'undici';
import type { AllowedAddress } from '../config/index.js';
import { HeadgateError, type Log } from '../kernel/index.js';
import { failureOf, type Circumstances } from './failure.js';
import { firstHop, type Hop, type OutboundRequest } from './outbound-request.js';
import { OutboundResponse } from './outbound-response.js';
import { bare, Reach, type Resolve } from './reach.js';
import { redirected } from './redirect.js';

export interface OutboundOptions {
  /** Inside the own network. */
  readonly allow: readonly AllowedAddress[];
  readonly log: Log;
  /** How names are looked up; as the system does when absent. */
  readonly resolve?: Resolve;
}

const MAX_REDIRECTS = 5;
const MAX_HEADER_BYTES = 32 * 1024;
const IDLE_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** A timer takes no longer one. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** Connections to one origin. */
const MAX_CONNECTIONS = 32;

/**
 * The one client for what is fetched: it reaches public addresses and what the configuration allows, and nothing else of the own network,
 * whatever a name, a redirect or a change of DNS says. Proxies of the environment are not used. No URL's query, user or password, and no
 * header, is in an error or the log.
 */
export class Outbound {
  readonly #reach: Reach;
  readonly #log: Log;
  readonly #closing = new AbortController();
  readonly #agent: Agent;
  /** Apart: a connection to a place that only the operator's own URL may reach is not for other requests. */
  readonly #trustedAgent: Agent;

  constructor({ allow, log, resolve }: OutboundOptions) {
    this.#reach = new Reach({ allow, resolve });
    this.#log = log;
    this.#agent = agentOf(this.#reach, false);
    this.#trustedAgent = agentOf(this.#reach, true);
  }

  /**
   * Resolves when the headers of an answer of any status are there. At most 5 redirects are followed, each checked like the first; another
   * origin gets no credential, and a trusted URL's redirect to another host or port is not trusted.
   * @throws HeadgateError BAD_USER_INPUT for a URL that may not be reached or a request that can't be sent; UNAVAILABLE when there is no
   *   such host, no connection, no trusted TLS, or no end to redirects; TIMEOUT; DATA_REJECTED when the answer can't be read. What `signal`
   *   aborts throws its reason.
   */
  async fetch(request: OutboundRequest): Promise<OutboundResponse> {
    let hop = firstHop(request);
    const trusted = placeOf(hop.url);
    let isTrusted = request.trusted === true;
    const deadline = AbortSignal.timeout(timerOf(request.timeoutMs));
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const answer = await this.#send(hop, isTrusted, request, deadline);
      const next = request.redirects === 'return' ? undefined : nextHop(hop, answer);
      if (!next) return answer;
      hop = next;
      // Once it has led elsewhere, whoever is there would choose what is asked for inside.
      isTrusted = isTrusted && placeOf(hop.url) === trusted;
    }
    const { host, hostname } = hop.url;
    throw new HeadgateError('UNAVAILABLE', `${host} redirects more than ${MAX_REDIRECTS} times. Use the final URL.`, { host: bare(hostname) });
  }

  /**
   * The addresses of a host that may be reached, for a client of another protocol; one that is given an address and not a name looks
   * nothing up, so it is asked here before.
   * @throws HeadgateError BAD_USER_INPUT when it may not be reached; UNAVAILABLE when there is no such host.
   */
  async checkHost(host: string, port: number): Promise<readonly string[]> {
    return (await this.#reach.addresses(host, port)).map(({ address }) => address);
  }

  /** For `net.connect` and `tls.connect`: refuses what may not be reached. What is allowed for one port only is refused: see `lookupFor`. */
  get lookup(): LookupFunction {
    return this.#reach.lookupFor(undefined);
  }

  /** The same for connections to one port. */
  lookupFor(port: number): LookupFunction {
    return this.#reach.lookupFor(port);
  }

  /** What is under way fails. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.#agent.destroy(), this.#trustedAgent.destroy()]);
  }

  async #send(hop: Hop, isTrusted: boolean, request: OutboundRequest, deadline: AbortSignal): Promise<OutboundResponse> {
    const { url, method, headers, body } = hop;
    const { maxBytes, timeoutMs, idleTimeoutMs = IDLE_TIMEOUT_MS, signal } = request;
    const host = bare(url.hostname);
    const closing = this.#closing.signal;
    // The path of a URL that is a secret as a whole may be one.
    const place = isTrusted ? url.origin : `${url.origin}${url.pathname}`;
    const about: Circumstances = { place, host, timeoutMs, idleTimeoutMs, signal, deadline, closing };
    const ending = AbortSignal.any([deadline, closing, ...(signal ? [signal] : [])]);
    const agent = isTrusted ? this.#trustedAgent : this.#agent;
    const began = performance.now();
    try {
      ending.throwIfAborted();
      const sent = agent.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers,
        body: body ?? null,
        signal: ending,
        headersTimeout: timerOf(idleTimeoutMs),
        bodyTimeout: timerOf(idleTimeoutMs),
      });
      const { statusCode: status, headers: received, body: stream } = await unlessAborted(sent, ending);
      this.#log.debug({ host, method, status, milliseconds: Math.round(performance.now() - began) }, 'fetched');
      return new OutboundResponse({ status, headers: received, url, host, stream, maxBytes, failure: (error) => failureOf(error, about) });
    } catch (error) {
      const failure = failureOf(error, about);
      if (failure instanceof HeadgateError) this.#log.debug({ host, method, code: failure.code }, 'not fetched');
      throw failure;
    }
  }
}

/** Nought would be no bound to the client. */
function timerOf(milliseconds: number): number {
  return Math.min(Math.max(Math.ceil(milliseconds), 1), LONGEST_TIMEOUT_MS);
}

function placeOf(url: URL): string {
  return `${url.hostname}:${portOf(url)}`;
}

function portOf({ protocol, port }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}

function nextHop(hop: Hop, answer: OutboundResponse): Hop | undefined {
  try {
    const next = redirected(hop, answer.status, answer.header('location'));
    if (next) answer.discard();
    return next;
  } catch (error) {
    answer.discard();
    throw error;
  }
}

function agentOf(reach: Reach, isTrusted: boolean): Agent {
  return new Agent({
    factory: (origin, options) => {
      const port = portOf(new URL(origin));
      const connector = buildConnector({ lookup: reach.lookupFor(port, isTrusted), timeout: CONNECT_TIMEOUT_MS, allowH2: false });
      return new Pool(origin, {
        ...options,
        connections: MAX_CONNECTIONS,
        maxHeaderSize: MAX_HEADER_BYTES,
        allowH2: false,
        connect: (target, done) => {
          try {
            if (!isTrusted) reach.checkLiteral(target.hostname, port);
          } catch (error) {
            done(error as Error, null);
            return;
          }
          connector(target, done);
        },
      });
    },
  });
}

/** The client hears of an abort only when it has a connection: until then names are looked up, and connections are waited for. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } catch (error) {
    // It comes too late, if it comes.
    promise.catch(() => undefined);
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
