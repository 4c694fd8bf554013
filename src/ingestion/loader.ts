import { QueryFailedError } from 'typeorm';
import type { Config } from '../config/index.js';
import type { ContractDrift, Dataset } from '../catalog/index.js';
import type { ContractKeeper } from '../governance/index.js';
import { HeadgateError, isHeadgateError, type Log } from '../kernel/index.js';
import type { Outbound } from '../outbound/index.js';
import { prepareParser } from '../sql/index.js';
import { cancelOnAbort, type Database } from '../store/index.js';
import type { FieldCipher } from '../vault/index.js';
import { tellRows } from './copy-progress.js';
import type { DialectRequest } from './dialect/dialect.js';
import { JoinedContent } from './joined/joined-content.js';
import { inPart, tellingFiles } from './joined/places.js';
import { Drifted } from './drift.js';
import { fetched } from './fetched.js';
import type { Format } from './format.js';
import { load } from './load.js';
import type { LoadRequest, SpooledLoad } from './load-request.js';
import type { LoadMode, LoadOutcome } from './outcome.js';
import { Veil } from './parquet/veil.js';
import { Previewed } from './preview.js';
import { isPattern } from './file-pattern.js';
import { filesBelow, mayBeSeveral, openSource, openSources, type OpenSource } from './source.js';
import { withoutNames } from './unseen-file.js';
import { sealedContent } from './sealed-content.js';
import { Spool, type Sealing } from './spool.js';
import { announcedPacking, ByteCounter } from './unpack.js';

export interface LoaderOptions {
  readonly database: Database;
  readonly config: Pick<Config, 'home' | 'limits' | 'filesDir'>;
  readonly log: Log;
  /** Of encrypted fields; without it no dataset with such fields can be loaded. */
  readonly cipher?: FieldCipher | undefined;
  /** Of loads from URLs; without it there are none. */
  readonly outbound?: Outbound | undefined;
  /** Of contracts that follow what comes; without it no dataset with such a contract can be loaded. */
  readonly contracts?: ContractKeeper | undefined;
}

/** What a replay needs to know. */
export interface ReplayRequest extends Pick<LoadRequest, 'runId' | 'dataset' | 'mode' | 'signal' | 'inTransaction' | 'actor'> {
  readonly ids?: readonly string[] | undefined;
  readonly patch: Readonly<Record<string, string | null>>;
}

const AS_IT_IS: DialectRequest = { said: {}, detect: false };

/**
 * The load kernel: a source of rows goes into a dataset entirely or not at all. Rows that break the contract go to
 * quarantine; read = loaded + quarantined + deduplicated, always.
 */
export class Loader {
  readonly #database: Database;
  readonly #config: LoaderOptions['config'];
  readonly #spool: Spool;
  readonly #cipher: FieldCipher | undefined;
  readonly #outbound: Outbound | undefined;
  readonly #contracts: ContractKeeper | undefined;

  constructor({ database, config, cipher, contracts, outbound }: LoaderOptions) {
    this.#outbound = outbound;
    this.#cipher = cipher;
    this.#contracts = contracts;
    this.#database = database;
    this.#config = config;
    this.#spool = new Spool(config.home);
  }

  /** Deletes what killed processes left in the spool. */
  async start(): Promise<void> {
    await this.#spool.sweep();
  }

  /**
   * Loads and commits. Memory is bounded by the largest row, whatever the size of the source.
   * @throws HeadgateError DATA_REJECTED (details: line, column, file) when the content can't be loaded as a whole;
   *   BAD_USER_INPUT for a request that makes no sense; NOT_FOUND for a missing file or dataset; CONFLICT when the contract changed
   *   meanwhile or the idempotency key came with other content. The signal's reason when it aborts. Nothing is changed then.
   */
  async load(request: LoadRequest): Promise<LoadOutcome> {
    const { runId, dataset, mode, signal, onProgress } = request;
    checkMode(dataset, mode);
    announcedPacking(request.contentEncoding, undefined);
    const maxBytes = this.#config.limits.maxUploadBytes;
    const sources = counted(this.#sources(request), (bytesRead, bytesTotal) =>
      onProgress?.({ phase: 'receive', bytesRead, ...(bytesTotal !== undefined && { bytesTotal }) }),
    );
    const { format: wanted, contentEncoding, dialect = AS_IT_IS } = request;
    const content = await JoinedContent.open({
      sources,
      several: mayBeSeveral(request.source),
      format: wanted,
      contentEncoding,
      dialect,
      dataset,
      maxBytes,
    }).catch((error: unknown) => {
      throw withoutNames(error, request);
    });
    const { format } = content;
    try {
      const sealing = await this.#sealing(dataset, format);
      const outcome = await this.#spool.with(runId, content, { maxBytes, signal, sealing }, async (spooled) => {
        request.onRead?.(content.readAs);
        return this.#loadSpooled({ ...request, spooled, format, inTransaction: tellingFiles(request, content) });
      });
      onProgress?.({ phase: 'done', bytesRead: outcome.bytes, bytesTotal: outcome.bytes });
      return { ...outcome, readAs: content.readAs };
    } catch (error) {
      signal?.throwIfAborted();
      throw withoutNames(inPart(fromOutside(error), content), request);
    } finally {
      content.destroy();
    }
  }

  /**
   * Loads rows of the quarantine and commits. Those that pass leave it, the others stay there with their new reasons; of rows that
   * left it meanwhile there are none, so that the same replay twice does what one does.
   * @throws HeadgateError as `load`
   */
  async replay({ ids, patch, ...request }: ReplayRequest): Promise<LoadOutcome> {
    checkMode(request.dataset, request.mode);
    const spooled = { path: '', size: 0, contentSize: 0, hash: `replay/${request.runId}`, dialect: {}, parts: [] };
    try {
      return await this.#loadSpooled({ ...request, spooled, format: 'csv', replay: { ids, patch, cipher: this.#cipher } });
    } catch (error) {
      request.signal?.throwIfAborted();
      throw fromOutside(error);
    }
  }

  /** @throws HeadgateError NOT_FOUND or BAD_USER_INPUT when the file below the configured folder can't be loaded. */
  async checkFile(file: string): Promise<void> {
    if (isPattern(file)) {
      await filesBelow(file, this.#config.filesDir);
      return;
    }
    const { stream } = await openSource({ file }, this.#config.filesDir);
    stream.destroy();
  }

  #sources({ source, signal }: LoadRequest): AsyncIterable<OpenSource> {
    if (!('url' in source)) return openSources(source, this.#config.filesDir);
    if (!this.#outbound) throw new Error('a load from a URL without who fetches');
    return fetched(this.#outbound, source.url, { maxBytes: this.#config.limits.maxUploadBytes, signal });
  }

  /** For a dataset with encrypted fields: its content is encrypted before it is written anywhere. */
  async #sealing(dataset: Dataset, format: Format): Promise<Sealing | undefined> {
    if (!dataset.fields.some(({ encrypted }) => encrypted)) return undefined;
    const cipher = this.#cipher;
    if (!cipher) throw new Error('a load of encrypted fields without what encrypts');
    const { maxValueBytes } = this.#config.limits;
    const hash = await cipher.contentHash(dataset.id);
    if (format === 'parquet') {
      const veil = new Veil();
      return { hash, sealed: (content) => veil.hidden(content), veil, cipher };
    }
    return { hash, sealed: (content, dialect) => sealedContent(content, { dataset, format, dialect, cipher, maxValueBytes }) };
  }

  /** An attempt may find that the contract must follow its rows: then the next one begins with what it must become. */
  async #loadSpooled(request: SpooledLoad): Promise<LoadOutcome> {
    await prepareParser();
    for (let drift: ContractDrift | undefined, attempt = 1; ;) {
      try {
        const outcome = await this.#attempt({ ...request, ...(drift && { drift }) });
        if (outcome.drift) await this.#contracts?.settled();
        return outcome;
      } catch (error) {
        if (error instanceof Previewed) return error.outcome;
        if (error instanceof Drifted) drift = error.drift;
        else if (isBusy(error) && drift && attempt < ATTEMPTS) attempt += 1;
        else throw error;
      }
    }
  }

  async #attempt(request: SpooledLoad): Promise<LoadOutcome> {
    return this.#database.transaction(async (tx) => {
      const stop = await cancelOnAbort(this.#database.connection, tx, request.signal);
      const rows = await tellRows(this.#database, tx, request.onProgress);
      try {
        return await load(
          tx,
          { ...request, onProgress: rows.onProgress },
          {
            maxValueBytes: this.#config.limits.maxValueBytes,
            contracts: this.#contracts,
            cipher: this.#cipher,
          },
        );
      } catch (error) {
        request.signal?.throwIfAborted();
        throw error;
      } finally {
        rows.stop();
        await stop();
      }
    });
  }
}

/** The table of a dataset whose contract follows its rows may be read: then it is tried so often, from the start. */
const ATTEMPTS = 3;

function isBusy(error: unknown): boolean {
  return isHeadgateError(error) && error.details['busy'] === true;
}

/** @throws HeadgateError BAD_USER_INPUT when rows can't go into the dataset in this mode. */
export function checkMode(dataset: Dataset, mode: LoadMode): void {
  if (mode === 'merge' && dataset.key.length === 0) {
    throw new HeadgateError('BAD_USER_INPUT', `"${dataset.name}" has no key, so rows can't be merged. Use append or replace, or give its contract a key.`, {
      dataset: dataset.name,
    });
  }
  if (dataset.producedBy !== undefined) {
    throw new HeadgateError('BAD_USER_INPUT', `"${dataset.name}" is made by the pipeline "${dataset.producedBy}"; load its inputs instead.`, {
      dataset: dataset.name,
    });
  }
}

/** What is no fault of the data, in our words: the load can simply be sent again. */
function fromOutside(thrown: unknown): unknown {
  const error = thrown instanceof QueryFailedError ? thrown.driverError : thrown;
  const code = codeOf(error);
  const isCut = error instanceof Error && !(error instanceof HeadgateError) && error.message.startsWith('Connection terminated');
  const message = isCut ? CUT : MESSAGES.find(([pattern]) => pattern.test(code))?.[1];
  return message === undefined ? thrown : new HeadgateError('UNAVAILABLE', message, {}, { cause: error });
}

const CUT = 'The connection to the database was cut while the rows were loaded. Nothing was changed: send them again.';

/** By SQLSTATE, or the code of the system's error. */
const MESSAGES: readonly (readonly [RegExp, string])[] = [
  [/^(57P|08)|^(ECONNRESET|EPIPE)$/, CUT],
  [/^53100$/, 'The disk of the database is full. Nothing was changed: make room, and send the rows again.'],
  [/^53/, 'The database has not what it needs for this load now (memory, sessions). Nothing was changed: send the rows again later.'],
  [/^(ENOSPC|EDQUOT)$/, 'The disk of HEADGATE_HOME is full, where content waits until it is loaded. Nothing was changed: make room, and send the rows again.'],
];

function codeOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return error instanceof Error && !(error instanceof HeadgateError) && typeof code === 'string' ? code : '';
}

/** The sources, with what of all of them has come so far. */
async function* counted(sources: AsyncIterable<OpenSource>, told: (bytes: number, total: number | undefined) => void): AsyncGenerator<OpenSource> {
  let before = 0;
  let isFirst = true;
  for await (const source of sources) {
    const { stream, size } = source;
    const start = before;
    // How much is still to come is known of a single one.
    const total = isFirst ? size : undefined;
    isFirst = false;
    const counter = new ByteCounter((bytes) => told((before = start + bytes), total));
    stream.on('error', (error) => counter.destroy(error));
    counter.on('close', () => stream.destroy());
    // Whoever reads it hears of its failure; one that comes before it is read, while the spool's file is being opened,
    // would without a listener end the process.
    counter.on('error', () => undefined);
    yield { ...source, stream: stream.pipe(counter) };
  }
}
