import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { HeadgateError, messageOf } from '../kernel/index.js';
import type { Binaries } from './binaries.js';
import { writeOnce } from './home.js';
import { runProgram } from './program.js';
import type { Unprivileged } from './unprivileged.js';

/** For a gateway that shares its machine: short reads dominate, so no JIT; loads want room before a checkpoint. */
const settings = () => `
max_connections = 100
shared_buffers = '${sharedBuffersMb()}MB'
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

/**
 * A sixteenth of the machine's memory, or of what a container may use of it: the rest is for its other programs, and for the
 * system's own cache of the same files. Memory is taken as it is used.
 */
function sharedBuffersMb(): number {
  const bytes = Math.min(totalmem(), process.constrainedMemory() || Infinity);
  return Math.min(1024, Math.max(128, 2 ** Math.floor(Math.log2(bytes / 16 / 1024 ** 2))));
}

/**
 * Makes the data directory `pgdata` in the folder when there is none: UTF-8, ordered by code point, checksums on. Made
 * under another name and renamed, so that a killed initdb leaves no half of one.
 * @throws HeadgateError UNAVAILABLE with what initdb said, or when there is half of a data directory.
 */
export async function ensureCluster(binaries: Binaries, user: Unprivileged, folder: string, durable: boolean): Promise<void> {
  const data = join(folder, 'pgdata');
  if (existsSync(join(data, 'PG_VERSION'))) return;
  // Not ours to delete: it may hold data whose first file was lost.
  if ((await readdir(data).catch(() => [])).length > 0) {
    throw new HeadgateError(
      'UNAVAILABLE',
      `${data} is not a complete PostgreSQL data directory (it has no PG_VERSION). Restore it from a backup, or move it away to begin anew.`,
      {
        folder: data,
      },
    );
  }
  const draft = join(folder, 'pgdata.new');
  await rm(draft, { recursive: true, force: true });
  const options = ['--encoding=UTF8', '--locale=C', '--username=headgate', '--auth=scram-sha-256', `--pwfile=${passwordFile(folder)}`];
  try {
    await runProgram(user, binaries.initdb, ['-D', draft, ...options, ...(durable ? [] : ['--no-sync'])]);
  } catch (cause) {
    await rm(draft, { recursive: true, force: true });
    throw new HeadgateError('UNAVAILABLE', `The embedded PostgreSQL could not be set up in ${folder}: ${messageOf(cause)}`, { folder }, { cause });
  }
  await writeFile(join(draft, 'postgresql.auto.conf'), settings());
  await rename(draft, data);
}

/** The password of the server's only user, made on first use. */
export async function clusterPassword(folder: string): Promise<string> {
  await writeOnce(passwordFile(folder), `${randomBytes(24).toString('base64url')}\n`);
  return (await readFile(passwordFile(folder), 'utf8')).trim();
}

function passwordFile(folder: string): string {
  return join(folder, 'postgres.password');
}
