import { Option, type Command } from 'commander';
import { withServer, type ServerOptions } from './connect.js';
import { DOCUMENTS } from './documents.js';
import { print } from './output.js';
import { runLines, type RunAnswer } from './run-lines.js';
import { throwUnlessGood, watchRun } from './watch-run.js';

interface PipelineOptions extends ServerOptions {
  readonly wait?: boolean;
  readonly priority: string;
  readonly json?: boolean;
}

export function pipelineCommand(program: Command): void {
  const pipeline = program.command('pipeline').summary('run pipelines').description('Runs pipelines.');
  pipeline
    .command('run')
    .description('Queues a run of a pipeline; a worker does it.')
    .argument('<name>', "the pipeline's name")
    .option('--wait', 'until it has ended; when no server runs, it always waits')
    .addOption(new Option('--priority <priority>', 'of those that wait the highest is taken first').choices(['low', 'normal', 'high']).default('normal'))
    .addHelpText('after', '\nExample:\n  headgate pipeline run delays_by_airport --wait')
    .action(async (name: string, _options: unknown, command: Command) => {
      const options: PipelineOptions = command.optsWithGlobals();
      const run = await withServer(options, async (client, { own }) => {
        const { runPipeline } = await client.graphql<{ runPipeline: RunAnswer }>(DOCUMENTS.runPipeline, { name, priority: options.priority.toUpperCase() });
        // A server of this command's own would end with it, and the run would wait for the next.
        return options.wait || own ? watchRun(client, runPipeline) : runPipeline;
      });
      print(run, options.json, () => runLines(run));
      throwUnlessGood(run);
    });
}
