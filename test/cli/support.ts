import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { vi } from 'vitest';
import { run } from '../../src/cli/program.js';

const PROJECT = resolve(import.meta.dirname, '../..');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Options {
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  readonly cwd?: string;
}

/** The command as a process of its own, from the source. */
export function start(args: readonly string[], { env = {}, cwd = PROJECT }: Options = {}) {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(HEADGATE_|DATABASE_|REDIS_|VITEST|NODE_OPTIONS|PORT$|HOST$|LOG_LEVEL$)/.test(name)),
  );
  const child = spawn(process.execPath, ['--import', join(PROJECT, 'test/support/decorators.js'), join(PROJECT, 'src/cli/main.ts'), ...args], {
    cwd,
    env: { ...inherited, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const exit = once(child, 'close') as Promise<[number | null]>;
  const ended: Promise<Ended> = Promise.all([exit, output]).then(([[code], [stdout, stderr]]) => ({ code, stdout, stderr }));
  return { child, ended };
}

export async function headgate(args: readonly string[], options: Options = {}): Promise<Ended> {
  const { child, ended } = start(args, options);
  child.stdin.end(options.input ?? '');
  return ended;
}

/** The same within this process, which saves the second that a process takes to start: for many small cases, one at a time. */
export async function headgateHere(args: readonly string[], { env = {} }: Options = {}): Promise<Ended> {
  const [stdout, stderr]: [string[], string[]] = [[], []];
  const spies = [
    vi.spyOn(console, 'log').mockImplementation((line: string) => void stdout.push(`${line}\n`)),
    vi.spyOn(console, 'error').mockImplementation((line: string) => void stderr.push(`${line}\n`)),
    vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => stdout.push(String(chunk)) > 0),
    vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => stderr.push(String(chunk)) > 0),
  ];
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  try {
    return { code: await run(args), stdout: stdout.join(''), stderr: stderr.join('') };
  } finally {
    vi.unstubAllEnvs();
    for (const spy of spies) spy.mockRestore();
  }
}
