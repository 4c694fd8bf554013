import { InvalidArgumentError, type Command } from 'commander';
import { withServer, type ServerOptions } from './connect.js';
import { DOCUMENTS } from './documents.js';
import { print } from './output.js';

type Options = ServerOptions & { readonly json?: boolean };

interface Decided {
  readonly id: string;
  readonly dataset: { readonly name: string } | null;
  readonly field: string;
  readonly tag: string;
  readonly status: string;
}

interface Proposal extends Decided {
  readonly detector: string;
  readonly score: number;
  readonly sampled: number;
  readonly matching: number;
  readonly byName: boolean;
}

const STATUSES = ['open', 'accepted', 'refused'];
/** As many as the server gives at once. */
const MOST = 1_000;

export function tagsCommand(program: Command): void {
  const tags = program.command('tags').summary('decide on proposed tags').description('Shows tags that loads proposed for fields, and decides on them.');
  tags
    .command('proposals')
    .description('Lists proposals, the newest first.')
    .argument('[dataset]', 'of this dataset only')
    .option('--status <status>', `${STATUSES.join(', ')} or all`, statusOf, 'open')
    .addHelpText('after', '\nExample:\n  headgate tags proposals passengers')
    .action(async (dataset: string | undefined, _options: unknown, command: Command) => {
      const { status = 'open', ...options }: Options & { readonly status?: string } = command.optsWithGlobals();
      const variables = { first: MOST, ...(dataset !== undefined && { dataset }), ...(status !== 'all' && { status: status.toUpperCase() }) };
      const { tagProposals: found } = await withServer(options, (client) =>
        client.graphql<{ tagProposals: { totalCount: number; nodes: readonly Proposal[] } }>(DOCUMENTS.tagProposals, variables),
      );
      print(found, options.json, () => (found.nodes.length === 0 ? ['There are none.'] : found.nodes.map(line)));
    });
  const decide = (name: string, description: string, document: string) =>
    tags
      .command(name)
      .description(description)
      .argument('<id>', "the proposal's id")
      .option('--reason <text>', 'why, for the record')
      .addHelpText('after', `\nExample:\n  headgate tags ${name} 01a2055e-45e7-7f5f-b56c-360e25be34a3`)
      .action(async (id: string, _options: unknown, command: Command) => {
        const { reason, ...options }: Options & { readonly reason?: string } = command.optsWithGlobals();
        const { done } = await withServer(options, (client) => client.graphql<{ done: Decided }>(document, { id, ...(reason !== undefined && { reason }) }));
        print(done, options.json, () => [`${nameOf(done)}: ${done.tag} ${done.status.toLowerCase()}`]);
      });
  decide('accept', 'Gives the field the tag, at once.', DOCUMENTS.acceptTag);
  decide('refuse', 'Refuses it: it is not proposed again for this field.', DOCUMENTS.refuseTag);
}

function line(proposal: Proposal): string {
  const { id, tag, status, detector, score, sampled, matching, byName } = proposal;
  const state = status === 'OPEN' ? '' : `, ${status.toLowerCase()}`;
  return `${id}  ${nameOf(proposal)}  ${tag}  score ${score.toFixed(2)}: ${matching} of ${sampled} values are ${detector}${byName ? ', and so is the name' : ''}${state}`;
}

function nameOf({ dataset, field }: Decided): string {
  return `${dataset?.name ?? '?'}.${field}`;
}

function statusOf(text: string): string {
  if ([...STATUSES, 'all'].includes(text)) return text;
  throw new InvalidArgumentError(`Expected ${STATUSES.join(', ')} or all.`);
}
