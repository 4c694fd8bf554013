import pg from 'pg';
import { sessionConfig, type Connection } from './connection.js';

export interface ReaderOptions {
  readonly statementTimeoutMs: number;
  readonly size: number;
  /** How many prepared statements one connection keeps; the least recently used goes first. */
  readonly maxStatements?: number;
}

/** A statement with its parameters; `name` is the hash of its text, so one name never stands for two texts. */
export interface PreparedQuery {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** What node-postgres keeps per connection about the statements that it has prepared. */
interface WithStatements {
  readonly connection: { readonly parsedStatements: Record<string, string> };
}

/**
 * The pool of the data plane. Each session has the role `headgate_reader`, which can SELECT from the schema `data` and
 * nothing else, is read-only, sees only `pg_catalog` without a schema name, and ends a statement that runs too long.
 */
export class ReaderPool {
  readonly #pool: pg.Pool;
  readonly #maxStatements: number;
  /** Names in order of last use, per connection. */
  readonly #used = new WeakMap<pg.PoolClient, Set<string>>();

  constructor(connection: Connection, { statementTimeoutMs, size, maxStatements = 500 }: ReaderOptions) {
    this.#maxStatements = maxStatements;
    this.#pool = new pg.Pool({
      ...sessionConfig(
        connection,
        `-c role=headgate_reader -c default_transaction_read_only=on -c search_path=pg_catalog -c statement_timeout=${statementTimeoutMs}`,
      ),
      max: size,
      connectionTimeoutMillis: 10_000,
      idleTimeoutMillis: 60_000,
    });
    // An idle connection that is cut leaves the pool by itself; without a listener it would end the process.
    this.#pool.on('error', () => undefined);
  }

  /** Rows as arrays, in the order of the statement's columns. */
  async query<Row extends unknown[]>(query: PreparedQuery): Promise<Row[]> {
    const client = await this.#pool.connect();
    let broken: Error | undefined;
    try {
      await this.#makeRoom(client, query.name);
      const { rows } = await client.query<Row>({ name: query.name, text: query.text, values: [...query.values], rowMode: 'array' });
      return rows;
    } catch (error) {
      // A statement's own failure leaves the connection good; anything else (cut, protocol) does not.
      if (!(error instanceof pg.DatabaseError)) broken = error as Error;
      throw error;
    } finally {
      client.release(broken);
    }
  }

  /** Runs `work` in one repeatable-read transaction on one connection, for reads that belong together or are streamed. */
  async snapshot<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let broken: Error | undefined;
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const result = await work(client);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      broken = error as Error;
      throw error;
    } finally {
      client.release(broken);
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #makeRoom(client: pg.PoolClient, name: string): Promise<void> {
    const used = this.#used.get(client) ?? new Set<string>();
    this.#used.set(client, used);
    used.delete(name);
    used.add(name);
    if (used.size <= this.#maxStatements) return;
    const [oldest] = used;
    if (oldest === undefined) return;
    used.delete(oldest);
    await client.query(`DEALLOCATE ${pg.escapeIdentifier(oldest)}`);
    delete (client as unknown as WithStatements).connection.parsedStatements[oldest];
  }
}
