import type { Command } from 'commander';
import { setTimeout as delay } from 'node:timers/promises';
import { HeadgateError } from '../kernel/index.js';
import type { Client } from './client.js';
import { withServer, type ServerOptions } from './connect.js';
import { DOCUMENTS } from './documents.js';
import { print } from './output.js';
import { runLines, type RunAnswer } from './run-lines.js';

const POLL_MS = 250;

export function pipelineCommand(program: Command): void {
  const pipeline = program.command('pipeline').summary('run pipelines').description('Runs pipelines.');
  pipeline
    .command('run')
    .description('Queues a run of a pipeline; a worker does it.')
    .argument('<name>', "the pipeline's name")
    .option('--wait', 'until it has ended; when no server runs, it always waits')
    .addHelpText('after', '\nExample:\n  headgate pipeline run delays_by_airport --wait')
    .action(async (name: string, _options: unknown, command: Command) => {
      const options: ServerOptions & { readonly wait?: boolean; readonly json?: boolean } = command.optsWithGlobals();
      const run = await withServer(options, async (client, { own }) => {
        const { runPipeline } = await client.graphql<{ runPipeline: RunAnswer }>(DOCUMENTS.runPipeline, { name });
        // A server of this command's own would end with it, and the run would wait for the next.
        return options.wait || own ? await ended(client, runPipeline) : runPipeline;
      });
      print(run, options.json, () => runLines(run));
      throwUnlessGood(run);
    });
}

export function runCommand(program: Command): void {
  const run = program.command('run').summary('show and cancel runs').description('Shows and cancels runs.');
  const one = (name: string, description: string, operation: string) =>
    run
      .command(name)
      .description(description)
      .argument('<id>', "the run's id")
      .addHelpText('after', `\nExample:\n  headgate run ${name} 01a2055e-45e7-7f5f-b56c-360e25be34a3`)
      .action(async (id: string, _options: unknown, command: Command) => {
        const options: ServerOptions & { readonly json?: boolean } = command.optsWithGlobals();
        const { found } = await withServer(options, (client) => client.graphql<{ found: RunAnswer | null }>(operation, { id }));
        if (!found) throw new HeadgateError('NOT_FOUND', `There is no run "${id}".`, { run: id });
        print(found, options.json, () => runLines(found));
      });
  one('show', 'Shows a run: its state, counts, steps and error.', DOCUMENTS.showRun);
  one('cancel', 'Ends a run that is not over.', DOCUMENTS.cancelRun);
}

/** The run when it is over. */
export async function ended(client: Client, run: RunAnswer): Promise<RunAnswer> {
  let now: RunAnswer = run;
  while (now.status === 'QUEUED' || now.status === 'RUNNING') {
    await delay(POLL_MS);
    const { found } = await client.graphql<{ found: RunAnswer | null }>(DOCUMENTS.showRun, { id: run.id });
    now = found ?? now;
  }
  return now;
}

/** @throws HeadgateError what the run failed with; CONFLICT when it was cancelled */
export function throwUnlessGood({ id, status, error }: RunAnswer): void {
  if (error) throw new HeadgateError(error.code, `The run ${id} failed: ${error.message}`, { run: id });
  if (status === 'CANCELLED') throw new HeadgateError('CONFLICT', `The run ${id} was cancelled.`, { run: id });
}
