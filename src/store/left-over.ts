import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { HeadgateError } from '../kernel/index.js';
import { exists } from './process-id.js';
import type { Unprivileged } from './unprivileged.js';

const run = promisify(execFile);

/** Time for an orderly stop with its checkpoint, and for the rest of a server without a head, in milliseconds. */
const ORDERLY = 60_000;
const HEADLESS = 10_000;

/**
 * Ends what a killed owner left running on a data directory; the caller holds its lock. A process counts as a server on
 * it only when it works in the directory: the number in `postmaster.pid` alone says nothing after a restart of the
 * container, when the same number belongs to another program. Sessions that outlive a killed server are waited for, because
 * a second server beside them would damage the data.
 */
export async function endLeftOver(user: Unprivileged, data: string): Promise<void> {
  const file = join(data, 'postmaster.pid');
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n');
  const head = Number(lines[0]);
  if (!Number.isInteger(head) || head <= 0) return;

  let running = await processesOn(user, data, head);
  if (running.includes(head)) {
    process.kill(head, 'SIGINT');
    running = await waitForEnd(user, data, head, ORDERLY);
  } else if (running.length > 0) {
    running = await waitForEnd(user, data, head, HEADLESS);
  }
  for (const pid of running) {
    if (exists(pid)) process.kill(pid, 'SIGKILL');
  }
  if (running.length > 0) running = await waitForEnd(user, data, head, HEADLESS);
  if (running.length > 0) {
    throw new HeadgateError(
      'UNAVAILABLE',
      `PostgreSQL processes of an earlier start (${running.join(', ')}) still use ${data} and could not be ended. End them by hand.`,
      {
        pids: running,
      },
    );
  }
  // PostgreSQL replaces the file of a server that is gone, but not when another program has got the number.
  if (exists(head)) await rm(file, { force: true });
  await removeTemporarySocket(lines[4]);
}

async function waitForEnd(user: Unprivileged, data: string, head: number, limit: number): Promise<number[]> {
  const end = Date.now() + limit;
  for (;;) {
    const running = await processesOn(user, data, head);
    if (running.length === 0 || Date.now() > end) return running;
    await delay(50);
  }
}

/** All processes of a PostgreSQL server, its sessions included, have the data directory as their working directory. */
async function processesOn(user: Unprivileged, data: string, head: number): Promise<number[]> {
  if (!existsSync('/proc/self/cwd')) return (await isPostgres(head)) ? [head] : [];
  // As the server's user: without the right to trace, root too can't read where another user's process works.
  const script = 'for p in /proc/[0-9]*; do echo "${p#/proc/} $(readlink "$p/cwd")"; done';
  const { uid, gid } = user;
  const options = { maxBuffer: 64 * 1024 * 1024, ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
  const { stdout } = await run('sh', ['-c', script], options);
  const folder = await realpath(data);
  return stdout
    .split('\n')
    .filter((line) => line.slice(line.indexOf(' ') + 1) === folder)
    .map((line) => Number.parseInt(line, 10));
}

/** Where there is no /proc: by the program's name. */
async function isPostgres(pid: number): Promise<boolean> {
  if (!exists(pid)) return false;
  const command = await run('ps', ['-p', String(pid), '-o', 'comm=']).catch(() => ({ stdout: 'postgres' }));
  return command.stdout.includes('postgres');
}

async function removeTemporarySocket(folder: string | undefined): Promise<void> {
  if (folder?.startsWith(join(tmpdir(), 'headgate-'))) await rm(folder, { recursive: true, force: true });
}
