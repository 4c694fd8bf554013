import { Option, type Command } from 'commander';
import { HeadgateError } from '../kernel/index.js';
import { withServer, type ServerOptions } from './connect.js';
import { DOCUMENTS } from './documents.js';
import { print, table } from './output.js';
import { runLines, type RunAnswer } from './run-lines.js';
import { throwUnlessGood, watchRun } from './watch-run.js';

interface RefusedRow {
  readonly id: string;
  readonly runId: string;
  readonly line: string;
  readonly position: string | null;
  readonly state: string;
  readonly attempts: number;
  readonly discardReason: string | null;
  readonly raw: Readonly<Record<string, string | null>>;
  readonly reasons: readonly { readonly field: string | null; readonly rule: string; readonly message: string }[];
}

interface Listed {
  readonly quarantine: {
    readonly totalCount: number;
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
    readonly nodes: readonly RefusedRow[];
  };
}

type Options = ServerOptions & { readonly json?: boolean };
type Replaying = Options & { readonly mode: string; readonly wait?: boolean };

const MODE = () => new Option('--mode <mode>', 'add the rows, or insert and update by key').choices(['append', 'merge']).default('append');
const WAIT = ['--wait', 'until the run has ended; when no server runs, it always waits'] as const;

export function quarantineCommand(program: Command): void {
  const quarantine = program
    .command('quarantine')
    .summary('see, mend and discard rows that loads refused')
    .description('Rows that broke the contract of their dataset: to be looked at, mended and loaded after all, or discarded.');
  quarantine
    .command('list')
    .description('Lists refused rows, oldest first, with why. Your grants decide which values you see.')
    .argument('<dataset>', 'its name')
    .option('--run <id>', 'that this run refused')
    .option('--field <name>', 'with a reason about this field')
    .option('--rule <name>', 'with a reason of this rule, such as type, required or drift')
    .addOption(new Option('--state <state>', 'open, or discarded').choices(['open', 'discarded']).default('open'))
    .option('--first <count>', 'so many at the most', Number, 50)
    .option('--after <cursor>', 'those after a page before')
    .addHelpText('after', '\nExample:\n  headgate quarantine list orders --field amount')
    .action(async (dataset: string, _options: unknown, command: Command) => {
      const {
        run,
        field,
        rule,
        state,
        first,
        after,
        ...options
      }: Options & Record<'run' | 'field' | 'rule' | 'after', string | undefined> & { state: string; first: number } = command.optsWithGlobals();
      const variables = { dataset, run, field, rule, state: state.toUpperCase(), first, after };
      const { quarantine: found } = await withServer(options, (client) => client.graphql<Listed>(DOCUMENTS.quarantine, variables));
      print(found, options.json, () => listLines(found));
    });
  quarantine
    .command('show')
    .description('Shows one refused row: its values that you may see, and every reason.')
    .argument('<dataset>', 'its name')
    .argument('<id>', "the row's id")
    .addHelpText('after', '\nExample:\n  headgate quarantine show orders 17')
    .action(async (dataset: string, id: string, _options: unknown, command: Command) => {
      const options: Options = command.optsWithGlobals();
      const row = await withServer(options, async (client) => {
        for (const state of ['OPEN', 'DISCARDED']) {
          // The row behind the one before it.
          const after = Buffer.from(`quarantine/${BigInt(/^\d{1,18}$/.test(id) ? id : 1) - 1n}`).toString('base64url');
          const { quarantine: found } = await client.graphql<Listed>(DOCUMENTS.quarantine, { dataset, state, first: 1, after });
          if (found.nodes[0]?.id === id) return found.nodes[0];
        }
        throw new HeadgateError('NOT_FOUND', `There is no refused row "${id}" of ${dataset}: it was loaded, erased or has expired.`, { dataset });
      });
      print(row, options.json, () => rowLines(row));
    });
  quarantine
    .command('patch')
    .description('Puts other values into refused rows and loads them. A row that still breaks a rule stays, with the values in it.')
    .argument('<dataset>', 'its name')
    .argument('<ids...>', 'the ids of the rows')
    .requiredOption('--set <field=value>', 'a value, in each of the rows; field= for none; can be given again', collected, {})
    .addOption(MODE())
    .option(...WAIT)
    .addHelpText('after', '\nExample:\n  headgate quarantine patch orders 17 18 --set country=DE --wait')
    .action(async (dataset: string, ids: string[], _options: unknown, command: Command) => {
      const { set, ...options }: Replaying & { readonly set: Readonly<Record<string, string | null>> } = command.optsWithGlobals();
      await replay(dataset, { ids, patch: set }, options);
    });
  quarantine
    .command('replay')
    .description('Loads refused rows again, as after a change of the contract. Those that pass leave the quarantine.')
    .argument('<dataset>', 'its name')
    .argument('[ids...]', 'the ids of the rows')
    .option('--all', 'all that are open')
    .addOption(MODE())
    .option(...WAIT)
    .addHelpText('after', '\nExamples:\n  headgate quarantine replay orders 17 18 --wait\n  headgate quarantine replay orders --all')
    .action(async (dataset: string, ids: string[], _options: unknown, command: Command) => {
      const { all, ...options }: Replaying & { readonly all?: boolean } = command.optsWithGlobals();
      if ((all ?? false) === ids.length > 0) throw new HeadgateError('BAD_USER_INPUT', 'Say which rows: by their ids, or --all.');
      await replay(dataset, ids.length > 0 ? { ids } : {}, options);
    });
  quarantine
    .command('discard')
    .description('Says of refused rows that nobody wants them. Their values are gone then.')
    .argument('<dataset>', 'its name')
    .argument('<ids...>', 'the ids of the rows')
    .requiredOption('--reason <text>', 'why; it goes on the record')
    .addHelpText('after', '\nExample:\n  headgate quarantine discard orders 17 --reason "a test of the supplier"')
    .action(async (dataset: string, ids: string[], _options: unknown, command: Command) => {
      const { reason, ...options }: Options & { readonly reason: string } = command.optsWithGlobals();
      const { discarded } = await withServer(options, (client) => client.graphql<{ discarded: number }>(DOCUMENTS.discardQuarantine, { dataset, ids, reason }));
      print({ discarded }, options.json, () => [`${discarded} of ${ids.length} rows discarded`]);
    });
}

async function replay(dataset: string, rows: Readonly<Record<string, unknown>>, options: Replaying): Promise<void> {
  const run = await withServer(options, async (client, { own }) => {
    const { found } = await client.graphql<{ found: RunAnswer }>(DOCUMENTS.replayQuarantine, { dataset, mode: options.mode, ...rows });
    return options.wait || own ? watchRun(client, found) : found;
  });
  print(run, options.json, () => runLines(run));
  throwUnlessGood(run);
}

/** `country=DE` beside those before it; nothing behind the sign is no value. */
function collected(text: string, before: Readonly<Record<string, string | null>>): Record<string, string | null> {
  const at = text.indexOf('=');
  if (at < 1) throw new HeadgateError('BAD_USER_INPUT', '--set: expected field=value.', { path: 'set' });
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) || null };
}

function listLines({ totalCount, nodes, pageInfo }: Listed['quarantine']): string[] {
  if (nodes.length === 0) return ['No row.'];
  const rows = nodes.map(({ id, line, position, attempts, reasons }) => [
    id,
    position ?? `line ${line}`,
    attempts === 1 ? 'once' : `${attempts} times`,
    reasons.map(reasonText).join('; '),
  ]);
  const more = pageInfo.hasNextPage ? [`${nodes.length} of ${totalCount}; more with --after ${pageInfo.endCursor}`] : [];
  return [...table([['id', 'where', 'tried', 'why'], ...rows]), ...more];
}

function rowLines({ id, runId, line, position, state, attempts, discardReason, raw, reasons }: RefusedRow): string[] {
  return [
    ...table([
      ['row', id],
      ['state', state + (discardReason === null ? '' : `: ${discardReason}`)],
      ['run', runId],
      ['where', position ?? `line ${line}`],
      ['tried', String(attempts)],
    ]),
    'why',
    ...reasons.map((reason) => `  ${reasonText(reason)}`),
    'values',
    ...table(Object.entries(raw).map(([field, value]) => [`  ${field}`, value ?? '-'])),
  ];
}

function reasonText({ field, rule, message }: RefusedRow['reasons'][number]): string {
  return `${field ?? 'the row'} (${rule}): ${message}`;
}
