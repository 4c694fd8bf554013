import { readFile } from 'node:fs/promises';
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
