import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { findBinaries, type Binaries } from '../../src/store/binaries.js';
import { clusterPassword, ensureCluster } from '../../src/store/cluster.js';
import { Postmaster } from '../../src/store/postmaster.js';
import { unprivileged } from '../../src/store/unprivileged.js';

const OLD = '/usr/lib/postgresql/15/bin';

/** A server of its own whose changes can be followed: somebody else's, for a test to collect from. */
export class LogicalServer {
  readonly url: string;
  readonly client: pg.Client;
  readonly #close: () => Promise<void>;

  private constructor(url: string, client: pg.Client, close: () => Promise<void>) {
    this.url = url;
    this.client = client;
    this.#close = close;
  }

  /** Of the version that comes with Headgate, or an old one: the reason when there is none. */
  static async start(version: 'new' | 'old', settings: readonly string[] = ['wal_level=logical']): Promise<LogicalServer | { readonly reason: string }> {
    const binaries = version === 'new' ? await findBinaries() : oldBinaries();
    if (!binaries) return { reason: 'there is no PostgreSQL 15 in /usr/lib/postgresql' };
    const folder = await mkdtemp(join(tmpdir(), 'headgate-logical-'));
    const user = await unprivileged(dirname(binaries.postgres), folder);
    const password = await clusterPassword(folder);
    await user.own(folder);
    await user.own(join(folder, 'postgres.password'));
    await ensureCluster(binaries, user, folder, false);
    const server = await Postmaster.start({ binaries, user, folder, settings: [...settings, 'fsync=off'] });
    const url = `postgres://headgate:${encodeURIComponent(password)}@/postgres?host=${encodeURIComponent(server.host)}&port=${server.port}`;
    const client = new pg.Client({ connectionString: url, options: '-c timezone=UTC' });
    client.on('error', () => undefined);
    await client.connect();
    return new LogicalServer(url, client, async () => {
      await client.end();
      await server.stop('immediate');
      await rm(folder, { recursive: true, force: true });
    });
  }

  async run(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    return (await this.client.query<Record<string, unknown>>(text, values)).rows;
  }

  async close(): Promise<void> {
    await this.#close();
  }
}

function oldBinaries(): Binaries | undefined {
  if (!existsSync(join(OLD, 'initdb'))) return undefined;
  return { initdb: join(OLD, 'initdb'), pgCtl: join(OLD, 'pg_ctl'), postgres: join(OLD, 'postgres') };
}
