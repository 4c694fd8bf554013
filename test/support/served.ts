import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startApp, type App } from '../../src/app.js';
import { loadConfig } from '../../src/config/index.js';
import { createToken } from '../../src/identity/index.js';
import type { Log } from '../../src/kernel/index.js';
import { createTestDatabase } from './database.js';

/** A GraphQL answer over HTTP. */
export interface Response<Data> {
  readonly status: number;
  readonly data: Data;
  readonly errors?: readonly { readonly message: string; readonly path?: readonly unknown[]; readonly extensions: Readonly<Record<string, unknown>> }[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

type TestConnection = Awaited<ReturnType<typeof createTestDatabase>>['connection'];

/** The whole program, served over HTTP on a database and in a home of its own. */
export class Served {
  readonly app: App;
  readonly url: string;
  readonly home: string;
  /** For who owns the database: past all guards. */
  readonly connection: TestConnection;
  readonly #drop: () => Promise<void>;

  private constructor(app: App, url: string, home: string, connection: TestConnection, drop: () => Promise<void>) {
    this.connection = connection;
    this.app = app;
    this.url = url;
    this.home = home;
    this.#drop = drop;
  }

  /** @param log where it logs to, when somebody wants to read it */
  static async start(env: NodeJS.ProcessEnv = {}, log?: Log): Promise<Served> {
    return Served.#on(await createTestDatabase(), env, log);
  }

  /** Another process of the same installation, as far as one can be in this one. Close it first. */
  async beside(env: NodeJS.ProcessEnv): Promise<Served> {
    return Served.#on({ connection: this.connection, drop: async () => undefined }, env);
  }

  static async #on({ connection, drop }: Awaited<ReturnType<typeof createTestDatabase>>, env: NodeJS.ProcessEnv, log?: Log): Promise<Served> {
    const { user, password, host, port, database } = connection;
    const home = await mkdtemp(join(tmpdir(), 'headgate-served-'));
    const databaseUrl = `postgres://${user}:${encodeURIComponent(password)}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
    const app = await startApp(loadConfig({ HEADGATE_HOME: home, DATABASE_URL: databaseUrl, PORT: '0', LOG_LEVEL: 'silent', ...env }), log ? { log } : {});
    if (!app.url) throw new Error('no gateway');
    return new Served(app, app.url, home, connection, drop);
  }

  async token(
    subject: string,
    roles: readonly string[],
    more: { purposes?: string[]; claims?: Record<string, unknown>; ttlSeconds?: number } = {},
  ): Promise<string> {
    const { ttlSeconds = 600, ...rest } = more;
    return (await createToken(this.app.keyRing, { subject, roles: [...roles], ttlSeconds, ...rest })).token;
  }

  /** @param who a bearer token, or null for none */
  async ask<Data = Record<string, unknown>>(
    who: string | null,
    query: string,
    variables: Record<string, unknown> = {},
    headers: Record<string, string> = {},
  ): Promise<Response<Data>> {
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(who && { authorization: `Bearer ${who}` }), ...headers },
      body: JSON.stringify({ query, variables }),
    });
    return { status: response.status, ...((await response.json()) as Omit<Response<Data>, 'status'>) };
  }

  async upload(
    who: string | null,
    dataset: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
    query = '',
  ): Promise<globalThis.Response> {
    return fetch(`${this.url}/ingest/${dataset}${query}`, {
      method: 'POST',
      headers: { 'content-type': 'text/csv', ...(who && { authorization: `Bearer ${who}` }), ...headers },
      body,
    });
  }

  /** A statement by the owner of the database. */
  async sql(text: string): Promise<unknown[]> {
    const client = new pg.Client(this.connection);
    await client.connect();
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  }

  async close(): Promise<void> {
    await this.app.close();
    await this.#drop();
    await rm(this.home, { recursive: true, force: true });
  }
}
