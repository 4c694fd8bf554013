import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join, resolve } from 'node:path';

const PROJECT = resolve(import.meta.dirname, '../..');

/** A process of its own that runs a TypeScript file of the tests; its lines on standard output are its answers. */
export class Child {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #errors = '';

  constructor(file: string, args: readonly string[] = [], options: SpawnOptions = {}) {
    const hooks = join(PROJECT, 'test/support/typescript.js');
    this.process = spawn(process.execPath, ['--import', hooks, file, ...args], { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
    this.process.stderr?.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()));
    if (!this.process.stdout) throw new Error('a child without standard output');
    this.#lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  /** The next line it prints. */
  async line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done) throw new Error(`the child ended without another line: ${this.#errors}`);
    return next.value;
  }

  async answer<T>(): Promise<T> {
    return JSON.parse(await this.line()) as T;
  }

  /** Sends the signal, or closes its standard input when there is none, and waits for its end. */
  async end(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    const { exitCode, signalCode } = this.process;
    if (exitCode !== null || signalCode !== null) return { code: exitCode, signal: signalCode };
    const ended = once(this.process, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    if (signal) this.process.kill(signal);
    else this.process.stdin?.end();
    const [code, by] = await ended;
    return { code, signal: by };
  }
}
