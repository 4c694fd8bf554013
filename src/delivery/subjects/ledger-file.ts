import { mkdir, open, readFile, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { HeadgateError, messageOf } from '../../kernel/index.js';

/** One erasure, as it is known outside the database: enough to do it again, and no name. */
const Line = z.object({
  id: z.uuid(),
  reference: z.string().regex(/^[0-9a-f]{64}$/),
  at: z.iso.datetime(),
  by: z.string(),
  reason: z.string(),
  keyId: z.string(),
});
export type LedgerLine = z.infer<typeof Line>;

/** Adds lines of JSON; they are on the disk when this resolves. */
export async function appendLines(file: string, lines: readonly LedgerLine[]): Promise<void> {
  if (lines.length === 0) return;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const handle = await open(file, 'a+', 0o600);
  try {
    await cutTornLine(handle);
    await handle.appendFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A line that a crash cut in half was not acknowledged, and is written again from the database: nothing must continue it. */
async function cutTornLine(handle: FileHandle): Promise<void> {
  const text = await handle.readFile();
  const end = text.lastIndexOf('\n') + 1;
  if (end < text.length) await handle.truncate(end);
}

/**
 * All erasures that the file knows; none when there is no file.
 * @throws HeadgateError UNAVAILABLE for a line that is none: what can't be read can't be done again
 */
export async function readLines(file: string): Promise<LedgerLine[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw new HeadgateError('UNAVAILABLE', `The ledger of erasures ${file} can't be read: ${messageOf(error)}.`, { file }, { cause: error });
  });
  const lines = text.split('\n');
  // Behind the last line feed is nothing, or what a crash left of a line.
  lines.pop();
  return lines.map((line, i) => parse(line) ?? damaged(file, i + 1));
}

function parse(text: string): LedgerLine | undefined {
  try {
    return Line.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function damaged(file: string, line: number): never {
  throw new HeadgateError(
    'UNAVAILABLE',
    `${file}:${line}: expected an erasure as one line of JSON, got something else. Put the file back from a copy; without it a restored database may hold persons who were erased.`,
    { file, line },
  );
}
