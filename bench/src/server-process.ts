import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { FromChild, ToChild } from './servers/child.ts';

/** Those of which reads are asked. */
export const READ_SERVERS = ['headgate', 'postgraphile', 'limit'] as const;
export type ReadServerName = (typeof READ_SERVERS)[number];
export const SERVERS = [...READ_SERVERS, 'events-script'] as const;
export type ServerName = (typeof SERVERS)[number];

/** A server in a process of its own, on a free port of the loopback. */
export class ServerProcess<Name extends ServerName = ServerName> {
  readonly name: Name;
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(name: Name, url: string, child: ChildProcess) {
    this.name = name;
    this.url = url;
    this.#child = child;
  }

  /** Resolves when it listens. @throws Error with what it wrote when it ended instead. */
  static async start<Name extends ServerName>(name: Name, env: NodeJS.ProcessEnv): Promise<ServerProcess<Name>> {
    const child = fork(new URL(`./servers/${name}.ts`, import.meta.url), {
      env: { ...process.env, NODE_ENV: 'production', GRAPHILE_ENV: 'production', ...env },
      execArgv: (process.env[`BENCH_${name.toUpperCase()}_NODE_OPTIONS`] ?? '').split(' ').filter(Boolean),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const output: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (piece: Buffer) => void (output.length < 1000 && output.push(piece)));
    const ended = once(child, 'exit').then(() => {
      throw new Error(`The server ${name} ended before it was ready:\n${Buffer.concat(output).toString()}`);
    });
    const ready = await Promise.race([told(child, 'ready'), ended]);
    ended.catch(() => undefined);
    return new ServerProcess(name, ready.url, child);
  }

  /** The most memory that the process held since its start. */
  async peakRssBytes(): Promise<number> {
    const answer = told(this.#child, 'usage');
    this.#child.send({ kind: 'usage' } satisfies ToChild);
    return (await answer).peakRssBytes;
  }

  /** What it holds now. */
  async memory(): Promise<{ readonly rssBytes: number; readonly heapBytes: number }> {
    const answer = told(this.#child, 'memory');
    this.#child.send({ kind: 'memory' } satisfies ToChild);
    return await answer;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.send({ kind: 'stop' } satisfies ToChild);
    await exit;
  }
}

async function told<Kind extends FromChild['kind']>(child: ChildProcess, kind: Kind): Promise<Extract<FromChild, { kind: Kind }>> {
  return new Promise((resolve) => {
    child.on('message', function hear(message: FromChild) {
      if (message.kind !== kind) return;
      child.off('message', hear);
      resolve(message as Extract<FromChild, { kind: Kind }>);
    });
  });
}
