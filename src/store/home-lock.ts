import { readFileSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HeadgateError } from '../kernel/index.js';

interface Owner {
  readonly pid: number;
  /** When the process began, by the kernel's clock: tells a process from a later one with the same number. */
  readonly born: string;
}

/**
 * Holds a data directory for one process. A lock whose owner is gone (killed, power cut) is taken over.
 * @throws HeadgateError CONFLICT when a live process holds it.
 */
export class HomeLock {
  readonly #file: string;
  private constructor(file: string) {
    this.#file = file;
  }

  static async acquire(home: string): Promise<HomeLock> {
    await mkdir(home, { recursive: true, mode: 0o700 });
    const file = join(home, 'headgate.lock');
    const mine: Owner = { pid: process.pid, born: bornAt(process.pid) ?? '' };
    for (let attempt = 0; attempt < 5; attempt++) {
      try {
        await writeFile(file, JSON.stringify(mine), { flag: 'wx', mode: 0o600 });
        return new HomeLock(file);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const owner = await readOwner(file);
      if (owner && isAlive(owner)) {
        throw new HeadgateError(
          'CONFLICT',
          `The data directory ${home} is in use by process ${owner.pid}. Stop that one, or set HEADGATE_HOME to another folder.`,
          { home, pid: owner.pid },
        );
      }
      // A rename is atomic: of two processes that see the same stale lock only one moves it away.
      const stale = `${file}.stale-${process.pid}`;
      await rename(file, stale).catch(() => undefined);
      await rm(stale, { force: true });
    }
    throw new HeadgateError('CONFLICT', `The lock of the data directory ${home} could not be taken: several processes are starting on it at once. Try again.`, { home });
  }

  /** The process that holds the directory now, if any. */
  static async holder(home: string): Promise<number | undefined> {
    const owner = await readOwner(join(home, 'headgate.lock'));
    return owner && isAlive(owner) ? owner.pid : undefined;
  }

  async release(): Promise<void> {
    await rm(this.#file, { force: true });
  }
}

async function readOwner(file: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

function isAlive(owner: Owner): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const born = bornAt(owner.pid);
  return born === undefined || owner.born === '' || born === owner.born;
}

/** Field 22 of /proc/PID/stat (start time in clock ticks since boot); undefined where there is no /proc. */
function bornAt(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
