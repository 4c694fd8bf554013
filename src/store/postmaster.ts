import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, mkdir, open, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { constants, getPriority, platform, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HeadgateError, messageOf } from '../kernel/index.js';
import type { Binaries } from './binaries.js';
import { invocation, runProgram } from './program.js';
import type { Unprivileged } from './unprivileged.js';

/** Recovery after a crash replays what was written since the last checkpoint: minutes, when loads were under way. */
const LONGEST_START = 600_000;
const LONGEST_STOP = 60_000;
const LOG_TAIL_LINES = 5;
/** Enough to be felt where processors are short, and no more: others on the machine have theirs before it, too. */
const NICENESS = 5;

export interface PostmasterOptions {
  readonly binaries: Binaries;
  readonly user: Unprivileged;
  /** Holds `pgdata`, and gets the log and the socket. */
  readonly folder: string;
  /** `name=value`, over those of the data directory. */
  readonly settings: readonly string[];
}

/**
 * The running server process, started without a shell, so that no character of a path means anything. It has a process
 * group of its own: Ctrl-C in a terminal reaches us, and we stop it in order.
 */
export class Postmaster {
  readonly host: string;
  readonly port: number;
  readonly #stop: (mode: 'fast' | 'immediate') => Promise<void>;

  private constructor(host: string, port: number, stop: (mode: 'fast' | 'immediate') => Promise<void>) {
    this.host = host;
    this.port = port;
    this.#stop = stop;
  }

  /** @throws HeadgateError UNAVAILABLE with the end of the server's log when it does not start. */
  static async start(options: PostmasterOptions): Promise<Postmaster> {
    const { binaries, folder, user } = options;
    const data = join(folder, 'pgdata');
    const log = join(folder, 'postgres.log');
    const address = await chooseAddress(folder, user);
    const args = ['-D', data, ...[...address.settings, ...options.settings].flatMap((setting) => ['-c', setting])];
    try {
      const stop = platform() === 'win32' ? await startOnWindows(options, data, log, args) : await startProcess(options, data, log, args);
      return new Postmaster(address.host, address.port, async (mode) => {
        await stop(mode);
        if (address.temporary) await rm(address.host, { recursive: true, force: true });
      });
    } catch (cause) {
      if (address.temporary) await rm(address.host, { recursive: true, force: true });
      const tail = (await readFile(log, 'utf8').catch(() => '')).trim().split('\n').slice(-LOG_TAIL_LINES).join('\n');
      throw new HeadgateError(
        'UNAVAILABLE',
        `The embedded PostgreSQL in ${folder} did not start: ${messageOf(cause)}. The end of ${log}:\n${tail}`,
        { log, program: binaries.postgres },
        { cause },
      );
    }
  }

  /** `fast` ends sessions and writes all to disk; `immediate` leaves that to the recovery at the next start. No process stays. */
  async stop(mode: 'fast' | 'immediate'): Promise<void> {
    await this.#stop(mode);
  }
}

async function startProcess({ user, binaries }: PostmasterOptions, data: string, logFile: string, args: readonly string[]): Promise<Postmaster['stop']> {
  const call = invocation(user, binaries.postgres, args);
  const log = await open(logFile, 'a', 0o600);
  let child: ChildProcess;
  try {
    child = spawn(call.file, call.args, { ...call.options, detached: true, stdio: ['ignore', log.fd, log.fd] });
    child.unref();
    yieldToUs(child);
    await Promise.race([ready(child, data), failure(child)]);
  } finally {
    await log.close();
  }
  // Should our process end without stopping it, the server is told at least.
  const last = (): void => void child.kill('SIGINT');
  process.once('exit', last);
  return async (mode) => {
    await stopProcess(child, mode);
    process.off('exit', last);
  };
}

/**
 * All requests go through one thread of ours, and statements through a process each: where they are more than the processors,
 * that thread would wait longest, and everybody with it. What PostgreSQL starts inherits the priority.
 */
function yieldToUs({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, Math.min(getPriority() + NICENESS, constants.priority.PRIORITY_LOW));
  } catch {
    // It ended at once, or the system does not let us: then it runs like everything else.
  }
}

async function failure(child: ChildProcess): Promise<never> {
  // An `error` event (no such program) rejects here by itself.
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  throw new Error(`it ended with ${signal ?? code}`);
}

/** `postmaster.pid` has the server's process id in its first line, and its state in the eighth. */
async function ready(child: ChildProcess, data: string): Promise<void> {
  const end = Date.now() + LONGEST_START;
  while (!hasEnded(child)) {
    const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return;
    if (Date.now() > end) {
      await stopProcess(child, 'immediate');
      throw new Error(`it was not ready after ${LONGEST_START / 1000} seconds`);
    }
    await delay(10);
  }
  // The exit itself is told by `failure`.
  await new Promise<never>(() => undefined);
}

async function stopProcess(child: ChildProcess, mode: 'fast' | 'immediate'): Promise<void> {
  if (hasEnded(child)) return;
  child.ref();
  const ended = once(child, 'exit');
  child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
  // A session that can't be ended must not hold us for ever; what is lost then is only the checkpoint.
  const timer = setTimeout(() => child.kill('SIGQUIT'), LONGEST_STOP);
  await ended;
  clearTimeout(timer);
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** There PostgreSQL must not have an administrator's rights, and `pg_ctl` takes them away. */
async function startOnWindows({ user, binaries }: PostmasterOptions, data: string, log: string, args: readonly string[]): Promise<Postmaster['stop']> {
  await runProgram(user, binaries.pgCtl, ['start', '-D', data, '-l', log, '-w', '-t', String(LONGEST_START / 1000), '-s', '-o', args.slice(2).join(' ')]);
  return (mode) => runProgram(user, binaries.pgCtl, ['stop', '-D', data, '-m', mode, '-w', '-t', String(LONGEST_STOP / 1000), '-s']);
}

interface Address {
  readonly host: string;
  readonly port: number;
  /** The host is a folder made for this start alone. */
  readonly temporary: boolean;
  readonly settings: readonly string[];
}

/** A socket's path may have 107 bytes (sun_path; 103 on macOS), and PostgreSQL adds its name to the folder's. */
const LONGEST_SOCKET_FOLDER = 85;

/** A Unix socket in a folder that only its owner can enter; on Windows a free port of the loopback. */
async function chooseAddress(folder: string, user: Unprivileged): Promise<Address> {
  if (platform() === 'win32') {
    const port = await freePort();
    return { host: '127.0.0.1', port, temporary: false, settings: ['listen_addresses=127.0.0.1', `port=${port}`] };
  }
  let host = join(folder, 'socket');
  // The setting is a list with commas and quotes of its own.
  const temporary = Buffer.byteLength(host) > LONGEST_SOCKET_FOLDER || /[\s,'"\\]/.test(host);
  if (temporary) host = await mkdtemp(join(tmpdir(), 'headgate-'));
  else await mkdir(host, { recursive: true, mode: 0o700 });
  await user.own(host);
  return { host, port: 5432, temporary, settings: [`unix_socket_directories=${host}`, 'listen_addresses=', 'port=5432'] };
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const at = probe.address();
      probe.close(() => (at && typeof at === 'object' ? resolve(at.port) : reject(new Error('no free port'))));
    });
  });
}
