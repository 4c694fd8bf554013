import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

const PIECE = 4096;

/**
 * Adds each value as a line of JSON, in a file that only we read; they are on the disk when this resolves. What a crash left
 * of a line is cut off first: it was never acknowledged, and nothing must continue it.
 */
export async function appendLines(file: string, values: readonly unknown[]): Promise<void> {
  if (values.length === 0) return;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const handle = await open(file, 'a+', 0o600);
  try {
    await cutTornLine(handle);
    await handle.appendFile(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function cutTornLine(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat();
  let start = size;
  while (start > 0) {
    const piece = Buffer.alloc(Math.min(start, PIECE));
    start -= piece.length;
    await handle.read(piece, 0, piece.length, start);
    const feed = piece.lastIndexOf('\n');
    if (feed < 0) continue;
    start += feed + 1;
    break;
  }
  if (start < size) await handle.truncate(start);
}
