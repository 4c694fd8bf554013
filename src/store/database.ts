import type pg from 'pg';
import { DataSource, type EntityManager, type EntitySchema, type MixedList } from 'typeorm';
import { HeadgateError } from '../kernel/index.js';
import { withClient } from './client.js';
import { sessionConfig, typeormConnection, type Connection } from './connection.js';
import { migrate } from './migrate.js';
import { ReaderPool } from './reader-pool.js';

export interface DatabaseOptions {
  readonly connection: Connection;
  /** Entity classes of all rooms; `app.ts` collects them. */
  readonly entities: MixedList<Function | EntitySchema>;
  readonly statementTimeoutMs: number;
  readonly poolSize?: number;
}

/** One open transaction: TypeORM's manager, and the pg client under it for COPY and set-based SQL. */
export interface Transaction {
  readonly manager: EntityManager;
  readonly client: pg.PoolClient;
  query<Row extends object = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** The lowest server we run on: per-column `ON_ERROR` of COPY and the builtin Unicode collation came with it. */
const OLDEST_SERVER = 17;

/**
 * The PostgreSQL that holds all state. Control-plane rows go through TypeORM, bulk through `transaction`, and reads of
 * data through `reader`, whose role can only SELECT from the schema `data`.
 */
export class Database {
  readonly dataSource: DataSource;
  readonly reader: ReaderPool;
  readonly connection: Connection;

  private constructor(dataSource: DataSource, reader: ReaderPool, connection: Connection) {
    this.dataSource = dataSource;
    this.reader = reader;
    this.connection = connection;
  }

  /**
   * Connects, checks the server, brings the control schema up to date (one process at a time) and opens the pools.
   * @throws HeadgateError UNAVAILABLE when the server can't be reached, is too old, or its user lacks a right.
   */
  static async open(options: DatabaseOptions): Promise<Database> {
    const { connection, statementTimeoutMs, poolSize = 20 } = options;
    await checkServer(connection);
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
    const reader = new ReaderPool(connection, { statementTimeoutMs, size: poolSize });
    return new Database(dataSource, reader, connection);
  }

  get manager(): EntityManager {
    return this.dataSource.manager;
  }

  /** The pool of the control plane, for named statements and LISTEN. */
  get pool(): pg.Pool {
    return (this.dataSource.driver as unknown as { master: pg.Pool }).master;
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
    await this.reader.close();
    await this.dataSource.destroy();
  }
}

async function checkServer(connection: Connection): Promise<void> {
  const version = await withClient(connection, async (client) => {
    const { rows } = await client.query<{ server_version_num: string }>('SHOW server_version_num');
    return Number(rows[0]?.server_version_num);
  });
  const major = Math.floor(version / 10_000);
  if (major < OLDEST_SERVER) {
    throw new HeadgateError('UNAVAILABLE', `The database is PostgreSQL ${major}; Headgate needs ${OLDEST_SERVER} or later. Unset DATABASE_URL to use the embedded one.`, {
      expected: OLDEST_SERVER,
      actual: major,
    });
  }
}

/**
 * Roles belong to the server, not to the database, so they are made here and not in a migration. Neither can log in;
 * sessions take them on at their start: `headgate_reader` reads data, `headgate_pipeline` reads data and writes to the
 * schema `work` only.
 */
async function ensureRoles(connection: Connection): Promise<void> {
  await withClient(connection, async (client) => {
    for (const role of ['headgate_reader', 'headgate_pipeline']) {
      try {
        await client.query(`DO $$ BEGIN
          IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') THEN CREATE ROLE ${role} NOLOGIN; END IF;
          EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`);
        const { rows } = await client.query<{ member: boolean }>(`SELECT pg_has_role(current_user, '${role}', 'SET') AS member`);
        if (!rows[0]?.member) await client.query(`GRANT ${role} TO CURRENT_USER`);
      } catch (cause) {
        throw new HeadgateError(
          'UNAVAILABLE',
          `The database's user can't create the role ${role}. As a superuser run: CREATE ROLE ${role} NOLOGIN; GRANT ${role} TO <that user>;`,
          { role },
          { cause },
        );
      }
    }
  });
}
