import { Option, type Command } from 'commander';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { AuditProof } from '../audit/index.js';
import { HeadgateError, messageOf } from '../kernel/index.js';
import { verifyFile, verifyOfServer, type VerifyCommandOptions } from './audit-verify.js';
import { withServer, type ServerOptions } from './connect.js';

interface ExportCommandOptions extends ServerOptions {
  readonly format: string;
  readonly from?: string;
  readonly to?: string;
  readonly out?: string;
  readonly proof?: string;
}

const gather = (value: string, before: readonly string[] = []): string[] => [...before, value];

export function auditCommand(program: Command): void {
  const audit = program.command('audit').summary('prove and export the record').description('Proves and exports the record of what was done.');
  audit
    .command('verify')
    .description('Computes the hash chain again and holds it against the signed checkpoints. Exits with 3, and names the entry, when something does not fit.')
    .option('--checkpoints <file>', 'checkpoints that were kept elsewhere, instead of the file in HEADGATE_HOME')
    .option('--file <file>', 'an export (ndjson) to verify, instead of the record: without any server')
    .option('--proof <file>', 'with --file: the proof that came with it')
    .option('--key <file>', 'with --file: the public keys (PEM) that may have signed, the oldest first, as you got them otherwise; may be repeated', gather)
    .addHelpText(
      'after',
      '\nExamples:\n  headgate audit verify\n  headgate audit verify --checkpoints /mnt/safe/audit-checkpoints.ndjson\n  headgate audit verify --file audit.ndjson --proof audit.ndjson.proof.json --key audit.pem',
    )
    .action(async (_options: unknown, command: Command) => {
      const options: VerifyCommandOptions = command.optsWithGlobals();
      if (options.file !== undefined) return verifyFile(options.file, options);
      if (options.proof !== undefined || options.key !== undefined) throw new HeadgateError('BAD_USER_INPUT', '--proof and --key go with --file.');
      return verifyOfServer(options);
    });
  audit
    .command('export')
    .description('Writes the sealed entries in the order of the chain: to standard output, or to a file with its proof beside it.')
    .addOption(new Option('--format <format>', 'lines of JSON, or Parquet').choices(['ndjson', 'parquet']).default('ndjson'))
    .option('--from <place>', 'the first entry: its number, or a time')
    .option('--to <place>', 'the last entry: its number, or the time before which it was')
    .option('--out <file>', 'where to; its proof goes to <file>.proof.json')
    .option('--proof <file>', 'where the proof goes to')
    .addHelpText(
      'after',
      '\nExamples:\n  headgate audit export > audit.ndjson\n  headgate audit export --format parquet --from 2026-01-01 --to 2026-02-01 --out january.parquet',
    )
    .action(async (_options: unknown, command: Command) => exportRecord(command.optsWithGlobals()));
}

/** The proof first: it says which entries there are, and these are exported. */
async function exportRecord(options: ExportCommandOptions): Promise<void> {
  const { format, out } = options;
  const proofFile = options.proof ?? (out === undefined ? undefined : `${out}.proof.json`);
  await withServer(options, async (client) => {
    const range = new URLSearchParams({ ...(options.from !== undefined && { from: options.from }), ...(options.to !== undefined && { to: options.to }) });
    if (proofFile !== undefined) {
      const proof = await client.json<AuditProof>(`/audit/proof?${range.toString()}`);
      range.set('from', proof.from);
      range.set('to', proof.to);
      await writeFile(proofFile, `${JSON.stringify(proof, undefined, 2)}\n`).catch((cause: unknown) => {
        throw new HeadgateError('BAD_USER_INPUT', `${proofFile} can't be written: ${messageOf(cause)}.`, { file: proofFile }, { cause });
      });
    }
    range.set('format', format);
    const body = await client.stream(`/audit/export?${range.toString()}`);
    if (out === undefined) await pipeline(body, process.stdout, { end: false });
    else await pipeline(body, createWriteStream(out));
  });
}
