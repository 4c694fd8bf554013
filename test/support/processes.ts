import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Processes that work in the folder or below it: for PostgreSQL's data directory, the server and all of its sessions. */
export function processesIn(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const at = readlinkSync(`/proc/${pid}/cwd`);
        return at === folder || at.startsWith(`${folder}/`);
      } catch {
        return false;
      }
    });
}

/** Waits until the condition holds; fails with its name when it does not within the time. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limitMs = 15_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`still waiting after ${limitMs} ms: ${what}`);
    await delay(20);
  }
}
