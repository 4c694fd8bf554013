import { mkdir, open, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
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

/** Adds the checkpoint as a line of JSON; it is on the disk when this resolves. */
export async function appendCheckpoint(file: string, checkpoint: Checkpoint): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(file, 'a+', 0o600);
  try {
    await cutTornLine(handle);
    await handle.appendFile(`${JSON.stringify(checkpoint)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A line that a crash cut in half was never acknowledged; what is added now must not continue it. */
async function cutTornLine(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat();
  const tail = Buffer.alloc(Math.min(size, 4096));
  await handle.read(tail, 0, tail.length, size - tail.length);
  const end = tail.lastIndexOf('\n') + 1;
  if (end < tail.length) await handle.truncate(size - tail.length + end);
}

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
