import { execFile } from 'node:child_process';
import { access, chown, constants, lstat, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { HeadgateError } from '../kernel/index.js';

const run = promisify(execFile);

/** How a PostgreSQL program is started: PostgreSQL refuses to run as root, and containers often are root. */
export interface Unprivileged {
  /** Put before the program and its arguments. */
  readonly prefix: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
  /** Gives a folder, with all in it, to the user that PostgreSQL runs as. */
  own(folder: string): Promise<void>;
}

const asIs: Unprivileged = { prefix: [], own: async () => undefined };

/**
 * Chooses how to run PostgreSQL. Not as root: as it is. As root: in a user namespace that maps root to another number,
 * which needs no account and reaches every folder root does; where the kernel forbids that, as the account `postgres`
 * (created when missing), which must be able to reach the folders.
 * @throws HeadgateError UNAVAILABLE when neither works.
 */
export async function unprivileged(folders: readonly string[]): Promise<Unprivileged> {
  if (process.getuid?.() !== 0) return asIs;
  const namespace = ['unshare', '--user', '--map-user=1000', '--map-group=1000'];
  try {
    await run(namespace[0] ?? '', [...namespace.slice(1), 'true']);
    return { prefix: namespace, own: (folder) => chownTree(folder, 0, 0) };
  } catch {
    return asPostgresAccount(folders);
  }
}

async function asPostgresAccount(folders: readonly string[]): Promise<Unprivileged> {
  const [uid, gid] = await postgresAccount();
  for (const folder of folders) {
    await run('setpriv', [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', 'test', '-x', folder]).catch((cause: unknown) => {
      throw new HeadgateError(
        'UNAVAILABLE',
        `PostgreSQL can't run as root, and the account "postgres" can't reach ${folder}. Start Headgate as an ordinary user, or set HEADGATE_HOME to a folder under /var/lib.`,
        { folder },
        { cause },
      );
    });
  }
  return { prefix: [], uid, gid, own: (folder) => chownTree(folder, uid, gid) };
}

async function postgresAccount(): Promise<[number, number]> {
  const ids = async (): Promise<[number, number]> => {
    const [u, g] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
    return [Number(u.stdout), Number(g.stdout)];
  };
  return ids().catch(async () => {
    try {
      await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']);
      return await ids();
    } catch (cause) {
      throw new HeadgateError(
        'UNAVAILABLE',
        "PostgreSQL can't run as root here: no user namespace, and no account \"postgres\" could be made. Start Headgate as an ordinary user, or set DATABASE_URL.",
        {},
        { cause },
      );
    }
  });
}

/** Changes nothing, and costs one look, where the owner is right already. */
async function chownTree(folder: string, uid: number, gid: number): Promise<void> {
  const { uid: owner } = await lstat(folder);
  if (owner === uid) return;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    await chown(join(entry.parentPath, entry.name), uid, gid).catch(() => undefined);
  }
  await chown(folder, uid, gid);
}

/** The nearest folder above that exists: what an account must be able to reach to make `folder`. */
export async function nearestExisting(folder: string): Promise<string> {
  for (let at = folder; ; at = dirname(at)) {
    const found = await access(at, constants.F_OK).then(
      () => true,
      () => false,
    );
    if (found || at === dirname(at)) return at;
  }
}
