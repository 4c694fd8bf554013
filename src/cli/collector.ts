import type { Command } from 'commander';
import { HeadgateError } from '../kernel/index.js';
import { withServer, type ServerOptions } from './connect.js';
import { bytesText, print, table } from './output.js';
import { runLines, RUN_FIELDS, type RunAnswer } from './run-lines.js';
import { throwUnlessGood, watchRun } from './watch-run.js';

interface CollectorAnswer {
  readonly name: string;
  readonly source: string;
  readonly dataset: { readonly name: string } | null;
  readonly mode: string;
  readonly paused: boolean;
  readonly partitions: readonly {
    readonly partition: string;
    readonly position: unknown;
    readonly updatedAt: string | null;
    readonly lagMessages: string | null;
    readonly lagSeconds: number | null;
    readonly lagBytes: string | null;
    readonly missed: string | null;
    readonly problem: string | null;
    readonly run: {
      readonly id: string;
      readonly status: string;
      readonly throughput: number | null;
      readonly error: { readonly message: string } | null;
    } | null;
  }[];
}

type Options = ServerOptions & { readonly json?: boolean; readonly wait?: boolean; readonly partition?: string };

const FIELDS = `name source dataset { name } mode paused
  partitions { partition position updatedAt lagMessages lagSeconds lagBytes missed problem run { id status throughput error { code message } } }`;

export function collectorCommand(program: Command): void {
  const collector = program
    .command('collector')
    .summary('see and start collectors')
    .description('Collectors bring rows of a source into a dataset by themselves.');
  collector
    .command('list')
    .description('Lists the collectors, with how far each is behind its source.')
    .addHelpText('after', '\nExample:\n  headgate collector list')
    .action(async (_options: unknown, command: Command) => {
      const options: Options = command.optsWithGlobals();
      const { collectors } = await withServer(options, (client) => client.graphql<{ collectors: CollectorAnswer[] }>(`{ collectors { ${FIELDS} } }`));
      print(collectors, options.json, () =>
        collectors.length === 0 ? ['There is no collector. Declare one with a document of kind Collector.'] : table(collectors.flatMap(listed)),
      );
    });
  collector
    .command('show')
    .description('Shows a collector: where it is in its source, partition by partition.')
    .argument('<name>', "the collector's name")
    .addHelpText('after', '\nExample:\n  headgate collector show shop_orders')
    .action(async (name: string, _options: unknown, command: Command) => {
      const options: Options = command.optsWithGlobals();
      const { found } = await withServer(options, (client) =>
        client.graphql<{ found: CollectorAnswer | null }>(`query ($name: String!) { found: collector(name: $name) { ${FIELDS} } }`, { name }),
      );
      if (!found) throw new HeadgateError('NOT_FOUND', `There is no collector "${name}".`, { collector: name });
      print(found, options.json, () => shown(found));
    });
  collector
    .command('run')
    .description('Queues a run of a collector; a worker does it.')
    .argument('<name>', "the collector's name")
    .option('--wait', 'until it has ended, as one of a stream does not; when no server runs, it always waits')
    .addHelpText('after', '\nExample:\n  headgate collector run shop_orders --wait')
    .action(async (name: string, _options: unknown, command: Command) => {
      const options: Options = command.optsWithGlobals();
      const run = await withServer(options, async (client, { own }) => {
        const { started } = await client.graphql<{ started: RunAnswer }>(`mutation ($name: String!) { started: runCollector(name: $name) { ${RUN_FIELDS} } }`, {
          name,
        });
        return options.wait || own ? await watchRun(client, started) : started;
      });
      print(run, options.json, () => runLines(run));
      throwUnlessGood(run);
    });
  collector
    .command('reset')
    .description('Forgets where a collector is: it begins from the beginning. Rows that it brought stay, so let it merge, or empty the dataset first.')
    .argument('<name>', "the collector's name")
    .option('--partition <name>', 'only this one')
    .addHelpText('after', '\nExample:\n  headgate collector reset shop_orders')
    .action(async (name: string, _options: unknown, command: Command) => {
      const options: Options = command.optsWithGlobals();
      const variables = { name, ...(options.partition !== undefined && { partition: options.partition }) };
      await withServer(options, (client) =>
        client.graphql(`mutation ($name: String!, $partition: String) { resetCollector(name: $name, partition: $partition) }`, variables),
      );
      print({ reset: name }, options.json, () => [`${name} begins from the beginning.`]);
    });
}

function listed({ name, source, dataset, mode, paused, partitions }: CollectorAnswer): string[][] {
  const state = paused ? 'paused' : (partitions.map(({ run }) => run?.status).find((status) => status !== undefined) ?? 'not run yet');
  return [[name, `${source} -> ${dataset?.name ?? '?'}`, mode, state, behind(partitions, paused)]];
}

function behind(partitions: CollectorAnswer['partitions'], paused: boolean): string {
  // Nobody asks how many messages wait while it is paused.
  const messages = paused ? undefined : sumOf(partitions.map(({ lagMessages }) => lagMessages));
  const bytes = sumOf(partitions.map(({ lagBytes }) => lagBytes));
  return messages !== undefined ? `${messages} behind` : bytes !== undefined ? `${bytesText(bytes)} behind` : '';
}

/** Undefined where nothing is known. */
function sumOf(numbers: readonly (string | null)[]): number | undefined {
  const known = numbers.filter((number) => number !== null);
  return known.length === 0 ? undefined : known.reduce((sum, number) => sum + Number(number), 0);
}

function lagText({ lagMessages, lagSeconds, lagBytes }: CollectorAnswer['partitions'][number], paused: boolean): string {
  const behind = (paused ? null : lagMessages) ?? (lagBytes === null ? null : bytesText(Number(lagBytes)));
  if (behind === null) return '';
  return `${behind} behind${lagSeconds === null ? '' : `, ${lagSeconds.toFixed(1)} s`}`;
}

function shown(collector: CollectorAnswer): string[] {
  const { name, source, dataset, mode, paused, partitions } = collector;
  const facts = [['collector', name], ['from', source], ['into', `${dataset?.name ?? '?'} (${mode})`], ...(paused ? [['paused', 'yes']] : [])];
  const rows = partitions.map((state) => {
    const { partition, position, updatedAt, run } = state;
    return [
      `  ${partition === '' ? '(all)' : partition}`,
      position === null || position === undefined ? 'at the beginning' : JSON.stringify(position),
      updatedAt ?? '',
      lagText(state, paused),
      run === null ? '' : `${run.status}${run.throughput === null ? '' : `, ${Math.round(run.throughput)} rows/s`}${run.error ? `: ${run.error.message}` : ''}`,
    ];
  });
  const notes = partitions.flatMap(({ partition, missed, problem, run }) => {
    const of = partition === '' ? '' : ` of ${partition}`;
    return [
      ...(Number(missed ?? 0) > 0 ? [`missed${of}: ${missed} messages that were gone before they were read`] : []),
      ...(problem === null || paused || run?.error ? [] : [`problem${of}: ${problem}`]),
    ];
  });
  return [...table(facts), ...(rows.length > 0 ? ['partitions', ...table(rows)] : []), ...notes];
}
