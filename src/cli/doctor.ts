import type { Command } from 'commander';
import { access, constants } from 'node:fs/promises';
import { loadConfig } from '../config/index.js';
import { HeadgateError, messageOf } from '../kernel/index.js';
import { HomeLock } from '../store/index.js';
import { withServer, type ServerOptions } from './connect.js';
import { print, table } from './output.js';
import { readServerFile } from './server-file.js';

interface Finding {
  readonly check: string;
  readonly good: boolean;
  readonly found: string;
}

export function doctorCommand(program: Command): void {
  program
    .command('doctor')
    .summary('look for what could be wrong')
    .description('Looks at Node, the settings, the data directory and the database, and says what it found. Exits with 1 when something is wrong.')
    .addHelpText('after', '\nExample:\n  headgate doctor')
    .action(async (_options: unknown, command: Command) => {
      const options: ServerOptions & { readonly json?: boolean } = command.optsWithGlobals();
      const findings: Finding[] = [];
      const look = async (check: string, work: () => Promise<string> | string) => {
        try {
          findings.push({ check, good: true, found: await work() });
        } catch (error) {
          findings.push({ check, good: false, found: messageOf(error) });
        }
      };
      await look('node', () => process.versions.node);
      await look('settings', () => {
        const { identityProvider, auditMode, roles } = loadConfig(process.env);
        return `tokens ${identityProvider ? `of ${identityProvider.issuer}` : 'signed with the local key'}, audit ${auditMode}, roles ${roles.join(' and ')}`;
      });
      await look('home', () => homeOf());
      await look('server', async () => {
        const version = await withServer(options, async (client) => (await client.json<{ catalogVersion: string }>('/readyz')).catalogVersion);
        return `ready, catalog version ${version}`;
      });
      print({ findings }, options.json, () => table(findings.map(({ check, good, found }) => [good ? 'ok' : 'WRONG', check, found])));
      const wrong = findings.filter(({ good }) => !good);
      if (wrong.length > 0)
        throw new HeadgateError(
          'UNAVAILABLE',
          `${wrong.length} of ${findings.length} checks found something wrong: ${wrong.map(({ check }) => check).join(', ')}.`,
        );
    });
}

async function homeOf(): Promise<string> {
  const { home } = loadConfig(process.env);
  const there = await access(home, constants.W_OK).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
  if (!there) return `${home}, to be made on first use`;
  const server = await readServerFile(home);
  const holder = await HomeLock.holder(home);
  return `${home}${server ? `, served at ${server.url} by process ${server.pid}` : holder === undefined ? ', in use by nobody' : `, held by process ${holder}`}`;
}
