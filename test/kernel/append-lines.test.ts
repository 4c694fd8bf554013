import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { appendLines } from '../../src/kernel/index.js';

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'lines-'))));
afterEach(() => rm(folder, { recursive: true }));

test('makes the file, and its folder, for nobody else', async () => {
  const file = join(folder, 'new', 'lines');
  await appendLines(file, [{ a: 1 }, 'two\nlines']);
  await appendLines(file, [3]);
  expect(await readFile(file, 'utf8')).toBe('{"a":1}\n"two\\nlines"\n3\n');
  expect(((await stat(file)).mode & 0o777).toString(8)).toBe('600');
});

test('of nothing there is no file', async () => {
  await appendLines(join(folder, 'none'), []);
  await expect(stat(join(folder, 'none'))).rejects.toThrow('ENOENT');
});

test.each([
  ['nothing', ''],
  ['half a line', '{"torn":'],
  ['a piece that is read at once', 'x'.repeat(4096)],
  ['more than a piece', 'x'.repeat(10_000)],
])('behind whole lines: %s', async (_, torn) => {
  for (const whole of ['', '1\n', `"${'y'.repeat(5000)}"\n2\n`]) {
    const file = join(folder, 'lines');
    await writeFile(file, whole + torn);
    await appendLines(file, ['new']);
    expect(await readFile(file, 'utf8')).toBe(`${whole}"new"\n`);
  }
});
