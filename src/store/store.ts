import { join } from 'node:path';
import type { Config } from '../config/index.js';
import { Database, type DatabaseOptions } from './database.js';
import { EmbeddedPostgres } from './embedded.js';
import { HomeLock } from './home-lock.js';
import { makeHome } from './home.js';

/** The open database, and the embedded server under it when there is no DATABASE_URL. */
export interface Store {
  readonly database: Database;
  /** Closes the pools, stops the embedded server, gives the data directory free. */
  close(): Promise<void>;
}

/**
 * Opens the store that the configuration names. The embedded one is held by this process alone.
 * @throws HeadgateError CONFLICT when another process holds the data directory; UNAVAILABLE when no database can be used.
 */
export async function openStore(config: Config, entities: DatabaseOptions['entities']): Promise<Store> {
  const { statementTimeoutMs, exportTimeoutMs, maxWaitingReads: maxWaiting } = config.limits;
  const bounds = { statementTimeoutMs, exportTimeoutMs, maxWaiting };
  if (config.databaseUrl) {
    await makeHome(config.home);
    const database = await Database.open({ connection: { connectionString: config.databaseUrl }, entities, ...bounds });
    return { database, close: () => database.close() };
  }
  const lock = await HomeLock.acquire(config.home);
  try {
    const server = await EmbeddedPostgres.start({ folder: join(config.home, 'postgres') });
    try {
      const database = await Database.open({ connection: server.connection, entities, ...bounds });
      return { database, close: () => closeAll(database, server, lock) };
    } catch (error) {
      await server.stop();
      throw error;
    }
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Each step is tried, whatever became of the one before: a lock that stays says that a server runs. */
async function closeAll(database: Database, server: EmbeddedPostgres, lock: HomeLock): Promise<void> {
  try {
    await database.close();
  } finally {
    try {
      await server.stop();
    } finally {
      await lock.release();
    }
  }
}
