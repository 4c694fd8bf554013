import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { HeadgateError, messageOf } from '../kernel/index.js';

export function isUrl(file: string): boolean {
  return /^https?:\/\//i.test(file);
}

/** A file that the command line names; `-` is standard input. @throws HeadgateError NOT_FOUND or BAD_USER_INPUT when it can't be read */
export async function openInput(file: string): Promise<{ readonly stream: Readable; readonly size?: number }> {
  if (file === '-') return { stream: process.stdin };
  const handle = await open(file).catch((cause: NodeJS.ErrnoException) => {
    const message = cause.code === 'ENOENT' ? `There is no file "${file}".` : `"${file}" can't be read: ${messageOf(cause)}.`;
    throw new HeadgateError(cause.code === 'ENOENT' ? 'NOT_FOUND' : 'BAD_USER_INPUT', message, { file }, { cause });
  });
  const found = await handle.stat();
  if (found.isDirectory()) {
    await handle.close();
    throw new HeadgateError('BAD_USER_INPUT', `"${file}" is a folder; expected a file with rows.`, { file });
  }
  return { stream: handle.createReadStream({ highWaterMark: 256 * 1024 }), ...(found.isFile() && { size: found.size }) };
}
