import { writeFile } from 'node:fs/promises';
import { HeadgateError, messageOf } from '../kernel/index.js';

/**
 * Writes a file that `--out` names.
 * @throws HeadgateError CONFLICT when it is there and is not to be written over; BAD_USER_INPUT when it can't be written
 */
export async function writeNew(file: string, text: string, isForced: boolean): Promise<void> {
  try {
    await writeFile(file, text, { flag: isForced ? 'w' : 'wx' });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new HeadgateError(
        'CONFLICT',
        `--out: "${file}" is there already. Name another file, or write over it with --force: what was added to it by hand is lost then.`,
        { path: 'out' },
        { cause },
      );
    }
    throw new HeadgateError(
      'BAD_USER_INPUT',
      `--out: "${file}" can't be written to: ${messageOf(cause)}. Name a file that you may write.`,
      { path: 'out' },
      { cause },
    );
  }
}
