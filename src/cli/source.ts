import type { Command } from 'commander';
import { withServer, type ServerOptions } from './connect.js';
import { print } from './output.js';
import { writeNew } from './write-new.js';

interface ImportOptions extends ServerOptions {
  readonly tables?: string;
  readonly out?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

interface Imported {
  readonly manifest: string;
  readonly datasets: readonly string[];
  readonly warnings: readonly string[];
}

const IMPORT = 'mutation ($source: String!, $tables: [String!]) { importSource(source: $source, tables: $tables) { manifest datasets warnings } }';

export function sourceCommand(program: Command): void {
  const source = program.command('source').summary('describe what sources have').description('Describes what sources have.');
  source
    .command('import')
    .summary('write tables of a source as manifests')
    .description('Describes tables and views of a source as live datasets, and writes them as manifests. Read them, and apply them.')
    .argument('<source>', "the source's name")
    .option('--tables <names>', 'schema.table, or the name alone, with commas between; all that its user may read when left out')
    .option('--out <file>', 'a file to write; standard output when left out')
    .option('--force', 'write it although it is there: what was added to it by hand is lost')
    .addHelpText(
      'after',
      '\nWhat no contract can show is left out, with a line on standard error that says why.\n\nExamples:\n  headgate source import crm > crm.yaml\n  headgate source import crm --tables billing.invoices,billing.lines --out catalog/crm.yaml',
    )
    .action(async (name: string, _options: unknown, command: Command) => {
      const options: ImportOptions = command.optsWithGlobals();
      const tables = options.tables?.split(',').map((table) => table.trim());
      const { importSource: imported } = await withServer(options, (client) =>
        client.graphql<{ importSource: Imported }>(IMPORT, { source: name, ...(tables && { tables }) }),
      );
      if (!options.json) for (const warning of imported.warnings) console.error(`! ${warning}`);
      if (options.out === undefined) return print(imported, options.json, () => [imported.manifest.trimEnd()]);
      await writeNew(options.out, imported.manifest, options.force ?? false);
      print({ file: options.out, datasets: imported.datasets, warnings: imported.warnings }, options.json, () => [
        `${imported.datasets.length} datasets written to ${options.out}. Read them, then: headgate apply ${options.out}`,
      ]);
    });
}
