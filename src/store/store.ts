import { mkdir } from 'node:fs/promises';
import type { Config } from '../config/index.js';
import type { DatabaseOptions } from './database.js';
import { Database } from './database.js';
import { EmbeddedPostgres } from './embedded.js';
import { HomeLock } from './home-lock.js';

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
  const { statementTimeoutMs } = config.limits;
  if (config.databaseUrl) {
    await mkdir(config.home, { recursive: true, mode: 0o700 });
    const database = await Database.open({ connection: { connectionString: config.databaseUrl }, entities, statementTimeoutMs });
    return { database, close: () => database.close() };
  }
  const lock = await HomeLock.acquire(config.home);
  let server: EmbeddedPostgres | undefined;
  try {
    server = await EmbeddedPostgres.start({ folder: `${config.home}/postgres` });
    const database = await Database.open({ connection: server.connection, entities, statementTimeoutMs });
    const running = server;
    return {
      database,
      close: async () => {
        await database.close();
        await running.stop();
        await lock.release();
      },
    };
  } catch (error) {
    await server?.stop().catch(() => undefined);
    await lock.release();
    throw error;
  }
}
