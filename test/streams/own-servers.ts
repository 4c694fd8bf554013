import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../support/processes.js';

/** A broker of the test's own, that keeps what it was given on the disk, and can be killed and started again. */
export class OwnServer {
  readonly url: string;
  readonly #command: readonly string[];
  readonly #port: number;
  readonly #folder: string;
  #process: ChildProcess | undefined;

  private constructor(url: string, command: readonly string[], port: number, folder: string) {
    this.url = url;
    this.#command = command;
    this.#port = port;
    this.#folder = folder;
  }

  /** Undefined where the program is not on this machine. */
  static async start(program: 'nats-server' | 'redis-server'): Promise<OwnServer | undefined> {
    if (!(await isThere(program))) return undefined;
    const port = await freePort();
    const folder = await mkdtemp(join(tmpdir(), 'headgate-broker-'));
    const command =
      program === 'nats-server'
        ? [program, '-a', '127.0.0.1', '-p', String(port), '-js', '-sd', folder]
        : [program, '--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--dir', folder];
    const server = new OwnServer(`${program === 'nats-server' ? 'nats' : 'redis'}://127.0.0.1:${port}`, command, port, folder);
    await server.begin();
    return server;
  }

  async begin(): Promise<void> {
    const [program = '', ...args] = this.#command;
    this.#process = spawn(program, args, { stdio: 'ignore' });
    await until(`${program} answers`, () => answers(this.#port));
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function isThere(program: string): Promise<boolean> {
  const tried = spawn(program, ['--version'], { stdio: 'ignore' });
  return new Promise((resolve) => {
    tried.on('error', () => resolve(false)).on('exit', () => resolve(true));
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}
