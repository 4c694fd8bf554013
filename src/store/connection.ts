import type { PoolConfig } from 'pg';

/** Where a PostgreSQL is: the parts of a connection, or a URL. */
export type Connection =
  | { readonly host: string; readonly port: number; readonly user: string; readonly password: string; readonly database: string }
  | { readonly connectionString: string };

/** Settings each session of ours has, whatever the server's defaults: they fix how values look as text. */
const SESSION =
  '-c client_encoding=UTF8 -c timezone=UTC -c datestyle=ISO,YMD -c intervalstyle=iso_8601 -c extra_float_digits=1 -c bytea_output=hex -c client_min_messages=notice';

export function sessionConfig(connection: Connection, extra = ''): PoolConfig {
  return { ...connection, options: `${SESSION} ${extra}`.trim(), application_name: 'headgate' };
}

/** The same in TypeORM's words. */
export function typeormConnection(connection: Connection): object {
  if ('connectionString' in connection) return { url: connection.connectionString };
  const { host, port, user, password, database } = connection;
  return { host, port, username: user, password, database };
}
