import { open, stat } from 'node:fs/promises';
import { z } from 'zod';
import { HeadgateError, messageOf } from '../kernel/index.js';
import type { Checkpoint } from './checkpoint.js';

const Line: z.ZodType<Checkpoint> = z.object({
  seq: z.string().regex(/^\d+$/),
  hash: z.string(),
  at: z.string(),
  previous: z.string().nullable(),
  signature: z.string(),
  keyId: z.string(),
});

/** The bytes that the file has now, to be read as far and no farther while others add to it; undefined when there is none. */
export async function checkpointFileSize(file: string): Promise<number | undefined> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw unreadable(file, error);
  });
  if (found && !found.isFile()) throw unreadable(file, new Error('it is not a file'));
  return found?.size;
}

/**
 * The checkpoints of a file in its order, one at a time; a torn last line is passed over.
 * @throws HeadgateError BAD_USER_INPUT with the line that is not a checkpoint.
 */
export async function* readCheckpoints(file: string, size: number): AsyncGenerator<Checkpoint> {
  if (size === 0) return;
  const handle = await open(file).catch((error: unknown) => {
    throw unreadable(file, error);
  });
  let line = 0;
  let unread: HeadgateError | undefined;
  for await (const text of handle.readLines({ end: size - 1, encoding: 'utf8' })) {
    line += 1;
    // Only the last line may be torn: one that is followed by another was damaged.
    if (unread) throw unread;
    if (text === '') continue;
    const checkpoint = parse(text);
    if (checkpoint) yield checkpoint;
    else unread = new HeadgateError('BAD_USER_INPUT', `${file}:${line}: expected a checkpoint as one line of JSON, got something else.`, { file, line });
  }
}

function parse(text: string): Checkpoint | undefined {
  try {
    return Line.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function unreadable(file: string, cause: unknown): HeadgateError {
  return new HeadgateError('BAD_USER_INPUT', `The checkpoints file ${file} can't be read: ${messageOf(cause)}.`, { file }, { cause });
}
