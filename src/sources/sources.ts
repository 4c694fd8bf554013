import {
  didYouMean,
  isFetched,
  listOf,
  resolveSecret,
  toLiveSource,
  type Catalog,
  type Dataset,
  type Inspection,
  type LiveSource,
  type SourceInspector,
  type SourceSpec,
} from '../catalog/index.js';
import { HeadgateError, isHeadgateError, type Log } from '../kernel/index.js';
import { importTables, type ImportedTables } from './import-tables.js';
import { ApiSource } from './api/api-source.js';
import { inspectApi } from './api/inspect-api.js';
import type { HttpClients } from './http/http-clients.js';
import type { HttpSourceSpec } from './http/http-source.js';
import { inspect } from './inspect.js';
import { ReplicationSession } from './postgres/replication-session.js';
import { SourceSession, type SessionOptions } from './postgres/source-session.js';
import { PostgresSource, type SourceStatus } from './postgres-source.js';

/** How long a source that failed several times is left alone, in milliseconds. */
const REST_MS = 5_000;

export interface SourceState {
  readonly source: SourceSpec;
  /** `UNASKED`: one whose rows do not stay there is asked only when they are collected. */
  readonly status: SourceStatus | 'UNASKED';
  /** Why it is not `OK`. */
  readonly error?: HeadgateError;
}

export interface SourcesOptions {
  /** The variables that manifests may name, with their full names. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly log: Log;
  readonly restMs?: number;
  /** Of APIs; without them none can be asked. */
  readonly clients?: Pick<HttpClients, 'of'> | undefined;
}

/** Without its datasets no API is asked how it is. */
type Settled = Pick<Catalog, 'sources'> & Partial<Pick<Catalog, 'datasets'>>;

/**
 * The sources of the catalog, each with sessions of its own, which are opened when it is first asked for something, and
 * closed when it leaves the catalog or changes.
 */
export class Sources implements SourceInspector {
  readonly #options: SourcesOptions;
  readonly #open = new Map<string, { readonly definition: string; readonly source: PostgresSource }>();
  #catalog: Settled = { sources: new Map() };

  constructor(options: SourcesOptions) {
    this.#options = options;
  }

  /** From now on this catalog's sources are the ones that can be asked for. */
  settle(catalog: Settled): void {
    this.#catalog = catalog;
    for (const [name, { definition, source }] of this.#open) {
      const wanted = catalog.sources.get(name);
      if (wanted && definitionOf(wanted) === definition) continue;
      this.#open.delete(name);
      this.#end(source);
    }
  }

  /** @throws HeadgateError UNAVAILABLE when the catalog has no such source any more, or its secret is not set */
  of(name: string): PostgresSource {
    const found = this.#open.get(name);
    if (found) return found.source;
    const wanted = this.#catalog.sources.get(name);
    if (!wanted) throw new HeadgateError('UNAVAILABLE', `The source ${name} is not in the catalog any more. Try again.`, { source: name });
    const source = this.#make(wanted);
    this.#open.set(name, { definition: definitionOf(wanted), source });
    return source;
  }

  /** An API. @throws HeadgateError UNAVAILABLE when the catalog has no such source any more */
  api(name: string): ApiSource {
    const wanted = this.#catalog.sources.get(name);
    if (!wanted || !isApi(wanted)) throw new HeadgateError('UNAVAILABLE', `The source ${name} is not in the catalog any more. Try again.`, { source: name });
    return this.#api(wanted);
  }

  /**
   * Describes tables of a source as manifests, or what a GraphQL API has.
   * @throws HeadgateError NOT_FOUND for an unknown source; as `importTables`
   */
  async import(name: string, catalog: Catalog, tables?: readonly string[]): Promise<ImportedTables> {
    const source = catalog.sources.get(name);
    if (!source) {
      const known = `${didYouMean(name, catalog.sources.keys())} Known: ${listOf(catalog.sources.keys())}.`;
      throw new HeadgateError('NOT_FOUND', `There is no source "${name.slice(0, 64)}".${known} Declare it with a document of kind Source.`);
    }
    if (source.type === 'http') {
      const message = `The source ${name} is an API that does not describe itself: write its datasets by hand, with http and list. One that is collected can be written by: headgate dataset infer --source ${name}`;
      throw new HeadgateError('BAD_USER_INPUT', message, { source: name });
    }
    if (source.type === 'graphql') return this.#api(source).import(catalog, tables);
    return this.borrow(source, (open) => importTables(open, catalog, tables));
  }

  /** How it goes with each source of the catalog, by name. They are all asked at once. */
  async states(): Promise<readonly SourceState[]> {
    const asked = [...this.#catalog.sources.values()].map(async (source): Promise<SourceState> => {
      try {
        const asked = this.#asked(source);
        if (!asked) return { source, status: 'UNASKED' };
        const { status, error } = await asked.status();
        return { source, status, ...(error && { error }) };
      } catch (error) {
        if (!isHeadgateError(error)) throw error;
        return { source, status: 'UNREACHABLE', error };
      }
    });
    return Promise.all(asked);
  }

  async inspect(wanted: SourceSpec, dataset: Dataset): Promise<Inspection> {
    if (isFetched(dataset) && isApi(wanted)) return inspectApi(this.#api(wanted), dataset);
    return this.borrow(wanted, (source) => inspect(source, dataset));
  }

  /** Undefined for one of which no rows stay there. */
  #asked(source: SourceSpec): Pick<PostgresSource, 'status'> | undefined {
    if (toLiveSource(source)) return this.of(source.name);
    const isLive = [...(this.#catalog.datasets?.values() ?? [])].some((dataset) => isFetched(dataset) && dataset.source.source === source.name);
    return isLive && isApi(source) ? this.#api(source) : undefined;
  }

  #api(source: HttpSourceSpec): ApiSource {
    const { clients, log } = this.#options;
    if (!clients) throw new Error('no API can be asked from here');
    return new ApiSource({ source, client: clients.of(source), log });
  }

  /** Runs `work` with a source as it is defined now, which may be otherwise than in the catalog: an apply is under way. */
  async borrow<T>(wanted: SourceSpec, work: (source: PostgresSource) => Promise<T>): Promise<T> {
    const source = this.#make(wanted);
    try {
      return await work(source);
    } finally {
      this.#end(source);
    }
  }

  /**
   * A session of its own with a PostgreSQL, for work that takes long. It is cut when the signal aborts.
   * @throws HeadgateError UNAVAILABLE; BAD_USER_INPUT for a source of another type
   */
  async open(wanted: SourceSpec, signal: AbortSignal, { writes = false } = {}): Promise<SourceSession> {
    return SourceSession.open({ ...this.#whereOf(wanted), writes }, signal);
  }

  /** The same for replication. */
  async openReplication(wanted: SourceSpec, signal: AbortSignal): Promise<ReplicationSession> {
    return ReplicationSession.open(this.#whereOf(wanted), signal);
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map(({ source }) => source.close()));
  }

  /** @throws HeadgateError BAD_USER_INPUT for a source of another type; UNAVAILABLE when its secret is not set */
  #make(spec: SourceSpec): PostgresSource {
    const source = toLiveSource(spec);
    if (!source)
      throw new HeadgateError('BAD_USER_INPUT', `The source ${spec.name} is of type ${spec.type}, and rows can not stay there.`, { source: spec.name });
    const { secrets, log, restMs = REST_MS } = this.#options;
    return new PostgresSource({ source, url: urlOf(source, secrets), log, restMs });
  }

  #whereOf(spec: SourceSpec): SessionOptions {
    const source = toLiveSource(spec);
    if (!source) throw new HeadgateError('BAD_USER_INPUT', `The source ${spec.name} is not a PostgreSQL.`, { source: spec.name });
    return { source: source.name, url: urlOf(source, this.#options.secrets), connectMs: source.timeoutMs };
  }

  /** Nobody waits for it: a source that hangs closes late. */
  #end(source: PostgresSource): void {
    source.close().catch(() => this.#options.log.warn({ source: source.name }, 'a source did not close as it should'));
  }
}

function isApi(source: SourceSpec): source is HttpSourceSpec {
  return source.type === 'http' || source.type === 'graphql';
}

function definitionOf(source: SourceSpec): string {
  return JSON.stringify(source);
}

/** @throws HeadgateError UNAVAILABLE that names the variable, never its value */
function urlOf({ name, url }: LiveSource, secrets: ReadonlyMap<string, string>): string {
  let resolved: string;
  try {
    resolved = resolveSecret(url, secrets);
  } catch (error) {
    throw new HeadgateError('UNAVAILABLE', `The source ${name}: ${(error as Error).message}`, { source: name });
  }
  if (/^postgres(ql)?:\/\//.test(resolved)) return resolved;
  throw new HeadgateError('UNAVAILABLE', `The source ${name}: what ${url.slice(2, -1)} holds is not a URL that begins with postgres://.`, { source: name });
}
