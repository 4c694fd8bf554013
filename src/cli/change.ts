import type { Command } from 'commander';
import type { AccessChange } from '../governance/index.js';
import { accessLines } from './access-lines.js';
import { withServer, type ServerOptions } from './connect.js';
import { DOCUMENTS } from './documents.js';
import { print } from './output.js';

type Options = ServerOptions & { readonly json?: boolean; readonly reason?: string; readonly all?: boolean };

interface Change {
  readonly id: string;
  readonly status: string;
  readonly reason: string | null;
  readonly requestedBy: string;
  readonly requestedAt: string;
  readonly decidedBy: string | null;
  readonly manifests: readonly { kind: string; name: string }[];
  readonly accessChanges: readonly (Omit<AccessChange, 'field'> & { readonly field: string | null })[];
}

export function changeCommand(program: Command): void {
  const change = program
    .command('change')
    .summary('decide on changes that wait for a second person')
    .description('Decides on changes of the catalog and the grants that wait for a second person (a ChangePolicy with fourEyes).');
  change
    .command('list')
    .description('Lists the changes that wait, with who would gain or lose what by them.')
    .option('--all', 'those that were decided too')
    .addHelpText('after', '\nExample:\n  headgate change list')
    .action(async (_options: unknown, command: Command) => {
      const options: Options = command.optsWithGlobals();
      const { found } = await withServer(options, (client) =>
        client.graphql<{ found: Change[] }>(DOCUMENTS.changeRequests, options.all ? {} : { status: 'PENDING' }),
      );
      print(found, options.json, () => (found.length === 0 ? ['No change waits for a second person.'] : found.flatMap(changeLines)));
    });
  for (const [name, document, text] of [
    ['approve', DOCUMENTS.approveChange, 'Applies a change that somebody else asked for.'],
    ['refuse', DOCUMENTS.refuseChange, 'Refuses a change; one that you asked for yourself is withdrawn.'],
  ] as const) {
    change
      .command(name)
      .description(text)
      .argument('<id>', 'its id')
      .option('--reason <text>', 'why, for the record')
      .addHelpText('after', `\nExample:\n  headgate change ${name} 0199f6a0-2c1b-7cc4-a7c2-5f2b3f7f8a11 --reason "agreed with the data protection officer"`)
      .action(async (id: string, _options: unknown, command: Command) => {
        const options: Options = command.optsWithGlobals();
        const { found } = await withServer(options, (client) => client.graphql<{ found: Change }>(document, { id, reason: options.reason }));
        print(found, options.json, () => changeLines(found));
      });
  }
}

function changeLines({ id, status, reason, requestedBy, requestedAt, decidedBy, manifests, accessChanges }: Change): string[] {
  return [
    `${id} ${status}: ${manifests.map(({ kind, name }) => `${kind} ${name}`).join(', ')}`,
    `    asked for by ${requestedBy} at ${requestedAt}${reason === null ? '' : `: ${reason}`}${decidedBy === null ? '' : `; decided by ${decidedBy}`}`,
    ...accessLines(accessChanges).map((line) => `    ${line}`),
  ];
}
