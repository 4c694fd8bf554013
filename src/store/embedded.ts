import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { platform, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { HeadgateError, messageOf } from '../kernel/index.js';
import { findBinaries, type Binaries } from './binaries.js';
import type { Connection } from './connection.js';
import { unprivileged, type Unprivileged } from './unprivileged.js';

const run = promisify(execFile);

export interface EmbeddedOptions {
  /** The folder that holds everything of the server: `pgdata`, password, log, socket. */
  readonly folder: string;
  /** False only for throw-away databases of tests: nothing survives a crash of the machine. */
  readonly durable?: boolean;
}

/**
 * A PostgreSQL server of our own, from binaries on npm. It listens on a Unix socket in a folder that only its owner can
 * enter (on Windows: on a free loopback port), with a password. It is a process group of its own, so that Ctrl-C in a
 * terminal reaches us first and we stop it in order. The caller holds the HomeLock: whatever server still runs on
 * the folder was left by a killed owner, and is stopped before ours starts; PostgreSQL's own recovery does the rest.
 */
export class EmbeddedPostgres {
  readonly connection: Connection;
  readonly #binaries: Binaries;
  readonly #user: Unprivileged;
  readonly #data: string;
  readonly #temporarySocketFolder: string | undefined;

  private constructor(binaries: Binaries, user: Unprivileged, data: string, connection: Connection, temporary: string | undefined) {
    this.#binaries = binaries;
    this.#user = user;
    this.#data = data;
    this.connection = connection;
    this.#temporarySocketFolder = temporary;
  }

  /** @throws HeadgateError UNAVAILABLE with the end of the server's log when it does not start. */
  static async start({ folder, durable = true }: EmbeddedOptions): Promise<EmbeddedPostgres> {
    const binaries = await findBinaries();
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const user = await unprivileged([dirname(binaries.postgres), folder]);
    const data = join(folder, 'pgdata');
    const password = await passwordOf(folder);
    await user.own(folder);
    if (!existsSync(join(data, 'PG_VERSION'))) await initialise(binaries, user, folder, data, durable);
    if (existsSync(join(data, 'postmaster.pid'))) await stopLeftOver(binaries, user, data);

    const { host, port, temporary, flags } = await address(folder, user);
    const log = join(folder, 'postgres.log');
    const settings = [...flags, ...(durable ? [] : ['-c fsync=off', '-c full_page_writes=off', '-c synchronous_commit=off'])];
    try {
      await command(user, binaries.pgCtl, ['start', '-D', data, '-l', log, '-w', '-t', '120', '-s', '-o', settings.join(' ')]);
    } catch (cause) {
      const tail = (await readFile(log, 'utf8').catch(() => '')).trim().split('\n').slice(-5).join('\n');
      throw new HeadgateError('UNAVAILABLE', `The embedded PostgreSQL did not start. The end of ${log}:\n${tail}`, { log }, { cause });
    }
    const server = new EmbeddedPostgres(binaries, user, data, { host, port, user: 'headgate', password, database: 'headgate' }, temporary);
    await server.#createDatabase();
    return server;
  }

  /** Waits for open transactions' sessions to be ended and the files to be on disk. */
  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await command(this.#user, this.#binaries.pgCtl, ['stop', '-D', this.#data, '-m', mode, '-w', '-t', '60', '-s']).catch((error: unknown) => {
      // Stopped meanwhile, by hand or by a crash: that is what was wanted.
      if (existsSync(join(this.#data, 'postmaster.pid'))) throw error;
    });
    if (this.#temporarySocketFolder) await rm(this.#temporarySocketFolder, { recursive: true, force: true });
  }

  async #createDatabase(): Promise<void> {
    const client = new pg.Client({ ...this.connection, database: 'postgres' });
    await client.connect();
    try {
      const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = 'headgate'");
      if (rowCount === 0) await client.query("CREATE DATABASE headgate TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
    } finally {
      await client.end();
    }
  }
}

/** Made in a folder beside and renamed, so that a killed initdb leaves no half cluster. */
async function initialise(binaries: Binaries, user: Unprivileged, folder: string, data: string, durable: boolean): Promise<void> {
  const draft = join(folder, 'pgdata.new');
  await rm(draft, { recursive: true, force: true });
  const options = ['--encoding=UTF8', '--locale=C', '--username=headgate', '--auth=scram-sha-256', `--pwfile=${join(folder, 'postgres.password')}`];
  try {
    await command(user, binaries.initdb, ['-D', draft, ...options, ...(durable ? [] : ['--no-sync'])]);
  } catch (cause) {
    throw new HeadgateError('UNAVAILABLE', `The embedded PostgreSQL could not be set up in ${folder}: ${messageOf(cause)}`, { folder }, { cause });
  }
  await writeFile(join(draft, 'postgresql.auto.conf'), SETTINGS);
  await rm(data, { recursive: true, force: true });
  await rename(draft, data);
}

/** For a gateway that shares its machine: short reads dominate, so no JIT; loads want room before a checkpoint. */
const SETTINGS = `
max_connections = 100
shared_buffers = '256MB'
maintenance_work_mem = '256MB'
max_wal_size = '4GB'
wal_compression = on
random_page_cost = 1.1
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = warning
log_min_error_statement = panic
`;

async function stopLeftOver(binaries: Binaries, user: Unprivileged, data: string): Promise<void> {
  // `pg_ctl status` ends with 3 when no server runs: then the file is stale, and PostgreSQL itself replaces it.
  const running = await command(user, binaries.pgCtl, ['status', '-D', data]).then(
    () => true,
    () => false,
  );
  if (running) await command(user, binaries.pgCtl, ['stop', '-D', data, '-m', 'fast', '-w', '-t', '60', '-s']);
}

async function passwordOf(folder: string): Promise<string> {
  const file = join(folder, 'postgres.password');
  const found = await readFile(file, 'utf8').catch(() => '');
  if (found) return found.trim();
  const password = randomBytes(24).toString('base64url');
  await writeFile(file, `${password}\n`, { mode: 0o600 });
  return password;
}

/** A socket's path may have 107 bytes (sun_path), and PostgreSQL adds its name to the folder's. */
const LONGEST_SOCKET_FOLDER = 85;

async function address(folder: string, user: Unprivileged): Promise<{ host: string; port: number; temporary?: string; flags: string[] }> {
  if (platform() === 'win32') {
    const port = await freePort();
    return { host: '127.0.0.1', port, flags: ['-p', String(port), '-c listen_addresses=127.0.0.1'] };
  }
  let host = join(folder, 'socket');
  let temporary: string | undefined;
  if (Buffer.byteLength(host) > LONGEST_SOCKET_FOLDER || /[\s'"\\]/.test(host)) {
    host = temporary = await mkdtemp(join(tmpdir(), 'headgate-'));
  }
  await mkdir(host, { recursive: true, mode: 0o700 });
  await user.own(host);
  return { host, port: 5432, ...(temporary && { temporary }), flags: [`-k ${host}`, '-c', 'listen_addresses=', '-p 5432'] };
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const at = probe.address();
      probe.close(() => (at && typeof at === 'object' ? resolve(at.port) : reject(new Error('no free port'))));
    });
  });
}

async function command(user: Unprivileged, program: string, args: readonly string[]): Promise<void> {
  const [file = program, ...rest] = [...user.prefix, program, ...args];
  const { uid, gid } = user;
  // A clean environment: PGDATA, PGPORT and the like of the caller must not reach the server.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG')));
  await run(file, rest, { env: { ...env, LC_ALL: 'C' }, cwd: '/', ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) });
}
