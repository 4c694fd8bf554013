import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';

/** One of the suite's own subgraphs, which it ships as a program. */
export class BundledSubgraph {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, url: string) {
    this.#process = process;
    this.url = url;
  }

  /** @param variable the variable of the environment from which it takes its port */
  static async start(folder: string, variable: string): Promise<BundledSubgraph> {
    const port = await freePort();
    const child = spawn(process.execPath, ['index.js'], {
      cwd: folder,
      env: { ...process.env, [variable]: String(port) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    // Whatever ends this process, it must not be left behind.
    process.once('exit', () => child.kill());
    if (!child.stdout) throw new Error('no standard output');
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.includes('ready at')) return new BundledSubgraph(child, `http://localhost:${port}/`);
    }
    throw new Error(`${folder} ended before it was ready`);
  }

  async close(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill();
    await ended;
  }
}

/** Of the programs none takes port 0. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
