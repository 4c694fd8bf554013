import { LruMap, type Log } from '../../kernel/index.js';
import type { Outbound } from '../../outbound/index.js';
import { HttpClient } from './http-client.js';
import type { HttpSourceSpec } from './http-source.js';

/** Sources whose clients are kept. */
const MOST_SOURCES = 500;

export interface HttpClientsOptions {
  readonly secrets: ReadonlyMap<string, string>;
  readonly outbound: Pick<Outbound, 'fetch'>;
  readonly log: Log;
  readonly restMs?: number;
  readonly random?: () => number;
}

/** The clients of APIs: one for all in this process who use the source, so that its rate and its rest hold for them together. */
export class HttpClients {
  readonly #options: HttpClientsOptions;
  readonly #clients = new LruMap<string, { readonly definition: string; readonly client: HttpClient }>(MOST_SOURCES);

  constructor(options: HttpClientsOptions) {
    this.#options = options;
  }

  /** Of the source as it is defined now: what is kept of an older definition (its token, its rate) is given up. */
  of(source: HttpSourceSpec): HttpClient {
    const definition = JSON.stringify(source);
    const known = this.#clients.get(source.name);
    if (known?.definition === definition) return known.client;
    const client = new HttpClient({ ...this.#options, source });
    this.#clients.set(source.name, { definition, client });
    return client;
  }
}
