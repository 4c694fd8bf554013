import { availableParallelism } from 'node:os';
import type pg from 'pg';
import { DataSource, type EntityManager, type EntitySchema, type MixedList } from 'typeorm';
import { sessionConfig, typeormConnection, type Connection } from './connection.js';
import { CopySessions } from './copy-sessions.js';
import { migrate } from './migrate.js';
import { ReaderPool } from './reader-pool.js';
import { ensureRoles } from './roles.js';
import { checkServer } from './server-check.js';
import { Sessions, sharedPool } from './sessions.js';

/** Slow reads at once for each processor that a server on this machine shares with us. One waits for the disk or for us now and then. */
const ALONE_PER_PROCESSOR = 3;

/** Sessions for small writes: one, and another while that one waits for a lock or a slow disk. */
const WRITE_SESSIONS = 2;
/** No small write takes longer than this, in milliseconds, nor waits longer for its turn. */
const WRITE_MS = 10_000;
/** So much later, in milliseconds, the server must have said that one took too long. */
const GRACE_MS = 5_000;
const IDLE_MS = 60_000;
/** Exports at a time: each keeps a processor of the server busy. */
export const EXPORT_SESSIONS = 4;
const HOUR_MS = 3_600_000;

export interface DatabaseOptions {
  readonly connection: Connection;
  /** Entity classes of all rooms; `app.ts` collects them. */
  readonly entities: MixedList<Function | EntitySchema>;
  readonly statementTimeoutMs: number;
  /** How long an export may take; an hour when absent. */
  readonly exportTimeoutMs?: number;
  readonly poolSize?: number;
  /** Reads that may wait for a session, and statements of the control plane; any number when absent. */
  readonly maxWaiting?: number;
}

/** One open transaction: TypeORM's manager, and the pg client under it for COPY and set-based SQL. */
export interface Transaction {
  readonly manager: EntityManager;
  readonly client: pg.PoolClient;
  query<Row extends object = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

/**
 * The PostgreSQL that holds all state. Control-plane rows go through TypeORM, bulk through `transaction`, and reads of
 * data through `reader`, whose role can only SELECT from the schema `data`.
 */
export class Database {
  readonly dataSource: DataSource;
  readonly reader: ReaderPool;
  /** For small statements that are run all the time, each a transaction of its own. One that is held up is sent twice: to run it again must change nothing. */
  readonly writes: Sessions;
  /** The same for what arrives from outside: it waits for no other, and no other for it. */
  readonly arrivals: Sessions;
  /** For reads of any size, on the same role as `reader`. */
  readonly exports: CopySessions;
  readonly connection: Connection;
  readonly #writePools: readonly pg.Pool[];
  readonly #maxWaiting: number;

  private constructor(dataSource: DataSource, reader: ReaderPool, exports: CopySessions, connection: Connection, maxWaiting = Infinity) {
    this.dataSource = dataSource;
    this.reader = reader;
    this.exports = exports;
    this.connection = connection;
    this.#maxWaiting = maxWaiting;
    const [writes, arrivals] = [writePool(connection), writePool(connection)];
    this.#writePools = [writes, arrivals];
    this.writes = writeSessions(writes);
    this.arrivals = writeSessions(arrivals);
  }

  /**
   * Connects, checks the server, brings the control schema up to date (one process at a time) and opens the pools.
   * @throws HeadgateError UNAVAILABLE when the server can't be reached, is too old, or its user lacks a right.
   */
  static async open(options: DatabaseOptions): Promise<Database> {
    const { connection, statementTimeoutMs, exportTimeoutMs = HOUR_MS, poolSize = 20, maxWaiting } = options;
    const { isLocal } = await checkServer(connection);
    await ensureRoles(connection);
    const dataSource = new DataSource({
      type: 'postgres',
      ...typeormConnection(connection),
      schema: 'headgate',
      entities: options.entities,
      migrations: [],
      poolSize,
      extra: sessionConfig(connection),
      // A backend that is killed must not take the process down.
      poolErrorHandler: () => undefined,
    });
    await migrate(connection);
    await dataSource.initialize();
    const processors = availableParallelism();
    const limits = isLocal ? { alone: ALONE_PER_PROCESSOR * processors, shared: processors } : {};
    const reader = new ReaderPool(connection, { statementTimeoutMs, size: poolSize, ...limits, ...(maxWaiting !== undefined && { maxWaiting }) });
    const exports = new CopySessions(connection, { statementTimeoutMs: exportTimeoutMs, size: EXPORT_SESSIONS });
    return new Database(dataSource, reader, exports, connection, maxWaiting);
  }

  get manager(): EntityManager {
    return this.dataSource.manager;
  }

  /** The pool of the control plane, for named statements and LISTEN. */
  get pool(): pg.Pool {
    return (this.dataSource.driver as unknown as { master: pg.Pool }).master;
  }

  /** Whether as many wait for it as may: whoever comes now would wait for nothing. */
  get isBusy(): boolean {
    return this.reader.isFull || this.pool.waitingCount >= this.#maxWaiting;
  }

  async query<Row extends object = Record<string, unknown>>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const { rows } = await this.pool.query<Row>(text, [...values]);
    return rows;
  }

  /** Commits when `work` resolves, rolls back when it rejects. */
  async transaction<T>(work: (tx: Transaction) => Promise<T>, isolation: 'READ COMMITTED' | 'REPEATABLE READ' = 'READ COMMITTED'): Promise<T> {
    const runner = this.dataSource.createQueryRunner();
    const client = (await runner.connect()) as pg.PoolClient;
    try {
      await runner.startTransaction(isolation);
      const tx: Transaction = {
        manager: runner.manager,
        client,
        query: async <Row extends object>(text: string, values: readonly unknown[] = []) => (await client.query<Row>(text, [...values])).rows,
      };
      const result = await work(tx);
      await runner.commitTransaction();
      return result;
    } catch (error) {
      if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
      throw error;
    } finally {
      await runner.release();
    }
  }

  async close(): Promise<void> {
    // Both, whatever becomes of the other: an open pool keeps the process alive.
    this.writes.close();
    this.arrivals.close();
    const results = await Promise.allSettled([
      this.reader.close(),
      this.exports.close(),
      ...this.#writePools.map((pool) => pool.end()),
      this.dataSource.destroy(),
    ]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}

function writePool(connection: Connection): pg.Pool {
  return sharedPool({ ...sessionConfig(connection, `-c statement_timeout=${WRITE_MS}`), max: WRITE_SESSIONS, connectionTimeoutMillis: WRITE_MS });
}

function writeSessions(pool: pg.Pool): Sessions {
  const size = WRITE_SESSIONS;
  return new Sessions(pool, { size, alone: size, shared: 1, deadMs: WRITE_MS + GRACE_MS, waitMs: WRITE_MS, idleMs: IDLE_MS, maxStatements: 20 });
}
