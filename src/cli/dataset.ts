import { Option, type Command } from 'commander';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { loadConfig, type Config } from '../config/index.js';
import { DECIMALS, fetched, FORMATS, infer, QUOTES } from '../ingestion/index.js';
import { HeadgateError, silentLog } from '../kernel/index.js';
import { Outbound } from '../outbound/index.js';
import { withServer, type ServerOptions } from './connect.js';
import { isUrl, openInput } from './input-file.js';
import { print } from './output.js';
import { writeNew } from './write-new.js';

interface InferOptions extends ServerOptions {
  readonly source?: string;
  readonly items?: string;
  readonly body?: string;
  readonly pages?: string;
  readonly name?: string;
  readonly format?: string;
  readonly sample?: string;
  readonly out?: string;
  readonly force?: boolean;
  readonly delimiter?: string;
  readonly quote?: string;
  readonly encoding?: string;
  readonly header: boolean;
  readonly decimal?: string;
  readonly json?: boolean;
}

export function datasetCommand(program: Command): void {
  const dataset = program.command('dataset').summary('write contracts of files').description('Writes contracts of files.');
  dataset
    .command('infer')
    .summary("write the contract that a file's or a source's rows have")
    .description(
      'Looks at files and writes the contract that their rows have: types, what is required, key, tags and rules. Read it, and apply it. Nothing is loaded, and no server is asked. With --source the server looks at some rows of a declared source, and writes the collector that brings them as well.',
    )
    .argument(
      '<from...>',
      'files, CSV, TSV, NDJSON, JSON or Parquet, also with gzip or zstd, or URLs: of one dataset. With --source what is there: a path below the URL of an API, a field of a GraphQL API, a table',
    )
    .option('--source <source>', 'a declared source of type http, graphql or postgres')
    .option('--items <pointer>', 'of an API: a JSON pointer to the rows in an answer; found when left out')
    .option('--body <json>', 'of an API: an object that is sent with POST')
    .option('--pages <number>', 'pages of a source that are looked at; 10 when left out')
    .option('--name <name>', "of the dataset; by the first file's name when left out")
    .addOption(new Option('--format <format>', "what the bytes are; found by the files' names when left out").choices(FORMATS))
    .option('--sample <rows>', 'rows that are looked at: 500,000 of each file, 10,000 of a source when left out')
    .option('--out <file>', 'a file to write; standard output when left out')
    .option('--force', 'write it although it is there: what was added to it by hand is lost')
    .option('--delimiter <character>', 'what stands between values; found out when left out, and so are the others')
    .addOption(new Option('--quote <quote>', 'what values stand in that hold delimiters').choices(QUOTES))
    .option('--encoding <encoding>', 'of the text, such as windows-1252 or utf-16le')
    .option('--no-header', 'the first line is a row')
    .addOption(new Option('--decimal <mark>', 'what stands before the decimals of numbers').choices(DECIMALS))
    .addHelpText(
      'after',
      '\nWhat is doubtful stands in comments.\n\nExamples:\n  headgate dataset infer orders.csv > orders.yaml\n  headgate dataset infer 2024/*.csv.gz --name sales --out catalog/sales.yaml\n  headgate dataset infer --source shop "/orders?state=open" --out catalog/orders.yaml',
    )
    .action(async (files: string[], _options: unknown, command: Command) => {
      const options: InferOptions = command.optsWithGlobals();
      if (options.source !== undefined) return inferSource(options.source, files, options);
      refuseForFiles(options);
      const config = loadConfig(process.env);
      const outbound = new Outbound({ allow: config.outboundAllow, log: silentLog });
      const { dataset, manifest } = await infer({
        files: files.map((file) =>
          isUrl(file)
            ? { name: nameOfUrl(file), open: () => openUrl(file, outbound, config) }
            : { name: basename(file), open: async () => (await openInput(file)).stream },
        ),
        name: options.name,
        format: options.format,
        dialect: {
          delimiter: options.delimiter,
          quote: options.quote,
          encoding: options.encoding,
          decimal: options.decimal,
          ...(!options.header && { header: false }),
        },
        mostRows: numberOf('sample', options.sample),
        maxValueBytes: config.limits.maxValueBytes,
      }).finally(() => outbound.close());
      if (options.out === undefined) return print({ manifest }, options.json, () => [manifest.trimEnd()]);
      await writeNew(options.out, manifest, options.force ?? false);
      print({ file: options.out, dataset: dataset.name }, options.json, () => [
        `The dataset ${dataset.name} is written to ${options.out}. Read it, then: headgate apply ${options.out}`,
      ]);
    });
}

const INFER = 'mutation ($input: InferInput!) { inferDataset(input: $input) { manifest dataset collector rows isWhole } }';
/** What only files have. */
const OF_FILES = ['format', 'delimiter', 'quote', 'encoding', 'decimal'] as const;

async function inferSource(source: string, [from, ...others]: readonly string[], options: InferOptions): Promise<void> {
  if (from === undefined || others.length > 0) throw new HeadgateError('BAD_USER_INPUT', 'Give one path, field or table of the source.', { path: 'from' });
  const said = OF_FILES.find((name) => options[name] !== undefined) ?? (options.header ? undefined : 'no-header');
  if (said !== undefined) throw new HeadgateError('BAD_USER_INPUT', `--${said}: it says how files are written, and a source is none.`, { path: said });
  const { name, items, body, sample, pages } = options;
  const input = { source, from, name, items, body, rows: numberOf('sample', sample), pages: numberOf('pages', pages) };
  const { inferDataset: inferred } = await withServer(options, (client) =>
    client.graphql<{ inferDataset: { manifest: string; dataset: string; collector: string; rows: number; isWhole: boolean } }>(INFER, { input }),
  );
  if (options.out === undefined) return print(inferred, options.json, () => [inferred.manifest.trimEnd()]);
  await writeNew(options.out, inferred.manifest, options.force ?? false);
  const { dataset, collector } = inferred;
  print({ file: options.out, dataset, collector }, options.json, () => [
    `The dataset ${dataset} and the collector ${collector} are written to ${options.out}. Read them, then: headgate apply ${options.out}`,
  ]);
}

function refuseForFiles(options: InferOptions): void {
  const said = (['items', 'body', 'pages'] as const).find((name) => options[name] !== undefined);
  if (said !== undefined) throw new HeadgateError('BAD_USER_INPUT', `--${said}: it is for a source; name one with --source.`, { path: said });
}

async function openUrl(url: string, outbound: Outbound, { limits }: Config): Promise<Readable> {
  for await (const { stream } of fetched(outbound, url, { maxBytes: limits.maxUploadBytes })) return stream;
  throw new HeadgateError('NOT_FOUND', 'There is nothing at the URL.');
}

/** Without the query, which may be a secret. */
function nameOfUrl(url: string): string {
  const last = URL.canParse(url) ? basename(new URL(url).pathname) : '';
  return last || 'file';
}

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new HeadgateError('BAD_USER_INPUT', `--${option}: expected a number, such as 100.`, { path: option });
}
