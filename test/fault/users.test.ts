import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Child } from '../support/child.js';
import { processesIn } from '../support/processes.js';

interface Opened {
  readonly rows: number;
  readonly postmaster: number;
  readonly uid: number;
}

const NOBODY = 65534;
const OWN_STORE = join(import.meta.dirname, '../support/own-store.ts');

let root: string;
const children: Child[] = [];

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'headgate-users-')));
  await chmod(root, 0o755);
});

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.end()));
  await rm(root, { recursive: true, force: true });
});

function open(home: string, options: ConstructorParameters<typeof Child>[2]): Child {
  const child = new Child(OWN_STORE, [home], options);
  children.push(child);
  return child;
}

/** Why a process of that user can't run this checkout; undefined when it can. */
function obstacle(uid: number): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root, to start a process as another user';
  for (const file of [process.execPath, OWN_STORE, resolve('node_modules/pg/package.json')]) {
    try {
      execFileSync('setpriv', [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', 'test', '-r', file]);
    } catch {
      return `another user can't read ${file}`;
    }
  }
  return undefined;
}

async function ownerOf(pid: number): Promise<number> {
  return (await stat(`/proc/${pid}`)).uid;
}

test('an ordinary user without a home or a name needs nothing else', async ({ skip }) => {
  const reason = obstacle(NOBODY);
  if (reason) skip(reason);
  const home = join(root, 'home');
  await mkdir(home);
  await chown(home, NOBODY, NOBODY);
  const child = open(home, { uid: NOBODY, gid: NOBODY, env: { PATH: process.env['PATH'] } });
  const opened = await child.answer<Opened>();
  expect(opened).toMatchObject({ rows: 1, uid: NOBODY });
  expect(await ownerOf(opened.postmaster)).toBe(NOBODY);
  expect(await child.end()).toMatchObject({ code: 0 });
  expect(processesIn(home)).toEqual([]);
});

test('a user who may not write the data directory is told so', async ({ skip }) => {
  const reason = obstacle(NOBODY);
  if (reason) skip(reason);
  const child = open(join(root, 'closed'), { uid: NOBODY, gid: NOBODY, env: { PATH: process.env['PATH'] } });
  expect(await child.answer()).toEqual({ code: 'UNAVAILABLE', message: expect.stringMatching(/closed can't be used: EACCES.*HEADGATE_HOME/) });
});

test('root without user namespaces runs the server as the account postgres, in a data directory that stays closed', async ({ skip }) => {
  const reason = obstacle(NOBODY);
  if (reason) skip(reason);
  // The kernel of many containers answers so.
  const bin = join(root, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'unshare'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  const home = join(root, 'home');
  const environment = { env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` } };

  const first = open(home, environment);
  const opened = await first.answer<Opened>();
  expect(opened).toMatchObject({ rows: 1, uid: 0 });
  const server = await ownerOf(opened.postmaster);
  expect(server).toBe(Number(execFileSync('id', ['-u', 'postgres']).toString()));
  expect((await stat(home)).mode & 0o777).toBe(0o710);
  // Killed: the next start finds the processes of the other user, and ends them.
  await first.end('SIGKILL');
  expect(processesIn(home)).toContain(opened.postmaster);

  const second = open(home, environment);
  const again = await second.answer<Opened>();
  expect(again.rows).toBe(2);
  expect(processesIn(home)).not.toContain(opened.postmaster);
  expect(await second.end()).toMatchObject({ code: 0 });
  expect(processesIn(home)).toEqual([]);
});

test('root with a data directory that the account postgres can not reach is told so', async ({ skip }) => {
  const reason = obstacle(NOBODY);
  if (reason) skip(reason);
  const bin = join(root, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'unshare'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  const closed = join(root, 'closed');
  await mkdir(closed, { mode: 0o700 });
  const child = open(join(closed, 'home'), { env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` } });
  expect(await child.answer()).toEqual({
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/account "postgres" can't reach .*closed\/home\/postgres\. Set HEADGATE_HOME/),
  });
});
