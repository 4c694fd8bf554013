import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import type { Relay } from '../store/relay.js';
import { findOldServer } from '../support/old-server.js';

/** A database of somebody else, for a test to be a source. */
export class RemoteDatabase {
  readonly url: string;
  readonly #admin: string;
  readonly #name: string;
  readonly #client: pg.Client;

  private constructor(admin: string, name: string, client: pg.Client) {
    this.#admin = admin;
    this.#name = name;
    this.#client = client;
    this.url = named(admin, name);
  }

  /** On the embedded server of the run, which is a new one. */
  static async onNew(): Promise<RemoteDatabase> {
    const { host, port, user, password } = inject('connection');
    // A socket's folder is no host of a URL.
    return RemoteDatabase.#create(`postgres://${user}:${encodeURIComponent(password)}@/postgres?host=${encodeURIComponent(host)}&port=${port}`);
  }

  /** On an old one, or the reason why there is none. */
  static async onOld(): Promise<RemoteDatabase | { readonly reason: string }> {
    const old = await findOldServer();
    return 'reason' in old ? old : RemoteDatabase.#create(old.url);
  }

  static async #create(admin: string): Promise<RemoteDatabase> {
    const name = `source_${randomBytes(6).toString('hex')}`;
    await once(admin, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`);
    const client = new pg.Client({ connectionString: named(admin, name), options: '-c timezone=UTC' });
    // Its backends are killed in some tests.
    client.on('error', () => undefined);
    await client.connect();
    return new RemoteDatabase(admin, name, client);
  }

  /** As in `server_version_num`. */
  async version(): Promise<number> {
    const [row] = await this.run("SELECT current_setting('server_version_num')::int AS version");
    return Number(row?.['version']);
  }

  async run(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    return (await this.#client.query<Record<string, unknown>>(text, values)).rows;
  }

  /** The same over a relay to the embedded server. */
  urlThrough({ connection }: Relay): string {
    if (!('port' in connection)) throw new Error('the relay has no port');
    const { user, password } = inject('connection');
    return `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${connection.port}/${this.#name}`;
  }

  urlAs(user: string, password: string): string {
    return this.url.replace(/\/\/[^@]*@/, `//${user}:${password}@`);
  }

  /** A session of its own. */
  async session(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    return client;
  }

  /** Ends the sessions that others have of this database. */
  async killOthers(): Promise<void> {
    await this.run('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
  }

  async drop(): Promise<void> {
    await this.#client.end();
    // The oldest servers know no WITH (FORCE).
    await once(this.#admin, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${this.#name}'`);
    await once(this.#admin, `DROP DATABASE IF EXISTS ${this.#name}`);
  }
}

function named(admin: string, name: string): string {
  return admin.replace(/\/postgres(?=\?|$)/, `/${name}`);
}

async function once(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
