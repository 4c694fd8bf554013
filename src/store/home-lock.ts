import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HeadgateError } from '../kernel/index.js';
import { makeHome, writeOnce } from './home.js';
import { isAlive, thisProcess, type ProcessId } from './process-id.js';

const ATTEMPTS = 100;

/**
 * Holds a data directory for one process. A lock whose owner is gone (killed, power cut) is taken over: that is done
 * under a second lock, because whoever merely moves a stale lock away may move the fresh one of a faster process.
 */
export class HomeLock {
  readonly #file: string;
  private constructor(file: string) {
    this.#file = file;
  }

  /** @throws HeadgateError CONFLICT when a live process holds it; UNAVAILABLE when the folder can't be used. */
  static async acquire(home: string): Promise<HomeLock> {
    await makeHome(home);
    const file = join(home, 'headgate.lock');
    const mine = JSON.stringify(thisProcess());
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await writeOnce(file, mine)) return new HomeLock(file);
      const owner = await readOwner(file);
      if (owner && isAlive(owner)) throw inUse(home, owner.pid);
      if (await takeOver(file, mine)) return new HomeLock(file);
      // Another process is taking it over at this moment: look again at who has it then.
      await delay(20);
    }
    throw new HeadgateError('CONFLICT', `The lock of the data directory ${home} could not be taken: several processes are starting on it at once. Try again.`, {
      home,
    });
  }

  /** The process that holds the directory now, if any. */
  static async holder(home: string): Promise<number | undefined> {
    const owner = await readOwner(join(home, 'headgate.lock'));
    return owner && isAlive(owner) ? owner.pid : undefined;
  }

  async release(): Promise<void> {
    const owner = await readOwner(this.#file);
    if (owner?.pid === process.pid) await rm(this.#file, { force: true });
  }
}

async function takeOver(file: string, mine: string): Promise<boolean> {
  const claim = `${file}.takeover`;
  if (!(await writeOnce(claim, mine))) {
    const claimant = await readOwner(claim);
    if (!claimant || !isAlive(claimant)) await rm(claim, { force: true });
    return false;
  }
  try {
    const owner = await readOwner(file);
    if (owner && isAlive(owner)) return false;
    const draft = `${file}.${process.pid}`;
    await writeFile(draft, mine, { mode: 0o600 });
    await rename(draft, file);
    return true;
  } finally {
    await rm(claim, { force: true });
  }
}

function inUse(home: string, pid: number): HeadgateError {
  return new HeadgateError('CONFLICT', `The data directory ${home} is in use by process ${pid}. Stop that one, or set HEADGATE_HOME to another folder.`, {
    home,
    pid,
  });
}

/** Undefined as well for a file that is damaged: nobody's lock reads like that. */
async function readOwner(file: string): Promise<ProcessId | undefined> {
  try {
    const { pid, born } = JSON.parse(await readFile(file, 'utf8')) as ProcessId;
    return Number.isInteger(pid) && typeof born === 'string' ? { pid, born } : undefined;
  } catch {
    return undefined;
  }
}
