import { Readable } from 'node:stream';
import { datasetKind, didYouMean, listOf, type Catalog, type SourceSpec } from '../../../catalog/index.js';
import { HeadgateError } from '../../../kernel/index.js';
import { localName, TakenNames, type HttpClients } from '../../../sources/index.js';
import type { CollectedSources } from '../../collectors/postgres/remote-rows.js';
import { dialectRequest } from '../../dialect/dialect.js';
import { contractText } from '../contract-text.js';
import { Inference, type InferredDataset } from '../inference.js';
import { readRows } from '../read-rows.js';
import { collectorText } from './collector-text.js';
import { graphqlSample } from './graphql-sample.js';
import { httpSample } from './http-sample.js';
import { postgresSample } from './postgres-sample.js';
import type { Sample, SampleBounds } from './sample.js';

export interface SourceInferRequest {
  readonly source: string;
  /** Of an API a path with its query, of a GraphQL API a root field, of a PostgreSQL a table. */
  readonly from: string;
  /** Of the dataset; by `from` when absent. */
  readonly name?: string | undefined;
  /** Of an API: a JSON pointer to the rows. */
  readonly items?: string | undefined;
  /** Of an API: JSON that is sent with POST. */
  readonly body?: string | undefined;
  readonly mostRows?: number | undefined;
  readonly mostPages?: number | undefined;
}

export interface InferredSource {
  /** A document of kind Dataset and one of kind Collector, as YAML that can be applied. */
  readonly manifest: string;
  readonly dataset: InferredDataset;
  readonly collector: string;
}

export interface SourceInferenceOptions {
  readonly clients: Pick<HttpClients, 'of'>;
  readonly sources: CollectedSources;
  readonly maxValueBytes: number;
  /** Names that are taken. */
  readonly collectors: () => Promise<readonly string[]>;
  readonly timeoutMs?: number;
}

const MOST_ROWS = 10_000;
const MOST_ROWS_EVER = 100_000;
const MOST_PAGES = 10;
const MOST_PAGES_EVER = 100;
/** Somebody waits for it. */
const TIMEOUT_MS = 30_000;

/**
 * Looks at some rows of a declared source and writes the contract that they have, as `infer` does for files, with the collector
 * that brings them. Nothing is loaded. No value of a row is in what it writes: whoever may declare datasets need not see any.
 */
export class SourceInference {
  readonly #options: SourceInferenceOptions;

  constructor(options: SourceInferenceOptions) {
    this.#options = options;
  }

  /**
   * @throws HeadgateError NOT_FOUND for an unknown source; BAD_USER_INPUT for one of another type, for what is not there, and for a name
   *   that is taken; TIMEOUT; as the source's
   */
  async infer(request: SourceInferRequest, catalog: Catalog): Promise<InferredSource> {
    const source = sourceNamed(request.source, catalog);
    const { timeoutMs = TIMEOUT_MS } = this.#options;
    const ending = new AbortController();
    const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(timeoutMs)]);
    const bounds = {
      mostRows: boundOf('rows', request.mostRows, MOST_ROWS, MOST_ROWS_EVER),
      mostPages: boundOf('pages', request.mostPages, MOST_PAGES, MOST_PAGES_EVER),
      signal,
    };
    try {
      const sample = await this.#sample(source, request, bounds);
      const names = await this.#names(sample.called, request.name, source, catalog);
      return await this.#described(sample, { source: source.name, ...names }, bounds);
    } catch (error) {
      if (!signal.aborted) throw error;
      const message = `The source ${source.name} gave too little within ${timeoutMs / 1_000} seconds. Look at fewer rows or pages: --sample, --pages.`;
      throw new HeadgateError('TIMEOUT', message, { source: source.name }, { cause: error });
    } finally {
      // A sample that is not read to its end.
      ending.abort();
    }
  }

  async #sample(source: SourceSpec, { from, items, body }: SourceInferRequest, bounds: SampleBounds): Promise<Sample> {
    const { clients, sources } = this.#options;
    if (source.type === 'http') return httpSample(clients.of(source), { from, items, body }, bounds);
    const said = items === undefined ? (body === undefined ? undefined : 'body') : 'items';
    if (said !== undefined)
      throw new HeadgateError('BAD_USER_INPUT', `${said}: it is for a source of type http; ${source.name} is ${source.type}.`, { path: said });
    if (source.type === 'graphql') return graphqlSample(clients.of(source), from, bounds);
    if (source.type === 'postgres') return postgresSample(sources, source, from, bounds);
    throw new HeadgateError('BAD_USER_INPUT', `The source ${source.name} is of type ${source.type}; http, graphql and postgres can be looked at.`, {
      source: source.name,
    });
  }

  async #described(sample: Sample, names: { source: string; dataset: string; collector: string }, { mostRows }: SampleBounds): Promise<InferredSource> {
    const inference = new Inference({ mostRows, tellsValues: false });
    inference.describe(sample.columns);
    const { maxValueBytes } = this.#options;
    const stream = Readable.from(withEnd(sample.rows));
    const ended = await readRows({ stream, format: 'ndjson', packing: undefined, dialect: dialectRequest({}), maxValueBytes }, inference.visitor());
    inference.isWhole = ended && sample.isWhole();
    const dataset = await inference.dataset(names.dataset, [sample.seen()], [], sample.key);
    const { part, remarks } = sample.part(dataset.fields, dataset.key);
    const isOpen = !inference.isWhole && sample.columns.length === 0;
    const contract = contractText(dataset, [...sample.remarks, ...(isOpen ? [UNSEEN] : [])]);
    return { manifest: `${contract}---\n${collectorText({ ...names, name: names.collector, part, remarks })}`, dataset, collector: names.collector };
  }

  /** @throws HeadgateError BAD_USER_INPUT for a name that a dataset has */
  async #names(called: string, wanted: string | undefined, { name: source }: SourceSpec, { datasets }: Catalog) {
    const taken = new TakenNames(datasets.keys());
    if (wanted !== undefined && taken.has(wanted)) {
      const message = `There is a dataset "${wanted}" already. Give another name; what a source brings that its contract does not have is told by the contract's drift.`;
      throw new HeadgateError('BAD_USER_INPUT', message, { path: 'name' });
    }
    const last = called.split('/').findLast((segment) => segment !== '') ?? source;
    const [first = 'rows', ...others] = [localName(last, 'rows'), localName(`${source}_${last}`, 'rows')].filter(isName);
    const dataset = wanted ?? taken.take(first, ...others);
    const collector = new TakenNames(await this.#options.collectors()).take(localName(`${source}_${dataset}`, 'collector'));
    return { dataset, collector };
  }
}

const UNSEEN = 'With drift: evolve the contract takes in what the others have beside: another member, a wider number.';

/** Some names are the control plane's. */
function isName(name: string): boolean {
  return datasetKind.schema.safeParse({ name, fields: [{ name: 'id', type: 'text' }] }).success;
}

/** What has no rows at all is content too. */
async function* withEnd(rows: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield* rows;
  yield Buffer.from('\n');
}

function sourceNamed(name: string, { sources }: Catalog): SourceSpec {
  const source = sources.get(name);
  if (source) return source;
  const known = `${didYouMean(name, sources.keys())} Known: ${listOf(sources.keys())}.`;
  throw new HeadgateError('NOT_FOUND', `There is no source "${name.slice(0, 64)}".${known} Declare it with a document of kind Source.`);
}

function boundOf(path: string, said: number | undefined, usual: number, most: number): number {
  if (said === undefined) return usual;
  if (Number.isInteger(said) && said >= 1 && said <= most) return said;
  throw new HeadgateError('BAD_USER_INPUT', `${path}: expected a whole number from 1 to ${most}.`, { path });
}
