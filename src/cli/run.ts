import { InvalidArgumentError, Option, type Command } from 'commander';
import { HeadgateError } from '../kernel/index.js';
import { withServer, type ServerOptions } from './connect.js';
import { DOCUMENTS } from './documents.js';
import { print, table } from './output.js';
import { datasetOf, runLines, type RunAnswer } from './run-lines.js';
import { throwUnlessGood, watchRun } from './watch-run.js';

type Options = ServerOptions & { readonly json?: boolean };

interface Conditions {
  readonly dataset?: string;
  readonly pipeline?: string;
  readonly kind?: string;
}

const KINDS = ['ingestion', 'pipeline', 'quality'];
const STATUSES = ['queued', 'running', 'succeeded', 'failed', 'cancelled'];

export function runCommand(program: Command): void {
  const run = program.command('run').summary('list, watch, cancel and repeat runs').description('Lists, shows, watches, cancels and repeats runs.');
  listCommand(run);
  const one = (name: string, description: string, operation: string) =>
    withId(run, name, description).action(async (id: string, _options: unknown, command: Command) => {
      const options: Options = command.optsWithGlobals();
      const { found } = await withServer(options, (client) => client.graphql<{ found: RunAnswer | null }>(operation, { id }));
      const shown = there(found, id);
      print(shown, options.json, () => runLines(shown));
    });
  one('show', 'Shows a run: its state, counts, steps and error.', DOCUMENTS.showRun);
  one('cancel', 'Ends a run that is not over.', DOCUMENTS.cancelRun);
  withId(run, 'watch', 'Shows how far a run is, until it is over.').action(async (id: string, _options: unknown, command: Command) => {
    const options: Options = command.optsWithGlobals();
    const ended = await withServer(options, async (client) => {
      const { found } = await client.graphql<{ found: RunAnswer | null }>(DOCUMENTS.showRun, { id });
      return watchRun(client, there(found, id));
    });
    print(ended, options.json, () => runLines(ended));
    throwUnlessGood(ended);
  });
  withId(run, 'retry', 'Queues again what a run that failed or was cancelled should have done.')
    .option('--wait', 'until it has ended; when no server runs, it always waits')
    .action(async (id: string, _options: unknown, command: Command) => {
      const options: Options & { readonly wait?: boolean } = command.optsWithGlobals();
      const again = await withServer(options, async (client, { own }) => {
        const { found } = await client.graphql<{ found: RunAnswer }>(DOCUMENTS.retryRun, { id });
        return options.wait || own ? watchRun(client, found) : found;
      });
      print(again, options.json, () => runLines(again));
      throwUnlessGood(again);
    });
  redriveCommand(run);
}

function listCommand(run: Command): void {
  conditions(run.command('list').description('Lists runs, the newest first.'))
    .addOption(new Option('--status <status>', 'in this state').choices(STATUSES))
    .option('--collector <name>', 'of this collector')
    .option('--dead-letter', 'that were given up and wait to be redriven')
    .option('--first <n>', 'so many, 1000 at the most', countOf, 50)
    .addHelpText('after', '\nExample:\n  headgate run list --dataset orders --status failed')
    .action(async (_options: unknown, command: Command) => {
      const { dataset, pipeline, collector, kind, status, deadLetter, first, ...options }: Options & Conditions & ListOptions = command.optsWithGlobals();
      const variables = { dataset, pipeline, collector, kind: kind?.toUpperCase(), status: status?.toUpperCase(), deadLetter, first };
      const { runs } = await withServer(options, (client) =>
        client.graphql<{ runs: { totalCount: number; nodes: readonly RunAnswer[] } }>(DOCUMENTS.listRuns, variables),
      );
      print(runs, options.json, () => listed(runs.nodes));
    });
}

interface ListOptions {
  readonly collector?: string;
  readonly status?: string;
  readonly deadLetter?: boolean;
  readonly first: number;
}

function redriveCommand(run: Command): void {
  conditions(
    run.command('redrive').description('Queues again runs that were given up, each as a new run: those of all conditions, of which one must be given.'),
  )
    .argument('[ids...]', 'of these runs only')
    .option('--since <time>', 'given up since then, as 2026-05-01T08:00Z', timeOf)
    .addHelpText('after', '\nExamples:\n  headgate run redrive --dataset orders\n  headgate run redrive 01a2055e-45e7-7f5f-b56c-360e25be34a3')
    .action(async (ids: string[], _options: unknown, command: Command) => {
      const { dataset, pipeline, kind, since, ...options }: Options & Conditions & { readonly since?: string } = command.optsWithGlobals();
      const variables = { dataset, pipeline, kind: kind?.toUpperCase(), since, ...(ids.length > 0 && { ids }) };
      const { redriven } = await withServer(options, (client) => client.graphql<{ redriven: readonly RunAnswer[] }>(DOCUMENTS.redriveRuns, variables));
      print(redriven, options.json, () => listed(redriven));
    });
}

function conditions(command: Command): Command {
  return command
    .option('--dataset <name>', 'into this dataset')
    .option('--pipeline <name>', 'of this pipeline')
    .addOption(new Option('--kind <kind>', 'of this kind').choices(KINDS));
}

function withId(run: Command, name: string, description: string): Command {
  return run
    .command(name)
    .description(description)
    .argument('<id>', "the run's id")
    .addHelpText('after', `\nExample:\n  headgate run ${name} 01a2055e-45e7-7f5f-b56c-360e25be34a3`);
}

function listed(runs: readonly RunAnswer[]): string[] {
  if (runs.length === 0) return ['There are none.'];
  const rows = runs.map((run) => [
    run.id,
    run.status,
    run.kind,
    run.pipeline ?? datasetOf(run) ?? '',
    `${run.rowsLoaded} rows`,
    run.createdAt,
    run.error?.code ?? (run.nextAttemptAt ? `again at ${run.nextAttemptAt}` : ''),
  ]);
  return table(rows);
}

function there(found: RunAnswer | null, id: string): RunAnswer {
  if (!found) throw new HeadgateError('NOT_FOUND', `There is no run "${id}".`, { run: id });
  return found;
}

function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 1_000) throw new InvalidArgumentError('Expected a whole number from 1 to 1000.');
  return count;
}

function timeOf(text: string): string {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new InvalidArgumentError('Expected a time such as 2026-05-01T08:00Z.');
  return new Date(time).toISOString();
}
