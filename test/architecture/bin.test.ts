import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

let folder: string;

beforeAll(async () => {
  // A copy, as installed but never built.
  folder = await mkdtemp(join(tmpdir(), 'headgate-bin-'));
  await cp(resolve('bin'), join(folder, 'bin'), { recursive: true });
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function start(args: readonly string[] = []): Promise<{ code: number | string; output: string }> {
  return new Promise((done) => {
    execFile(process.execPath, [...args, join(folder, 'bin/headgate.js'), 'serve'], (error, stdout, stderr) =>
      done({ code: error?.code ?? 0, output: stdout + stderr }),
    );
  });
}

test.each(['12.22.12', '20.20.2', '22.18.0'])('on Node %s the command says in one line what it needs', async (version) => {
  const old = join(folder, `node-${version}.cjs`);
  await writeFile(old, `Object.defineProperty(process.versions, 'node', { value: '${version}' });`);
  expect(await start(['--require', old])).toEqual({
    code: 1,
    output: `Headgate needs Node 22.22 or later, and this is Node ${version} (${process.execPath}).\n`,
  });
});

test.each(['22.22.0', '24.0.0', '26.1.0'])('Node %s is new enough', async (version) => {
  const fresh = join(folder, `node-${version}.cjs`);
  await writeFile(fresh, `Object.defineProperty(process.versions, 'node', { value: '${version}' });`);
  expect((await start(['--require', fresh])).output).not.toContain('needs Node');
});

test('before it was built, the command says how to build it', async () => {
  expect(await start()).toEqual({ code: 1, output: `Headgate is not built yet: run "npm run build" in ${folder}.\n` });
});
