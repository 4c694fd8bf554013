import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Unprivileged } from './unprivileged.js';

const run = promisify(execFile);

/** How a PostgreSQL program is called for a user: file, arguments and the options of the process. */
export function invocation(user: Unprivileged, program: string, args: readonly string[]): { file: string; args: string[]; options: ProgramOptions } {
  const [file = program, ...rest] = [...user.prefix, program, ...args];
  const { uid, gid } = user;
  // A clean environment: PGDATA, PGPORT and the like of the caller must not reach the server.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG')));
  return {
    file,
    args: rest,
    options: { env: { ...env, LC_ALL: 'C' }, cwd: '/', ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) },
  };
}

interface ProgramOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly uid?: number;
  readonly gid?: number;
}

/** Runs a program to its end. Rejects, with what it wrote to standard error in the message, when it fails. */
export async function runProgram(user: Unprivileged, program: string, args: readonly string[]): Promise<void> {
  const call = invocation(user, program, args);
  await run(call.file, call.args, call.options);
}
