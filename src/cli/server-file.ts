import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** Where a server of this home answers, for the commands that look for it. */
const ServerFile = z.object({ url: z.url(), pid: z.int() });
export type ServerFile = z.infer<typeof ServerFile>;

const file = (home: string): string => join(home, 'server.json');

export async function writeServerFile(home: string, server: ServerFile): Promise<void> {
  await writeFile(file(home), `${JSON.stringify(server)}\n`, { mode: 0o600 });
}

/** Takes the file away, unless another process has written its own meanwhile. */
export async function removeServerFile(home: string): Promise<void> {
  const found = await readServerFile(home);
  if (found?.pid === process.pid) await rm(file(home), { force: true });
}

/** The server of this home whose process is alive; undefined when there is none. */
export async function readServerFile(home: string): Promise<ServerFile | undefined> {
  try {
    const server = ServerFile.parse(JSON.parse(await readFile(file(home), 'utf8')));
    return isAlive(server.pid) ? server : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
