import { execFile } from 'node:child_process';
import { chmod, cp, mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findBinaries, repairBinaries, type Binaries } from '../../src/store/binaries.js';

const run = promisify(execFile);

let copy: string;
let binaries: Binaries;

beforeAll(async () => {
  const found = await findBinaries();
  const original = dirname(dirname(found.postgres));
  copy = await mkdtemp(join(tmpdir(), 'headgate-binaries-'));
  await cp(original, join(copy, 'native'), { recursive: true, verbatimSymlinks: true });
  const inCopy = (file: string): string => file.replace(original, join(copy, 'native'));
  binaries = { initdb: inCopy(found.initdb), pgCtl: inCopy(found.pgCtl), postgres: inCopy(found.postgres) };
});

afterAll(async () => {
  await rm(copy, { recursive: true, force: true });
});

async function links(): Promise<string[]> {
  const entries = await readdir(join(copy, 'native/lib'), { withFileTypes: true });
  return entries.filter((entry) => entry.isSymbolicLink()).map((entry) => join(entry.parentPath, entry.name));
}

test('an install without its scripts is repaired: links and the permission to execute', async () => {
  const before = await links();
  expect(before.length).toBeGreaterThan(5);
  for (const link of before) await rm(link);
  await chmod(binaries.postgres, 0o644);
  await expect(run(binaries.initdb, ['--version'])).rejects.toThrow(/shared libraries|EACCES|Permission denied/);

  // Several processes may find it so at once.
  await Promise.all([repairBinaries(binaries), repairBinaries(binaries), repairBinaries(binaries)]);
  expect((await links()).toSorted()).toEqual(before.toSorted());
  for (const link of before) expect(await readlink(link)).not.toContain('/');
  expect((await run(binaries.initdb, ['--version'])).stdout).toMatch(/PostgreSQL\) 18/);
  expect((await run(binaries.postgres, ['--version'])).stdout).toMatch(/PostgreSQL\) 18/);
});

test('what can not be repaired is told', async () => {
  const lost = { initdb: '/nowhere/native/bin/initdb', pgCtl: '/nowhere/native/bin/pg_ctl', postgres: '/nowhere/native/bin/postgres' };
  await expect(repairBinaries(lost)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/not complete and can't be repaired.*Install again/),
  });
});
