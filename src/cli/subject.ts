import type { Command } from 'commander';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { HeadgateError, messageOf } from '../kernel/index.js';
import { withServer, type ServerOptions } from './connect.js';
import { DOCUMENTS } from './documents.js';
import { print, table } from './output.js';

interface Exported {
  readonly url: string;
  readonly datasets: readonly { readonly dataset: string; readonly rows: number; readonly quarantined: number | null }[];
  readonly withheld: readonly string[];
  readonly masked: readonly string[];
  readonly elsewhere: readonly string[];
  readonly waiting: readonly string[];
  readonly complete: boolean;
}

interface Receipt {
  readonly id: string;
  readonly subjectReference: string;
  readonly datasets: readonly { readonly dataset: string; readonly rows: number; readonly nullified: number }[];
  readonly quarantined: number;
  readonly staged: number;
  readonly keysDestroyed: number;
  readonly others: readonly { readonly name: string; readonly count: number }[];
  readonly elsewhere: readonly string[];
  readonly recompute: readonly string[];
  readonly openRuns: readonly string[];
}

type Options = ServerOptions & { readonly json?: boolean };

export function subjectCommand(program: Command): void {
  const subject = program
    .command('subject')
    .summary('export or erase what is known of a person')
    .description('Answers what a person asks for: a copy of what is known of them, or to be forgotten.');
  subject
    .command('export')
    .description('Writes all that you may export of a person to a ZIP archive. Your grants decide: without --token you are a local admin, who has none.')
    .argument('<subject>', 'the person, as the subject fields of the datasets have them')
    .requiredOption('--out <file>', 'the archive')
    .option('--purpose <name>', 'the purpose to declare')
    .addHelpText('after', '\nExample:\n  headgate --token "$TOKEN" subject export 4711 --purpose access_request --out 4711.zip')
    .action(async (person: string, _options: unknown, command: Command) => {
      const options: Options & { readonly out: string; readonly purpose?: string } = command.optsWithGlobals();
      const headers = options.purpose === undefined ? {} : { 'x-purpose': options.purpose };
      const exported = await withServer(options, async (client) => {
        const { exportSubject } = await client.graphql<{ exportSubject: Exported }>(DOCUMENTS.exportSubject, { subject: person }, headers);
        await write(options.out, async () => client.stream(exportSubject.url, { headers }));
        return exportSubject;
      });
      print({ file: options.out, ...exported }, options.json, () => exportLines(options.out, exported));
    });
  subject
    .command('erase')
    .description('Takes a person out of all datasets, derived ones, quarantine and staging too. It can not be undone.')
    .argument('<subject>', 'the person, as the subject fields of the datasets have them')
    .requiredOption('--reason <text>', 'why; it goes on the record, so it must not name the person')
    .addHelpText('after', '\nExample:\n  headgate subject erase 4711 --reason "request of 3 March, ticket 812"')
    .action(async (person: string, _options: unknown, command: Command) => {
      const options: Options & { readonly reason: string } = command.optsWithGlobals();
      const { eraseSubject } = await withServer(options, (client) =>
        client.graphql<{ eraseSubject: Receipt }>(DOCUMENTS.eraseSubject, { subject: person, reason: options.reason }),
      );
      print(eraseSubject, options.json, () => receiptLines(eraseSubject));
    });
}

/** A file that is not whole does not stay. */
async function write(file: string, open: () => Promise<NodeJS.ReadableStream>): Promise<void> {
  const body = await open();
  try {
    await pipeline(body, createWriteStream(file, { mode: 0o600 }));
  } catch (cause) {
    await rm(file, { force: true });
    throw new HeadgateError('UNAVAILABLE', `The archive could not be written to "${file}": ${messageOf(cause)}.`, { path: 'out' }, { cause });
  }
}

function exportLines(file: string, { datasets, withheld, masked, elsewhere, waiting, complete }: Exported): string[] {
  return [
    ...table([
      ['dataset', 'rows', 'quarantined'],
      ...datasets.map(({ dataset, rows, quarantined }) => [dataset, `${rows}`, quarantined === null ? '-' : `${quarantined}`]),
    ]),
    ...list('withheld', withheld),
    ...list('masked', masked),
    ...list('elsewhere', elsewhere),
    ...list('waiting', waiting),
    `${file} written${complete ? '' : ': it is not complete'}.`,
  ];
}

function receiptLines(receipt: Receipt): string[] {
  const { id, subjectReference, datasets, quarantined, staged, keysDestroyed, others, elsewhere, recompute, openRuns } = receipt;
  return [
    ...table([['dataset', 'deleted', 'nullified'], ...datasets.map(({ dataset, rows, nullified }) => [dataset, `${rows}`, `${nullified}`])]),
    `quarantined ${quarantined}, staged ${staged}, keys ${keysDestroyed}${others.map(({ name, count }) => `, ${name} ${count}`).join('')}`,
    ...list('erase there too', elsewhere),
    ...list('run again', recompute),
    ...list('runs that were open', openRuns),
    `receipt ${id}, reference ${subjectReference}`,
  ];
}

function list(title: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${title}: ${names.join(', ')}`];
}
