import pg from 'pg';
import { HeadgateError, messageOf } from '../kernel/index.js';
import { sessionConfig, type Connection } from './connection.js';

/**
 * Runs `work` on a connection of its own, outside the pools.
 * @throws HeadgateError UNAVAILABLE when the database can't be reached.
 */
export async function withClient<T>(connection: Connection, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = createClient(connection);
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (cause) {
    const at = 'connectionString' in connection ? 'The database that DATABASE_URL names' : 'The embedded database';
    // The reason may hold a host and a user, never the password.
    throw new HeadgateError('UNAVAILABLE', `${at} can't be reached: ${messageOf(cause) || 'no connection'}.`, {}, { cause });
  }
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function createClient(connection: Connection): pg.Client {
  try {
    return new pg.Client({ ...sessionConfig(connection), connectionTimeoutMillis: 10_000 });
  } catch {
    // The cause is left out: it holds the URL, and the URL a password.
    throw new HeadgateError(
      'UNAVAILABLE',
      'DATABASE_URL is not a URL that can be read: expected postgres://user:password@host:port/database, with special characters of the password written as %XX.',
    );
  }
}
