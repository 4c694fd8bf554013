import type { Principal } from '../identity/index.js';
import type { Sources } from '../sources/index.js';
import type { ReaderPool } from '../store/index.js';
import { answerTooLarge, checkBytes } from './answer-bytes.js';
import type { AnswerCache } from './answer-cache.js';
import { bind, given, type Fetches, type Keys, type ReadRequest } from './binding.js';
import type { CompiledRead } from './compiled-read.js';
import { addUp, CrossingReads, type Counted, type ReadFailure } from './crossing-reads.js';
import { checkCursors } from './cursor-check.js';
import type { Executed, Executor, Rows } from './executor.js';
import { FetchExecutor } from './fetch-executor.js';
import { secretsFor, type Cipher, type Encryption, type Secrets } from './opening.js';
import { SourceExecutor } from './source-executor.js';
import { StoreExecutor } from './store-executor.js';

/** The answer of one root field, or of one key of several. */
export interface ReadAnswer {
  /** JSON text as PostgreSQL built it; null when there is no such row. */
  readonly json: string | null;
  /** Rows in the answer, by dataset. */
  readonly rows: ReadonlyMap<string, number>;
  /** Relations to other places that are null since these did not answer. */
  readonly failures: readonly ReadFailure[];
  /** It was not read for this request. */
  readonly cached: boolean;
  /** Of the JSON; 0 where it was not measured, since it is short. Of a read by several keys, the first answer has those of all. */
  readonly bytes: number;
}

/** Of the columns behind the values of a row. */
const MOST_COUNT_BYTES = 1_000;

/** Runs compiled reads: each part of one in its place. */
export class Reader {
  readonly #store: Executor;
  readonly #sources: Executor | undefined;
  readonly #apis: Executor | undefined;
  readonly #cache: AnswerCache | undefined;
  readonly #cipher: Cipher | undefined;

  /**
   * @param sources where live datasets are; without it none can be read
   * @param cache of answers; without it none is kept
   * @param cipher of encrypted fields; without it none can be read
   */
  constructor(pool: Pick<ReaderPool, 'query'>, sources?: Pick<Sources, 'of' | 'api'>, cache?: AnswerCache, cipher?: Cipher) {
    this.#cipher = cipher;
    this.#store = new StoreExecutor(pool);
    this.#sources = sources && new SourceExecutor(sources);
    this.#apis = sources && new FetchExecutor(sources, this.#store);
    this.#cache = cache;
  }

  /**
   * @param values the request's values, by slot
   * @param patterns regular expressions among them: an invalid one is found before any row is, so that the error tells
   *   nothing of the data
   * @param catalogVersion of the catalog that the read was decided under. Only when it is given, the answer may be one that
   *   was kept: whoever gives it puts `cached` on the record
   * @throws HeadgateError BAD_USER_INPUT for a foreign cursor, a bad pattern or a value that its type can't hold;
   *   TIMEOUT; UNAVAILABLE when the root's place can't be reached, or too many wait for it; CONTRACT_VIOLATION when it is not as
   *   the contract says; QUERY_TOO_COMPLEX with `size` and `limit` (bytes) for an answer larger than the statement's bound.
   */
  async read(
    compiled: CompiledRead,
    values: readonly unknown[],
    principal: Principal,
    patterns: readonly string[] = [],
    catalogVersion?: string,
    fetches: Fetches = new Map(),
  ): Promise<ReadAnswer> {
    const request = { values, claims: principal.claims, patterns, secrets: await this.#secretsOf(compiled), fetches };
    checkCursors(compiled, values);
    const { keepable } = compiled;
    if (keepable && this.#cache && catalogVersion !== undefined) {
      const cause = { keepable, statement: compiled.name, values: bind(compiled.parameters, request), catalogVersion };
      const { columns, cached } = await this.#cache.answer(cause, async () => (await this.#run(compiled, request)).rows[0] ?? []);
      return { ...answerOf(compiled, columns), failures: [], cached };
    }
    const { statement, rows } = await this.#run(compiled, request);
    const root = answerOf(statement, rows[0] ?? []);
    if (compiled.crossings.length === 0) return { ...root, failures: [], cached: false };
    const crossing = new CrossingReads((read, keys) => this.#run(read, request, keys));
    const [complete = root] = await crossing.complete([root], compiled.crossings);
    const bytes = sizeOf([complete], statement.maxBytes);
    return { ...complete, bytes, failures: crossing.failures, cached: false };
  }

  /**
   * The answers of a read by several keys, one a key, in their order; none is kept. What failed is told by each of them.
   * @throws HeadgateError as `read`.
   */
  async readEach(
    compiled: CompiledRead,
    values: readonly unknown[],
    principal: Principal,
    patterns: readonly string[] = [],
    fetches: Fetches = new Map(),
  ): Promise<ReadAnswer[]> {
    const request = { values, claims: principal.claims, patterns, secrets: await this.#secretsOf(compiled), fetches };
    checkCursors(compiled, values);
    const { statement, rows } = await this.#run(compiled, request);
    const found = rows.map((columns): Counted => answerOf(statement, columns));
    const crossing = new CrossingReads((read, keys) => this.#run(read, request, keys));
    const complete = compiled.crossings.length === 0 ? found : await crossing.complete(found, compiled.crossings);
    const bytes = sizeOf(complete, statement.maxBytes);
    return complete.map((answer, i) => ({ ...answer, bytes: i === 0 ? bytes : 0, failures: crossing.failures, cached: false }));
  }

  /** The one place where rows become texts that leave: what is encrypted in them is decrypted here. */
  async #run(read: CompiledRead, request: ReadRequest, keys?: Keys): Promise<Executed<Rows>> {
    const executor = read.fetch ? this.#apis : read.elsewhere ? this.#sources : this.#store;
    if (!executor) throw new Error('there are no sources to read from here');
    const { statement, rows } = await executor.run(read, request, keys);
    const opened = await rows.opened(statement, request.secrets, this.#cipher);
    // Some characters take more room decrypted, and in quotes, than they did encrypted.
    if (statement.encryption.sealed.length > 0) checkSize(opened, statement.maxBytes);
    return { statement, rows: opened };
  }

  /** Undefined where no encrypted field has to do with it, which is nearly always. */
  async #secretsOf(read: CompiledRead): Promise<Secrets | undefined> {
    const all = encryptionsOf(read);
    if (all.every(({ sealed, blinded }) => sealed.length === 0 && blinded.length === 0)) return undefined;
    if (!this.#cipher) throw new Error('a read of encrypted fields without what decrypts');
    return secretsFor(
      this.#cipher,
      all.flatMap(({ blinded }) => blinded),
    );
  }
}

/** @throws HeadgateError QUERY_TOO_COMPLEX for one that was left in the database */
function answerOf(statement: CompiledRead, columns: readonly (string | null)[]): Counted & { readonly bytes: number } {
  const { members, counted } = statement;
  const behind = columns.slice(members?.length ?? 1);
  const bytes = checkBytes(statement, behind);
  const json = members ? objectOf(members, columns) : (columns[0] ?? null);
  return { json, rows: addUp(counted, behind), bytes };
}

function encryptionsOf({ encryption, crossings }: CompiledRead): readonly Encryption[] {
  return crossings.length === 0 ? [encryption] : [encryption, ...crossings.flatMap(({ read }) => encryptionsOf(read))];
}

function checkSize(rows: Rows, maxBytes: number | undefined): void {
  if (maxBytes === undefined) return;
  let bytes = 0;
  for (const columns of rows) for (const text of columns) bytes += Buffer.byteLength(text ?? '');
  // Beside the answer there are the counts of its rows.
  if (bytes > maxBytes + rows.length * MOST_COUNT_BYTES) throw answerTooLarge(bytes, maxBytes);
}

/** Of answers with what came from other places, in bytes. @throws HeadgateError QUERY_TOO_COMPLEX when they are too large together */
function sizeOf(answers: readonly Counted[], maxBytes: number | undefined): number {
  const bytes = answers.reduce((sum, { json }) => sum + Buffer.byteLength(json ?? ''), 0);
  if (maxBytes !== undefined && bytes > maxBytes) throw answerTooLarge(bytes, maxBytes);
  return bytes;
}

/** The statement's parameters: with them, its text says all there is to know of a read in the store. */
export function boundValues({ parameters }: CompiledRead, values: readonly unknown[], { claims }: Principal): unknown[] {
  return given(parameters, values, claims);
}

/** Strung together and not joined: a page is large, and a join copies it. */
function objectOf(keys: readonly string[], values: readonly (string | null)[]): string {
  let text = '{';
  keys.forEach((key, i) => (text += `${i === 0 ? '' : ','}${JSON.stringify(key)}:${values[i] ?? 'null'}`));
  return `${text}}`;
}
