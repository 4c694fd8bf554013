import { HeadgateError } from '../kernel/index.js';
import { withClient } from './client.js';
import type { Connection } from './connection.js';

/** The lowest server we run on: per-column `ON_ERROR` of COPY and the builtin Unicode collation came with it. */
const OLDEST_SERVER = 17;

/**
 * Whether the server can hold our state. Tells whether it runs on this machine, as far as its address says.
 * @throws HeadgateError UNAVAILABLE when it can't be reached, is too old, is a replica, or does not keep text as UTF-8.
 */
export async function checkServer(connection: Connection): Promise<{ readonly isLocal: boolean }> {
  const [server] = await withClient(connection, async (client) => {
    const { rows } = await client.query<{ version: number; encoding: string; replica: boolean; local: boolean }>(
      "SELECT current_setting('server_version_num')::int AS version, current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS replica, coalesce(host(inet_server_addr()) IN ('127.0.0.1', '::1'), true) AS local",
    );
    return rows;
  });
  const major = Math.floor((server?.version ?? 0) / 10_000);
  if (major < OLDEST_SERVER) {
    throw new HeadgateError(
      'UNAVAILABLE',
      `The database is PostgreSQL ${major}; Headgate needs ${OLDEST_SERVER} or later. Upgrade it, or unset DATABASE_URL to use the embedded one.`,
      { expected: OLDEST_SERVER, actual: major },
    );
  }
  if (server?.encoding !== 'UTF8') {
    throw new HeadgateError(
      'UNAVAILABLE',
      `The database keeps text as ${server?.encoding}; Headgate needs UTF8. Create one with: CREATE DATABASE headgate TEMPLATE template0 ENCODING 'UTF8';`,
      {
        expected: 'UTF8',
        actual: server?.encoding,
      },
    );
  }
  if (server.replica) {
    throw new HeadgateError('UNAVAILABLE', 'The database that DATABASE_URL names is a read-only replica. Name the primary there.');
  }
  return { isLocal: server.local };
}
