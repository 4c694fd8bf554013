import { Option, type Command } from 'commander';
import { glob, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { DECIMALS, FORMATS, formatOf, inFile, isPattern, LOAD_MODES, QUOTES } from '../ingestion/index.js';
import { HeadgateError, newId } from '../kernel/index.js';
import { withServer, type ServerOptions } from './connect.js';
import { isUrl, openInput } from './input-file.js';
import { print } from './output.js';
import { previewLines, type PreviewAnswer } from './preview-lines.js';
import { startProgress } from './progress.js';
import { readAsText, type ReadAsAnswer } from './read-as.js';
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
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function ingestCommand(program: Command): void {
  program
    .command('ingest')
    .summary('load files into a dataset')
    .description('Loads a file, or several at once, into a dataset, entirely or not at all. Rows that break the contract go to quarantine and are counted.')
    .argument('<dataset>', 'its name')
    .argument('<files...>', 'CSV, TSV, NDJSON, JSON or Parquet, also with gzip or zstd; several, or a pattern in quotes; a URL; - for standard input')
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
    .option('--dry-run', 'tell what it would do, and do nothing')
    .addHelpText(
      'after',
      "\nExits with 3 when the file was refused.\n\nExamples:\n  headgate ingest orders orders.csv\n  headgate ingest orders orders.ndjson.gz --mode merge\n  headgate ingest orders '2024/*.parquet' --mode replace\n  headgate ingest orders https://example.com/orders.csv.zst\n  headgate ingest orders orders.csv --dry-run\n  cat orders.csv | headgate ingest orders - --format csv",
    )
    .action(async (dataset: string, files: string[], _options: unknown, command: Command) => {
      const options: IngestOptions = command.optsWithGlobals();
      const named = await expanded(files);
      if (options.dryRun) {
        const preview = await load<PreviewAnswer>(dataset, named, options);
        print(preview, options.json, () => previewLines(preview));
        return;
      }
      const run = await load<RunAnswer & { readonly readAs?: ReadAsAnswer }>(dataset, named, options);
      const found = options.detect && run.readAs ? [`read as  ${readAsText(run.readAs)}`] : [];
      print(run, options.json, () => [...found, ...runLines(run)]);
    });
}

async function load<Answer>(dataset: string, files: readonly string[], options: IngestOptions): Promise<Answer> {
  const [file = '-', ...others] = files;
  if (others.length > 0) return loadSeveral<Answer>(dataset, files, options);
  if (isUrl(file)) return post<Answer>(dataset, options, { url: file }, {});
  const source = await openInput(file);
  const name = file === '-' ? undefined : file;
  try {
    const format = formatOf({ format: options.format, ...(name !== undefined && { fileName: basename(name) }) });
    const headers = {
      ...(name?.endsWith('.gz') && { 'content-encoding': 'gzip' }),
      ...(name?.endsWith('.zst') && { 'content-encoding': 'zstd' }),
      ...(source.size !== undefined && { 'content-length': source.size }),
    };
    return await post<Answer>(dataset, { ...options, format }, {}, headers, source);
  } catch (error) {
    // The server was sent bytes without a name.
    throw inFile(error, name);
  } finally {
    source.stream.destroy();
  }
}

/** One form with all of them: the server tells of each by its name. */
async function loadSeveral<Answer>(dataset: string, files: readonly string[], options: IngestOptions): Promise<Answer> {
  const alone = files.find((file) => file === '-' || isUrl(file));
  if (alone !== undefined) throw new HeadgateError('BAD_USER_INPUT', `"${alone}" can't be loaded together with others: load it by itself.`, { file: alone });
  const boundary = `headgate-${newId()}`;
  const stream = Readable.from(formOf(files, boundary));
  try {
    return await post<Answer>(dataset, options, {}, { 'content-type': `multipart/form-data; boundary=${boundary}` }, { stream });
  } finally {
    stream.destroy();
  }
}

async function* formOf(files: readonly string[], boundary: string): AsyncGenerator<Buffer> {
  for (const file of files) {
    const { stream } = await openInput(file);
    const name = file.replaceAll('"', '%22').replaceAll(/[\r\n]/g, ' ');
    yield Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: application/octet-stream\r\n\r\n`);
    for await (const chunk of stream) yield chunk as Buffer;
    yield Buffer.from('\r\n');
  }
  yield Buffer.from(`--${boundary}--\r\n`);
}

type Given = Readonly<Record<string, string | number>>;

async function post<Answer>(
  dataset: string,
  options: IngestOptions,
  more: Given,
  headers: Given,
  source?: { readonly stream: Readable; readonly size?: number },
): Promise<Answer> {
  const { mode, format, force, idempotencyKey, dryRun } = options;
  const query = new URLSearchParams({
    mode,
    ...(format !== undefined && { format }),
    ...(force && { force: 'true' }),
    ...(dryRun && { dryRun: 'true' }),
    ...dialectQuery(options),
    ...more,
  });
  const all = { 'content-type': 'application/octet-stream', ...headers, ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }) };
  return withServer(options, async (client) => {
    const progress = startProgress(`ingest ${dataset}`, source?.size);
    const body =
      source &&
      counted(
        source.stream,
        (done) => progress.update(done),
        () => progress.phase('checking and storing'),
      );
    try {
      return await client.json<Answer>(`/ingest/${encodeURIComponent(dataset)}?${query.toString()}`, {
        method: 'POST',
        headers: all,
        ...(body && { body }),
      });
    } finally {
      progress.end();
    }
  });
}

/** Patterns that the shell left as they are, as the files that they name. */
async function expanded(files: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const file of files) {
    if (!isPattern(file) || isUrl(file) || (await isThere(file))) {
      found.push(file);
      continue;
    }
    const named: string[] = [];
    for await (const path of glob(file)) named.push(path);
    if (named.length === 0) throw new HeadgateError('NOT_FOUND', `There is no file "${file}".`, { file });
    found.push(...named.toSorted((a, b) => (a < b ? -1 : 1)));
  }
  return found;
}

async function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
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
