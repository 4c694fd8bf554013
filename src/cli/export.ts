import type { Command } from 'commander';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HeadgateError, messageOf } from '../kernel/index.js';
import { withServer, type ServerOptions } from './connect.js';
import { print } from './output.js';

interface Exported {
  readonly manifests: readonly { readonly kind: string; readonly name: string; readonly text: string }[];
}

export function exportCommand(program: Command): void {
  program
    .command('export')
    .summary('write the catalog as manifests')
    .description('Writes all that is in force as manifests. Applying them again changes nothing.')
    .option('--out <folder>', 'a file for each document, in this folder; standard output when left out')
    .addHelpText(
      'after',
      '\nThe rows of a dataset as a file: GET /export/{dataset} of the server (docs/exporting.md).\n\nExamples:\n  headgate export > catalog.yaml\n  headgate export --out catalog/',
    )
    .action(async (_options: unknown, command: Command) => {
      const options: ServerOptions & { readonly out?: string; readonly json?: boolean } = command.optsWithGlobals();
      const { manifests } = await withServer(options, (client) => client.json<Exported>('/manifests'));
      const { out } = options;
      if (out === undefined) return print({ manifests }, options.json, () => manifests.map(({ text }) => `---\n${text.trimEnd()}`));
      const files = manifests.map(({ kind, name, text }) => ({ file: join(out, `${kind.toLowerCase()}.${name}.yaml`), text }));
      await writeAll(out, files);
      print({ files: files.map(({ file }) => file) }, options.json, () => [...files.map(({ file }) => file), `${files.length} manifests written.`]);
    });
}

async function writeAll(folder: string, files: readonly { readonly file: string; readonly text: string }[]): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    for (const { file, text } of files) await writeFile(file, text);
  } catch (cause) {
    throw new HeadgateError(
      'BAD_USER_INPUT',
      `--out: "${folder}" can't be written to: ${messageOf(cause)}. Name a folder that you may write.`,
      { path: 'out' },
      { cause },
    );
  }
}
