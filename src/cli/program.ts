import { Command, CommanderError } from 'commander';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HeadgateError } from '../kernel/index.js';
import { accessCommand } from './access.js';
import { applyCommand } from './apply.js';
import { auditCommand } from './audit.js';
import { datasetCommand } from './dataset.js';
import { collectorCommand } from './collector.js';
import { changeCommand } from './change.js';
import { doctorCommand } from './doctor.js';
import { exportCommand } from './export.js';
import { ingestCommand } from './ingest.js';
import { keysCommand } from './keys.js';
import { EXIT, printError } from './output.js';
import { pipelineCommand } from './pipeline.js';
import { qualityCommand } from './quality.js';
import { quarantineCommand } from './quarantine.js';
import { runCommand } from './run.js';
import { schemaCommand } from './schema.js';
import { serveCommand } from './serve.js';
import { sourceCommand } from './source.js';
import { tagsCommand } from './tags.js';
import { subjectCommand } from './subject.js';
import { tokenCommand } from './token.js';

function build(json: boolean): Command {
  const program = new Command('headgate')
    .description('A governed data-access gateway: bring data in, read it through GraphQL with every field authorised, masked and on the record.')
    .version(version())
    .option('--url <url>', 'the Headgate to talk to; the one that runs on HEADGATE_HOME, or one of its own, when left out')
    .option('--token <token>', 'bearer token for it (HEADGATE_TOKEN)')
    .option('--json', 'output for machines')
    .showHelpAfterError('(headgate --help tells what there is)')
    .exitOverride()
    // For machines an error is JSON, this kind too: `run` prints it.
    .configureOutput(json ? { writeErr: () => undefined } : {})
    .addHelpText(
      'after',
      '\nExit codes: 0 done; 1 failed, a manifest that was refused too; 2 wrong usage; 3 the data or a check was rejected.\nWith --json an error is one line of JSON on standard error: { error: { code, message, details } }.\n\nExamples:\n  headgate serve --demo\n  headgate apply catalog/ && headgate ingest orders orders.csv',
    );
  for (const add of [
    serveCommand,
    applyCommand,
    exportCommand,
    ingestCommand,
    datasetCommand,
    pipelineCommand,
    runCommand,
    qualityCommand,
    quarantineCommand,
    sourceCommand,
    collectorCommand,
    accessCommand,
    changeCommand,
    tagsCommand,
    schemaCommand,
    auditCommand,
    subjectCommand,
    tokenCommand,
    keysCommand,
    doctorCommand,
  ])
    add(program);
  for (const command of allOf(program)) command.exitOverride().copyInheritedSettings(program);
  return program;
}

/** Runs the command line and resolves with the exit code. `args` are those after the program's name. */
export async function run(args: readonly string[]): Promise<number> {
  const json = args.slice(0, args.includes('--') ? args.indexOf('--') : args.length).includes('--json');
  const program = build(json);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return EXIT.done;
  } catch (error) {
    if (!(error instanceof CommanderError)) return printError(error, json);
    // Commander has said what is wrong, or printed the help that was asked for.
    if (error.exitCode === 0) return EXIT.done;
    if (json) printError(usageError(error), json);
    return EXIT.usage;
  }
}

function usageError({ code, message }: CommanderError): HeadgateError {
  const what =
    code === 'commander.help'
      ? 'A command is missing.'
      : `${message
          .replace(/^error: /, '')
          .replaceAll('\n', ' ')
          .replace(/\.$/, '')}.`;
  return new HeadgateError('BAD_USER_INPUT', `${what} headgate --help tells what there is.`);
}

function allOf(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...allOf(child)]);
}

/** Beside the compiled program or the source, at the top of the package. */
function version(): string {
  for (const folder of ['../../..', '../..']) {
    try {
      const { name, version: found } = JSON.parse(readFileSync(join(import.meta.dirname, folder, 'package.json'), 'utf8')) as { name: string; version: string };
      if (name === 'headgate') return found;
    } catch {
      // Not there: the other one.
    }
  }
  return 'unknown';
}
