import { execFile } from 'node:child_process';
import { chmod, chown, lchown, lstat, readdir } from 'node:fs/promises';
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
  /** Gives a file, or a folder with all in it, to the user that PostgreSQL runs as. */
  own(path: string): Promise<void>;
}

const asIs: Unprivileged = { prefix: [], own: async () => undefined };

/**
 * Chooses how to run PostgreSQL. Not as root: as it is. As root: in a user namespace that maps root to another number,
 * which needs no account and reaches every folder root does; where the kernel forbids that (a container, often), as the
 * account `postgres`, created when missing, which must be able to reach the programs and the data.
 * @param programs the folder of PostgreSQL's programs
 * @param folder that of its data, there already
 * @throws HeadgateError UNAVAILABLE when neither works.
 */
export async function unprivileged(programs: string, folder: string): Promise<Unprivileged> {
  if (process.getuid?.() !== 0) return asIs;
  const namespace = ['--user', '--map-user=1000', '--map-group=1000'];
  try {
    await run('unshare', [...namespace, 'true']);
  } catch {
    return asPostgresAccount(programs, folder);
  }
  return { prefix: ['unshare', ...namespace], own: (at) => chownTree(at, 0, 0) };
}

async function asPostgresAccount(programs: string, folder: string): Promise<Unprivileged> {
  const [uid, gid] = await postgresAccount();
  const reaches = (at: string): Promise<boolean> =>
    run('setpriv', [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', 'test', '-x', at]).then(
      () => true,
      () => false,
    );
  if (!(await reaches(programs))) {
    throw new HeadgateError(
      'UNAVAILABLE',
      `PostgreSQL can't run as root, and the account "postgres" can't reach its programs in ${programs}. Install Headgate outside of closed folders such as /root, start it as an ordinary user, or set DATABASE_URL.`,
      { folder: programs },
    );
  }
  await chownTree(folder, uid, gid);
  if (!(await reaches(folder))) await letPass(dirname(folder), gid);
  if (!(await reaches(folder))) {
    throw new HeadgateError(
      'UNAVAILABLE',
      `PostgreSQL can't run as root, and the account "postgres" can't reach ${folder}. Set HEADGATE_HOME to a folder under /var/lib, start Headgate as an ordinary user, or set DATABASE_URL.`,
      { folder },
    );
  }
  return { prefix: [], uid, gid, own: (at) => chownTree(at, uid, gid) };
}

/** The data directory is closed; the group of PostgreSQL may pass through it, and neither list it nor read its files. */
async function letPass(home: string, gid: number): Promise<void> {
  const { uid, mode } = await lstat(home);
  if ((mode & 0o077) !== 0) return;
  await chown(home, uid, gid);
  await chmod(home, 0o710);
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
        'PostgreSQL can\'t run as root here: no user namespace, and no account "postgres" could be made. Start Headgate as an ordinary user, or set DATABASE_URL.',
        {},
        { cause },
      );
    }
  });
}

/** Changes nothing, and costs one look, where the owner is right already. The folder comes last: a cut leaves it to be done again. */
async function chownTree(path: string, uid: number, gid: number): Promise<void> {
  const found = await lstat(path);
  if (found.uid === uid) return;
  const entries = found.isDirectory() ? await readdir(path, { withFileTypes: true, recursive: true }) : [];
  for (const entry of entries) await lchown(join(entry.parentPath, entry.name), uid, gid).catch(() => undefined);
  await lchown(path, uid, gid);
}
