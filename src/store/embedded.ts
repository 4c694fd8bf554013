import { dirname, join } from 'node:path';
import pg from 'pg';
import { findBinaries } from './binaries.js';
import { clusterPassword, ensureCluster } from './cluster.js';
import type { Connection } from './connection.js';
import { makeHome } from './home.js';
import { endLeftOver } from './left-over.js';
import { Postmaster } from './postmaster.js';
import { unprivileged } from './unprivileged.js';

export interface EmbeddedOptions {
  /** The folder that holds everything of the server: `pgdata`, password, log, socket. */
  readonly folder: string;
  /** False only for throw-away databases of tests: nothing survives a crash of the machine. */
  readonly durable?: boolean;
}

/**
 * Nothing replicates from the embedded server. So the rows of a table that is built anew, as large loads do, need not be
 * in its log as well: they are on disk before the commit is.
 */
const ALONE = ['wal_level=minimal', 'max_wal_senders=0'];

/**
 * A PostgreSQL server of our own, from binaries on npm, with a password. The caller holds the HomeLock: whatever server
 * still runs on the folder was left by a killed owner, and is ended before ours starts; PostgreSQL's own recovery does
 * the rest.
 */
export class EmbeddedPostgres {
  readonly connection: Exclude<Connection, { connectionString: string }>;
  readonly #server: Postmaster;

  private constructor(server: Postmaster, connection: EmbeddedPostgres['connection']) {
    this.#server = server;
    this.connection = connection;
  }

  /** @throws HeadgateError UNAVAILABLE when it can't be set up, or with the end of the server's log when it does not start. */
  static async start({ folder, durable = true }: EmbeddedOptions): Promise<EmbeddedPostgres> {
    const binaries = await findBinaries();
    await makeHome(folder);
    const user = await unprivileged(dirname(binaries.postgres), folder);
    const password = await clusterPassword(folder);
    await user.own(folder);
    await user.own(join(folder, 'postgres.password'));
    await ensureCluster(binaries, user, folder, durable);
    await endLeftOver(user, join(folder, 'pgdata'));

    const settings = [...ALONE, ...(durable ? [] : ['fsync=off', 'full_page_writes=off', 'synchronous_commit=off'])];
    const server = await Postmaster.start({ binaries, user, folder, settings });
    try {
      const connection = { host: server.host, port: server.port, user: 'headgate', password, database: 'headgate' };
      await ensureDatabase(connection);
      return new EmbeddedPostgres(server, connection);
    } catch (error) {
      await server.stop('fast');
      throw error;
    }
  }

  /** Waits until sessions are ended and the files are on disk; `immediate` leaves that to the next start. No process stays. */
  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.#server.stop(mode);
  }
}

async function ensureDatabase(connection: EmbeddedPostgres['connection']): Promise<void> {
  const client = new pg.Client({ ...connection, database: 'postgres' });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [connection.database]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(connection.database)} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`);
  } finally {
    await client.end();
  }
}
