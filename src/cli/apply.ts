import type { Command } from 'commander';
import type { ChangeResult } from '../governance/index.js';
import { withServer, type ServerOptions } from './connect.js';
import { readManifests } from './manifest-files.js';
import { print } from './output.js';

interface ApplyOptions extends ServerOptions {
  readonly dryRun?: boolean;
  readonly prune?: boolean;
  readonly reason?: string;
  readonly json?: boolean;
}

export function applyCommand(program: Command): void {
  program
    .command('apply')
    .summary('apply manifests to the catalog')
    .description('Brings the catalog to what the manifests say, in one transaction. Prints the plan, and what is in force although no file names it.')
    .argument('<paths...>', 'YAML files, folders of them, or - for standard input')
    .option('--dry-run', 'print what would change, and change nothing')
    .option('--prune', 'remove what is in force and in none of the files')
    .option('--reason <text>', 'why, for the record; a change policy may ask for it')
    .addHelpText(
      'after',
      '\nExits with 1 when a manifest is refused; nothing is changed then, and the error names file, line and path.\n\nExamples:\n  headgate apply catalog/\n  headgate apply orders.yaml --dry-run\n  headgate apply catalog/ --prune',
    )
    .action(async (paths: string[], _options: unknown, command: Command) => {
      const options: ApplyOptions = command.optsWithGlobals();
      const files = await readManifests(paths);
      const body = JSON.stringify({ files, dryRun: options.dryRun ?? false, prune: options.prune ?? false, reason: options.reason });
      const result = await withServer({ ...options, mayBegin: true }, (client) =>
        client.json<ChangeResult>('/manifests', { method: 'POST', headers: { 'content-type': 'application/json' }, body }),
      );
      print(result, options.json, () => planLines(result));
    });
}

/** Lines of what no file names: one file of many is applied, and its own lines must not drown. */
const MOST_STILL = 5;

const SIGNS = { create: '+', update: '~', remove: '-', unchanged: ' ' } as const;

function planLines({ changes, stillInForce, warnings, dryRun, approval, needsApproval }: ChangeResult): string[] {
  const changed = changes.filter(({ change }) => change !== 'unchanged');
  const count = (kind: string) => changes.filter(({ change }) => change === kind).length;
  return [
    ...changed.flatMap(({ kind, name, change, details }) => [`${SIGNS[change]} ${kind} ${name}`, ...details.map((detail) => `    ${detail}`)]),
    ...warnings.map((warning) => `! ${warning}`),
    ...(stillInForce.length > 0
      ? [
          'Still in force, and in none of the files (remove with --prune or state: absent):',
          ...shortened(stillInForce.map(({ kind, name }) => `    ${kind} ${name}`)),
        ]
      : []),
    ...(approval ? [`Waits for a second person, and nothing was changed yet: headgate change approve ${approval.id}`] : []),
    ...(needsApproval && dryRun ? ['It would wait for a second person: it shows somebody more of a field that is watched.'] : []),
    `${dryRun || approval ? 'Would be: ' : ''}${count('create')} created, ${count('update')} updated, ${count('remove')} removed, ${count('unchanged')} unchanged.${dryRun || approval ? ' Nothing was changed.' : ''}`,
  ];
}

function shortened(lines: readonly string[]): readonly string[] {
  if (lines.length <= MOST_STILL + 1) return lines;
  return [...lines.slice(0, MOST_STILL), `    and ${lines.length - MOST_STILL} more (--json tells all)`];
}
