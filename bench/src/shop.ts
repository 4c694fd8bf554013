import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { COUNTRIES, ORDERS_PER_CUSTOMER, writeCustomers, writeOrders } from './data.ts';
import { headgateIdentity, headgateStore } from './headgate.ts';
import { ServerProcess, type ServerName } from './server-process.ts';
import { upload } from './upload.ts';

const MANIFESTS = new URL('../manifests/shop.yaml', import.meta.url);
/** How long the audit may take to seal what a round wrote. */
const SEAL_LIMIT_MS = 60_000;

/** A PostgreSQL of the bench's own with the shop's data in it, the servers that read it, and who asks. */
export class Shop {
  /** For files; gone at the end. */
  readonly folder: string;
  readonly databaseUrl: string;
  /** By country: a principal that sees the customers of that country. */
  readonly tokens: ReadonlyMap<string, string>;
  /** The same, for principals that see the same rows without masks. */
  readonly plainTokens: ReadonlyMap<string, string>;
  readonly adminToken: string;
  /** Of a principal that may export all orders, plain. */
  readonly exporterToken: string;
  readonly database: pg.Pool;
  readonly postgresVersion: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #servers = new Set<ServerProcess>();
  readonly #stopPostgres: () => Promise<void>;

  private constructor(
    facts: Pick<Shop, 'folder' | 'databaseUrl' | 'tokens' | 'plainTokens' | 'adminToken' | 'exporterToken' | 'database' | 'postgresVersion'>,
    environment: NodeJS.ProcessEnv,
    stopPostgres: () => Promise<void>,
  ) {
    this.folder = facts.folder;
    this.databaseUrl = facts.databaseUrl;
    this.tokens = facts.tokens;
    this.plainTokens = facts.plainTokens;
    this.adminToken = facts.adminToken;
    this.exporterToken = facts.exporterToken;
    this.database = facts.database;
    this.postgresVersion = facts.postgresVersion;
    this.#environment = environment;
    this.#stopPostgres = stopPostgres;
  }

  /** Starts an empty one, with PostgreSQL's own defaults and durable. */
  static async open(): Promise<Shop> {
    const { EmbeddedPostgres, KeyRing } = await headgateStore();
    const { createToken } = await headgateIdentity();
    const folder = await mkdtemp(join(tmpdir(), 'headgate-bench-'));
    const postgres = await EmbeddedPostgres.start({ folder: join(folder, 'postgres') });
    const { host, port, user, password, database: name } = postgres.connection;
    const databaseUrl = `postgres://${user}:${encodeURIComponent(password)}@/${name}?host=${encodeURIComponent(host)}&port=${port}`;
    const masterKey = randomBytes(32);
    const keyRing = new KeyRing(masterKey);
    const ttlSeconds = 6 * 3600;
    const tokenOf = async (subject: string, role: string, claims: Record<string, unknown> = {}) =>
      (await createToken(keyRing, { subject, roles: [role], claims, ttlSeconds })).token;
    const byCountry = async (role: string) =>
      new Map(await Promise.all(COUNTRIES.map(async (country) => [country, await tokenOf(`${role}-${country}`, role, { country })] as const)));
    const [tokens, plainTokens] = [await byCountry('analyst'), await byCountry('insider')];
    const database = new pg.Pool({ connectionString: databaseUrl, max: 2 });
    // PostgreSQL may stop before the last socket is closed; that is no failure.
    database.on('error', () => undefined);
    const { rows } = await database.query<{ version: string }>('SELECT current_setting($1) AS version', ['server_version']);
    const environment = {
      DATABASE_URL: databaseUrl,
      HEADGATE_HOME: join(folder, 'home'),
      HEADGATE_MASTER_KEY: masterKey.toString('base64'),
      HEADGATE_AUDIT: 'strict',
      // Counted, and never reached.
      HEADGATE_RATE_LIMIT: '1000000000',
      PORT: '0',
    };
    const [adminToken, exporterToken] = [await tokenOf('bench', 'admin'), await tokenOf('exporter', 'exporter')];
    const facts = { folder, databaseUrl, tokens, plainTokens, adminToken, exporterToken, database, postgresVersion: rows[0]?.version ?? '' };
    return new Shop(facts, environment, () => postgres.stop());
  }

  /** @param environment what is other than for the others */
  async serve<Name extends ServerName>(name: Name, environment: NodeJS.ProcessEnv = {}): Promise<ServerProcess<Name>> {
    const server = await ServerProcess.start(name, { ...this.#environment, ...environment });
    this.#servers.add(server);
    return server;
  }

  async dismiss(server: ServerProcess): Promise<void> {
    await server.stop();
    this.#servers.delete(server);
  }

  async apply(headgate: ServerProcess): Promise<void> {
    const response = await fetch(`${headgate.url}/manifests`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.adminToken}` },
      body: JSON.stringify({ files: [{ file: 'shop.yaml', text: await readFile(MANIFESTS, 'utf8') }] }),
    });
    if (!response.ok) throw new Error(`The manifests were refused: ${await response.text()}`);
  }

  /** Puts customers and orders in, as a user would, and gives the planner its statistics. */
  async fill(headgate: ServerProcess, customers: number): Promise<void> {
    const orders = customers * ORDERS_PER_CUSTOMER;
    const files = { customers: join(this.folder, 'customers.csv'), orders: join(this.folder, 'orders.csv') };
    await writeCustomers(files.customers, customers);
    await upload(headgate.url, this.adminToken, files.customers, '/ingest/customers', { rows: customers });
    await writeOrders(files.orders, { rows: orders, customers });
    await upload(headgate.url, this.adminToken, files.orders, '/ingest/orders', { rows: orders });
    await Promise.all(Object.values(files).map((file) => rm(file)));
    await this.database.query('VACUUM (ANALYZE) data.customers');
    await this.database.query('VACUUM (ANALYZE) data.orders');
    await this.database.query('CHECKPOINT');
  }

  /** Resolves when the audit of what was read is sealed, so that this work falls into nobody else's round. */
  async sealed(): Promise<void> {
    const end = Date.now() + SEAL_LIMIT_MS;
    for (;;) {
      const { rows } = await this.database.query<{ open: boolean }>('SELECT EXISTS (SELECT FROM headgate.audit_pending) AS open');
      if (rows[0]?.open === false) return;
      if (Date.now() > end) throw new Error(`The audit was not sealed within ${SEAL_LIMIT_MS / 1000} s.`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Ends all that was started, and leaves nothing behind. */
  async close(): Promise<void> {
    for (const server of this.#servers) await server.stop();
    await this.database.end();
    await this.#stopPostgres();
    await rm(this.folder, { recursive: true, force: true });
  }
}
