import { readFile } from 'node:fs/promises';
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';

export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryBytes: number;
  readonly system: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** What the figures were measured on, and with. */
export async function describeMachine(postgres: string): Promise<Machine> {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memoryBytes: totalmem(),
    system: `${platform()} ${release()} ${arch()}`,
    versions: {
      node: process.versions.node,
      postgresql: postgres,
      headgate: await versionIn('../../package.json'),
      postgraphile: await versionIn('../node_modules/postgraphile/package.json'),
      pg: await versionIn('../node_modules/pg/package.json'),
      autocannon: await versionIn('../node_modules/autocannon/package.json'),
    },
  };
}

async function versionIn(path: string): Promise<string> {
  const { version } = JSON.parse(await readFile(new URL(path, import.meta.url), 'utf8')) as { version: string };
  return version;
}
