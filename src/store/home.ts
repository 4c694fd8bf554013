import { randomBytes } from 'node:crypto';
import { link, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HeadgateError, messageOf } from '../kernel/index.js';

/**
 * Makes the data directory, closed to other users, when it is not there.
 * @throws HeadgateError UNAVAILABLE when it can't be made or is not a folder.
 */
export async function makeHome(home: string): Promise<void> {
  try {
    await mkdir(home, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new HeadgateError(
      'UNAVAILABLE',
      `The data directory ${home} can't be used: ${messageOf(cause)}. Set HEADGATE_HOME to a folder that can be written.`,
      { home },
      { cause },
    );
  }
}

/**
 * Writes a file that only its owner can read, unless it is there. Of several processes one wins, and no other ever
 * reads a half-written file: the text is complete before the name appears.
 * @returns whether this call made it.
 */
export async function writeOnce(file: string, text: string): Promise<boolean> {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, text, { flag: 'wx', mode: 0o600 });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    // A file system without hard links (some network and USB ones): exclusive, though not complete at once.
    return await writeFile(file, text, { flag: 'wx', mode: 0o600 }).then(
      () => true,
      (second: NodeJS.ErrnoException) => {
        if (second.code === 'EEXIST') return false;
        throw second;
      },
    );
  } finally {
    await rm(draft, { force: true });
  }
}

/** Puts `text` in the place of a file that only its owner can read. At each moment, a crash too, the old text or the new one is there, whole. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
  // The name is in the folder, which is written at a time of its own.
  const folder = await open(dirname(file));
  await folder.sync().finally(() => folder.close());
}
