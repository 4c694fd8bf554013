import { Option, type Command } from 'commander';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { FORMATS, formatOf, inFile, LOAD_MODES } from '../ingestion/index.js';
import { HeadgateError, messageOf } from '../kernel/index.js';
import { withServer, type ServerOptions } from './connect.js';
import { print } from './output.js';
import { previewLines, type PreviewAnswer } from './preview-lines.js';
import { startProgress } from './progress.js';
import { runLines, type RunAnswer } from './run-lines.js';

interface IngestOptions extends ServerOptions {
  readonly format?: string;
  readonly mode: string;
  readonly force?: boolean;
  readonly idempotencyKey?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function ingestCommand(program: Command): void {
  program
    .command('ingest')
    .summary('load a file into a dataset')
    .description('Loads a file into a dataset, entirely or not at all. Rows that break the contract go to quarantine and are counted.')
    .argument('<dataset>', 'its name')
    .argument('<file>', 'CSV, TSV, NDJSON or JSON, also with gzip; - for standard input')
    .addOption(new Option('--format <format>', "what the bytes are; found by the file's name when left out").choices(FORMATS))
    .addOption(new Option('--mode <mode>', 'add rows, make them the whole dataset, or insert and update by key').choices(LOAD_MODES).default('append'))
    .option('--force', 'load a file that was loaded already')
    .option('--idempotency-key <key>', 'the same key for the same dataset loads once')
    .option('--dry-run', 'tell what it would do, and do nothing')
    .addHelpText(
      'after',
      '\nExits with 3 when the file was refused.\n\nExamples:\n  headgate ingest orders orders.csv\n  headgate ingest orders orders.ndjson.gz --mode merge\n  headgate ingest orders orders.csv --dry-run\n  cat orders.csv | headgate ingest orders - --format csv',
    )
    .action(async (dataset: string, file: string, _options: unknown, command: Command) => {
      const options: IngestOptions = command.optsWithGlobals();
      if (options.dryRun) {
        const preview = await load<PreviewAnswer>(dataset, file, options);
        print(preview, options.json, () => previewLines(preview));
        return;
      }
      const run = await load<RunAnswer>(dataset, file, options);
      print(run, options.json, () => runLines(run));
    });
}

async function load<Answer>(dataset: string, file: string, options: IngestOptions): Promise<Answer> {
  const source = await openFile(file);
  const name = file === '-' ? undefined : file;
  try {
    const format = formatOf({ format: options.format, ...(name !== undefined && { fileName: basename(name) }) });
    const query = new URLSearchParams({ mode: options.mode, format, ...(options.force && { force: 'true' }), ...(options.dryRun && { dryRun: 'true' }) });
    const headers = {
      'content-type': 'application/octet-stream',
      ...(name?.endsWith('.gz') && { 'content-encoding': 'gzip' }),
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
        return await client.json<Answer>(`/ingest/${encodeURIComponent(dataset)}?${query.toString()}`, { method: 'POST', headers, body });
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

async function openFile(file: string): Promise<{ readonly stream: Readable; readonly size?: number }> {
  if (file === '-') return { stream: process.stdin };
  if (/^https?:\/\//.test(file))
    throw new HeadgateError('BAD_USER_INPUT', 'Loading from a URL is not supported by this version: fetch the file and pipe it in, with - as the file.', {
      file,
    });
  const handle = await open(file).catch((cause: NodeJS.ErrnoException) => {
    const message = cause.code === 'ENOENT' ? `There is no file "${file}".` : `"${file}" can't be read: ${messageOf(cause)}.`;
    throw new HeadgateError(cause.code === 'ENOENT' ? 'NOT_FOUND' : 'BAD_USER_INPUT', message, { file }, { cause });
  });
  const found = await handle.stat();
  if (found.isDirectory()) {
    await handle.close();
    throw new HeadgateError('BAD_USER_INPUT', `"${file}" is a folder; expected a file with rows.`, { file });
  }
  return { stream: handle.createReadStream({ highWaterMark: 256 * 1024 }), ...(found.isFile() && { size: found.size }) };
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
