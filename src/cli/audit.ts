import { Option, type Command } from 'commander';
import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { AuditVerification } from '../audit/index.js';
import { HeadgateError, messageOf } from '../kernel/index.js';
import { withServer, type ServerOptions } from './connect.js';
import { print } from './output.js';

export function auditCommand(program: Command): void {
  const audit = program.command('audit').summary('prove and export the record').description('Proves and exports the record of what was done.');
  audit
    .command('verify')
    .description('Computes the hash chain again and holds it against the signed checkpoints. Exits with 3, and names the entry, when something does not fit.')
    .option('--checkpoints <file>', 'checkpoints that were kept elsewhere, instead of the file in HEADGATE_HOME')
    .addHelpText('after', '\nExamples:\n  headgate audit verify\n  headgate audit verify --checkpoints /mnt/safe/audit-checkpoints.ndjson')
    .action(async (_options: unknown, command: Command) => {
      const options: ServerOptions & { readonly checkpoints?: string; readonly json?: boolean } = command.optsWithGlobals();
      const { checkpoints: file } = options;
      const body = file === undefined ? undefined : await readCheckpoints(file);
      const result = await withServer(options, (client) =>
        client.json<AuditVerification>('/audit/verify', {
          method: 'POST',
          ...(body !== undefined && { headers: { 'content-type': 'application/x-ndjson' }, body }),
        }),
      );
      const { entries, head, checkpoints, problem } = result;
      print(result, options.json, () => [`${entries} entries and ${checkpoints} checkpoints are good.${head ? ` Head: ${head.seq} ${head.hash}` : ''}`]);
      if (problem) throw new HeadgateError('DATA_REJECTED', problem.message, { ...problem });
    });
  audit
    .command('export')
    .description('Writes the sealed entries to standard output, a line of JSON each, in the order of the chain.')
    .addOption(new Option('--format <format>', 'the only one').choices(['ndjson']).default('ndjson'))
    .addHelpText('after', '\nExample:\n  headgate audit export --format ndjson > audit.ndjson')
    .action(async (_options: unknown, command: Command) => {
      const options: ServerOptions = command.optsWithGlobals();
      await withServer(options, async (client) => pipeline(await client.stream('/audit/export'), process.stdout, { end: false }));
    });
}

async function readCheckpoints(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new HeadgateError('BAD_USER_INPUT', `The checkpoints file ${file} can't be read: ${messageOf(cause)}.`, { file }, { cause });
  });
}
