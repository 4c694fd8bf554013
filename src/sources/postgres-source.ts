import { CircuitState, circuitBreaker, ConsecutiveBreaker, handleWhen, TaskCancelledError, timeout, TimeoutStrategy, wrap } from 'cockatiel';
import type { LiveSource, RemoteTable } from '../catalog/index.js';
import { HeadgateError, LruMap, type Log } from '../kernel/index.js';
import { render } from '../sql/index.js';
import { ReaderPool, type PreparedQuery } from '../store/index.js';
import { columnsSql } from './describe-table.js';
import { LIST_TABLES, type ListedTable } from './list-tables.js';
import type { RemoteColumn } from './remote-column.js';
import { FACTS, OLDEST_SOURCE, type ServerFacts } from './server-facts.js';
import { codeOf, isOutage, mayHaveChanged, sourceError } from './source-error.js';

/** So many failures one after the other, and the source is left alone. */
const FAILURES = 5;
/** A statement is ended by the server after this part of the source's time, so that the server can say so in the rest of it. */
const OF_THE_TIME = 0.9;
/** How long after its time a session that said nothing is kept, in milliseconds. */
const GRACE_MS = 1_000;
/** Tables whose columns are kept in mind. */
const KNOWN_TABLES = 1_000;

/** How it goes with a source: it answers; it does not; it did not several times, and is left alone for now. */
export type SourceStatus = 'OK' | 'UNREACHABLE' | 'OPEN';

export interface PostgresSourceOptions {
  readonly source: LiveSource;
  /** Where it is: with its password, so it is kept nowhere else. */
  readonly url: string;
  readonly log: Log;
  /** How long a source is left alone, in milliseconds. */
  readonly restMs: number;
}

/**
 * Another PostgreSQL, read through sessions of its own. Whatever is asked of it ends within the source's time, and while it
 * is down nobody waits for it at all. All errors are HeadgateErrors with `source` in their details.
 */
export class PostgresSource {
  readonly name: string;
  readonly #options: PostgresSourceOptions;
  readonly #pool: ReaderPool;
  readonly #breaker;
  readonly #bound;
  readonly #policy;
  readonly #tables = new LruMap<string, Promise<readonly RemoteColumn[] | undefined>>(KNOWN_TABLES);
  #facts: Promise<ServerFacts> | undefined;

  constructor(options: PostgresSourceOptions) {
    const { source, url, restMs } = options;
    this.#options = options;
    this.name = source.name;
    this.#pool = new ReaderPool(
      { connectionString: url },
      { guest: true, size: source.poolSize, statementTimeoutMs: Math.floor(source.timeoutMs * OF_THE_TIME), connectMs: source.timeoutMs, graceMs: GRACE_MS },
    );
    this.#breaker = circuitBreaker(handleWhen(isOutage), { halfOpenAfter: restMs, breaker: new ConsecutiveBreaker(FAILURES) });
    this.#bound = timeout(source.timeoutMs, TimeoutStrategy.Aggressive);
    // Inside, so that silence is a failure; outside, since whoever waits to see another's try wants its own answer in time.
    this.#policy = wrap(this.#bound, this.#breaker, this.#bound);
  }

  /**
   * The rows, each a list of its columns' texts.
   * @param mayFail a condition of a grant in it may raise an error on some row
   * @throws HeadgateError UNAVAILABLE, TIMEOUT, CONTRACT_VIOLATION, or BAD_USER_INPUT for a value that its type can't hold
   */
  async query(statement: PreparedQuery, { mayFail = false } = {}): Promise<(string | null)[][]> {
    try {
      return await this.#policy.execute(() => this.#pool.query(statement));
    } catch (error) {
      if (mayHaveChanged(error)) this.forget();
      this.#options.log.warn({ source: this.name, code: codeOf(error) }, 'a source did not answer as it should');
      throw sourceError(this.name, error, mayFail);
    }
  }

  /** Runs what asks several things of it, all of it within the source's time. */
  async bounded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await this.#bound.execute(work);
    } catch (error) {
      throw error instanceof TaskCancelledError ? sourceError(this.name, error) : error;
    }
  }

  /** @throws HeadgateError as `query`; UNAVAILABLE for a server that is too old */
  async facts(): Promise<ServerFacts> {
    this.#facts ??= this.#kept(this.#readFacts(), () => (this.#facts = undefined));
    return this.#facts;
  }

  /** The columns of a table as they were when they were last looked at; undefined when it is not there. */
  async columns(table: RemoteTable['table']): Promise<readonly RemoteColumn[] | undefined> {
    const key = JSON.stringify([table.schema, table.name]);
    return this.#tables.getOrMake(key, () => this.#kept(this.#readColumns(table), () => this.#tables.delete(key)));
  }

  /** All that its user may read. */
  async tables(): Promise<readonly ListedTable[]> {
    return ((await this.#json(LIST_TABLES)) ?? []) as readonly ListedTable[];
  }

  /** What is known of the server and its tables may be wrong by now. */
  forget(): void {
    this.#facts = undefined;
    this.#tables.clear();
  }

  /** Asks it; never rejects. */
  async status(): Promise<{ readonly status: SourceStatus; readonly error?: HeadgateError }> {
    try {
      await this.query({ text: 'SELECT 1::text', values: [] });
      return { status: 'OK' };
    } catch (error) {
      return { status: this.#breaker.state === CircuitState.Open ? 'OPEN' : 'UNREACHABLE', error: sourceError(this.name, error) };
    }
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  /** So that a failure is not kept. */
  #kept<T>(reading: Promise<T>, forget: () => void): Promise<T> {
    reading.catch(forget);
    return reading;
  }

  async #readFacts(): Promise<ServerFacts> {
    const { folding, ...facts } = (await this.#json(FACTS)) as { version: number; folding: ServerFacts['folding'] | null };
    const major = Math.floor(facts.version / 10_000);
    if (major < OLDEST_SOURCE) {
      throw new HeadgateError('UNAVAILABLE', `The source ${this.name} is PostgreSQL ${major}; ${OLDEST_SOURCE} or later can be read.`, {
        source: this.name,
        expected: OLDEST_SOURCE,
        actual: major,
      });
    }
    return { ...facts, ...(folding && { folding }) };
  }

  async #readColumns(table: RemoteTable['table']): Promise<readonly RemoteColumn[] | undefined> {
    const columns = (await this.#json(render(columnsSql(table)).text)) as
      | (Omit<RemoteColumn, 'collation'> & { collation: RemoteColumn['collation'] | null })[]
      | null;
    return columns?.map(({ collation, ...column }) => ({ ...column, ...(collation && { collation }) }));
  }

  async #json(text: string): Promise<unknown> {
    const [row] = await this.query({ text, values: [] });
    return JSON.parse(row?.[0] ?? 'null');
  }
}
