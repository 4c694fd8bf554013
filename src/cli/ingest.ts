import { Option, type Command } from 'commander';
import { basename } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { DECIMALS, FORMATS, formatOf, inFile, LOAD_MODES, QUOTES } from '../ingestion/index.js';
import { withServer, type ServerOptions } from './connect.js';
import { openInput } from './input-file.js';
import { print } from './output.js';
import { startProgress } from './progress.js';
import { runLines, type RunAnswer } from './run-lines.js';

interface IngestOptions extends ServerOptions {
  readonly format?: string;
  readonly mode: string;
  readonly force?: boolean;
  readonly idempotencyKey?: string;
  readonly delimiter?: string;
  readonly quote?: string;
  readonly encoding?: string;
  readonly header: boolean;
  readonly decimal?: string;
  readonly detect?: boolean;
  readonly json?: boolean;
}

export function ingestCommand(program: Command): void {
  program
    .command('ingest')
    .summary('load a file into a dataset')
    .description('Loads a file into a dataset, entirely or not at all. Rows that break the contract go to quarantine and are counted.')
    .argument('<dataset>', 'its name')
    .argument('<file>', 'CSV, TSV, NDJSON, JSON or Parquet, also with gzip or zstd; - for standard input')
    .addOption(new Option('--format <format>', "what the bytes are; found by the file's name when left out").choices(FORMATS))
    .addOption(new Option('--mode <mode>', 'add rows, make them the whole dataset, or insert and update by key').choices(LOAD_MODES).default('append'))
    .option('--force', 'load a file that was loaded already')
    .option('--idempotency-key <key>', 'the same key for the same dataset loads once')
    .option('--delimiter <character>', 'what stands between values: one character, or tab')
    .addOption(new Option('--quote <quote>', 'what values stand in that hold delimiters').choices(QUOTES))
    .option('--encoding <encoding>', 'of the text, such as windows-1252 or utf-16le; utf-8 when left out')
    .option('--no-header', "the first line is a row; the columns are the contract's, in its order")
    .addOption(new Option('--decimal <mark>', 'what stands before the decimals of numbers').choices(DECIMALS))
    .option('--detect', 'find out what is not said of delimiter, quote, encoding, header, decimals and dates')
    .addHelpText(
      'after',
      '\nExits with 3 when the file was refused.\n\nExamples:\n  headgate ingest orders orders.csv\n  headgate ingest orders orders.ndjson.gz --mode merge\n  cat orders.csv | headgate ingest orders - --format csv',
    )
    .action(async (dataset: string, file: string, _options: unknown, command: Command) => {
      const options: IngestOptions = command.optsWithGlobals();
      const run = await load(dataset, file, options);
      print(run, options.json, () => runLines(run));
    });
}

async function load(dataset: string, file: string, options: IngestOptions): Promise<RunAnswer> {
  const source = await openInput(file);
  const name = file === '-' ? undefined : file;
  try {
    const format = formatOf({ format: options.format, ...(name !== undefined && { fileName: basename(name) }) });
    const query = new URLSearchParams({ mode: options.mode, format, ...(options.force && { force: 'true' }), ...dialectQuery(options) });
    const headers = {
      'content-type': 'application/octet-stream',
      ...(name?.endsWith('.gz') && { 'content-encoding': 'gzip' }),
      ...(name?.endsWith('.zst') && { 'content-encoding': 'zstd' }),
      ...(source.size !== undefined && { 'content-length': source.size }),
      ...(options.idempotencyKey !== undefined && { 'idempotency-key': options.idempotencyKey }),
    };
    return await withServer(options, async (client) => {
      const progress = startProgress(`ingest ${dataset}`, source.size);
      const body = counted(
        source.stream,
        (done) => progress.update(done),
        () => progress.phase('checking and storing'),
      );
      try {
        return await client.json<RunAnswer>(`/ingest/${encodeURIComponent(dataset)}?${query.toString()}`, { method: 'POST', headers, body });
      } finally {
        progress.end();
      }
    });
  } catch (error) {
    // The server was sent bytes without a name.
    throw inFile(error, name);
  } finally {
    source.stream.destroy();
  }
}

/** What was said of the dialect, for the server to check. */
function dialectQuery({ delimiter, quote, encoding, header, decimal, detect }: IngestOptions): Record<string, string> {
  return {
    ...(delimiter !== undefined && { delimiter }),
    ...(quote !== undefined && { quote }),
    ...(encoding !== undefined && { encoding }),
    ...(!header && { header: 'false' }),
    ...(decimal !== undefined && { decimal }),
    ...(detect && { detect: 'true' }),
  };
}

function counted(stream: Readable, update: (done: number) => void, sent: () => void): Readable {
  let done = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      done += chunk.length;
      update(done);
      next(null, chunk);
    },
    flush(next) {
      sent();
      next();
    },
  });
  stream.on('error', (error) => counter.destroy(error));
  return stream.pipe(counter);
}
