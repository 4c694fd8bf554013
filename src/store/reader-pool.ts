import pg from 'pg';
import { HeadgateError } from '../kernel/index.js';
import { sessionConfig, type Connection } from './connection.js';
import { KeptClients } from './kept-clients.js';
import { StatementCache } from './statement-cache.js';
import { Outbox, runTextQuery } from './text-query.js';

export interface ReaderOptions {
  readonly statementTimeoutMs: number;
  readonly size: number;
  /** Sessions at work at once, as long as nobody waits for long; all when absent. */
  readonly busy?: number;
  /** How many prepared statements one connection keeps; the least recently used goes first. */
  readonly maxStatements?: number;
}

const READER_ROLE = 'headgate_reader';
const CONNECT_MS = 10_000;
/** A session that nobody has used for so long is ended. */
const IDLE_MS = 60_000;

/** A statement with its parameters; `name` is the hash of its text, so one name never stands for two texts. Without it nothing is kept. */
export interface PreparedQuery {
  readonly name?: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/**
 * The pool of the data plane. Each session has the role `headgate_reader`, which can SELECT from the schema `data` and
 * nothing else, is read-only, sees only `pg_catalog` without a schema name, and ends a statement that runs too long.
 */
export class ReaderPool {
  readonly #pool: pg.Pool;
  readonly #clients: KeptClients;
  readonly #maxStatements: number;
  readonly #outbox = new Outbox();
  readonly #statements = new WeakMap<pg.PoolClient, StatementCache>();

  constructor(connection: Connection, { statementTimeoutMs, size, busy = size, maxStatements = 500 }: ReaderOptions) {
    this.#maxStatements = maxStatements;
    this.#pool = new pg.Pool({
      ...sessionConfig(
        connection,
        `-c role=${READER_ROLE} -c default_transaction_read_only=on -c search_path=pg_catalog -c statement_timeout=${statementTimeoutMs}`,
      ),
      max: size,
      connectionTimeoutMillis: CONNECT_MS,
      idleTimeoutMillis: 1,
      verify: checkRole,
    } as pg.PoolConfig);
    // A connection that is cut leaves the pool by itself, idle or in use; without a listener it would end the process.
    this.#pool.on('error', () => undefined);
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
    this.#clients = new KeptClients(this.#pool, { size, busy: Math.min(busy, size), waitMs: CONNECT_MS, idleMs: IDLE_MS });
  }

  /**
   * Rows as arrays of texts and nulls, in the order of the statement's columns. A read whose connection turns out to be cut is tried once
   * more, on another one: it has changed nothing.
   */
  async query<Row extends (string | null)[]>(query: PreparedQuery): Promise<Row[]> {
    try {
      return await this.#run<Row>(query);
    } catch (error) {
      if (!isCut(error)) throw error;
      return this.#run<Row>(query);
    }
  }

  /** Runs `work` in one repeatable-read transaction on one connection, for reads that belong together or are streamed. */
  async snapshot<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return this.#withClient(async (client) => {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      try {
        const result = await work(client);
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined);
        throw error;
      }
    });
  }

  async close(): Promise<void> {
    this.#clients.close();
    await this.#pool.end();
  }

  async #run<Row extends (string | null)[]>(query: PreparedQuery): Promise<Row[]> {
    return this.#withClient(async (client) => {
      if (query.name !== undefined) await this.#statementsOf(client).use(query.name);
      return await runTextQuery<Row>(client, query, this.#outbox);
    });
  }

  async #withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const taken = this.#clients.take();
    const client = taken instanceof Promise ? await taken : taken;
    let broken: Error | undefined;
    try {
      return await work(client);
    } catch (error) {
      // A statement's own failure leaves the connection good; anything else (cut, protocol, a throw in between) may not.
      if (!(error instanceof pg.DatabaseError) || isCut(error)) broken = error as Error;
      throw error;
    } finally {
      this.#clients.give(client, broken);
    }
  }

  #statementsOf(client: pg.PoolClient): StatementCache {
    const found = this.#statements.get(client) ?? new StatementCache(client, this.#maxStatements);
    this.#statements.set(client, found);
    return found;
  }
}

/**
 * Once for each new connection: a pooler in between may drop the settings of a session's start, and with them the role.
 * Reads would then run with all rights of the owner, so they don't run.
 */
function checkRole(client: pg.PoolClient, done: (error?: Error) => void): void {
  client.query<{ role: string }>('SELECT current_user AS role', (error: Error | null, result) => {
    if (error) return done(error);
    if (result.rows[0]?.role === READER_ROLE) return done();
    const message = `Reads need sessions with the role ${READER_ROLE}, and this one has another: a pooler between Headgate and PostgreSQL must pass on the startup parameter "options".`;
    return done(new HeadgateError('UNAVAILABLE', message));
  });
}

/** Connection exceptions (class 08), the server's own ends of a session (57P01 to 57P03), and the socket's. */
function isCut(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return /^(08|57P0[123])/.test(error.code ?? '');
  if (!(error instanceof Error)) return false;
  return ['ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '') || /connection terminated|not queryable/i.test(error.message);
}
