import { readFileSync } from 'node:fs';

/** A process, told from a later one with the same number by the time at which it began. */
export interface ProcessId {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot. Empty where there is no /proc. */
  readonly born: string;
}

export function thisProcess(): ProcessId {
  return { pid: process.pid, born: bornAt(process.pid) ?? '' };
}

/** Where birth can't be told, a process with the same number counts as the same one: to refuse is safer than to take. */
export function isAlive({ pid, born }: ProcessId): boolean {
  if (!exists(pid)) return false;
  const now = bornAt(pid);
  return now === undefined || born === '' || now === born;
}

/** True also for a process of another user. */
export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function bornAt(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets, and may hold spaces and brackets itself.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended; its parent has just not looked yet.
    return state === 'Z' ? 'ended' : fields[18];
  } catch {
    return undefined;
  }
}
