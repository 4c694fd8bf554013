import { open, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { parseProof, verifyExport, verifyingKeys, type AuditVerification, type ExportVerification, type VerifyingKey } from '../audit/index.js';
import { HeadgateError, messageOf } from '../kernel/index.js';
import { problemError } from './client.js';
import { withServer, type ServerOptions } from './connect.js';
import { print } from './output.js';

export interface VerifyCommandOptions extends ServerOptions {
  readonly checkpoints?: string;
  readonly file?: string;
  readonly proof?: string;
  readonly key?: readonly string[];
  readonly json?: boolean;
}

const NDJSON = 'application/x-ndjson';
const LINE_EVERY_MS = 2_000;

/** The record of a running installation. @throws HeadgateError DATA_REJECTED with what does not fit. */
export async function verifyOfServer(options: VerifyCommandOptions): Promise<void> {
  const body = options.checkpoints === undefined ? undefined : await readText(options.checkpoints, 'checkpoints file');
  const result = await withServer(options, async (client) => {
    const headers = { accept: NDJSON, ...(body !== undefined && { 'content-type': NDJSON }) };
    const told = createInterface({ input: await client.stream('/audit/verify', { method: 'POST', headers, ...(body !== undefined && { body }) }) });
    const progress = startCount();
    let last: Record<string, unknown> = {};
    for await (const line of told) {
      last = JSON.parse(line) as Record<string, unknown>;
      if (typeof last['progress'] === 'number') progress(last['progress']);
    }
    if (typeof last['valid'] !== 'boolean') throw problemError((last['problem'] ?? {}) as Record<string, unknown>);
    return last as unknown as AuditVerification;
  });
  const { entries, head, checkpoints, problem } = result;
  print(result, options.json, () => [`${entries} entries and ${checkpoints} checkpoints are good.${head ? ` Head: ${head.seq} ${head.hash}` : ''}`]);
  if (problem) throw new HeadgateError('DATA_REJECTED', problem.message, { ...problem });
}

/** An export, without any server. @throws HeadgateError DATA_REJECTED with what does not fit; BAD_USER_INPUT for what is not to be read, or no key. */
export async function verifyFile(file: string, options: VerifyCommandOptions): Promise<void> {
  const { proof, key, checkpoints } = options;
  if (checkpoints !== undefined && proof === undefined && key === undefined) {
    throw new HeadgateError('BAD_USER_INPUT', '--checkpoints with --file needs the key that signed them: give --key, or --proof.');
  }
  const result = await verifyExport({
    lines: linesOf(file),
    ...(proof !== undefined && { proof: parseProof(await readText(proof, 'proof')) }),
    ...(key !== undefined && { keys: await readKeys(key) }),
    ...(checkpoints !== undefined && { checkpointsFile: checkpoints }),
    onProgress: startCount(),
  });
  print(result, options.json, () => saidOf(result, proof !== undefined || checkpoints !== undefined));
  const { problem } = result;
  if (problem) throw new HeadgateError('DATA_REJECTED', problem.message, { ...problem });
}

/** Opened when the first is asked for: lines that come before anybody listens would be lost. */
async function* linesOf(file: string): AsyncGenerator<string> {
  const handle = await open(file).catch((cause: unknown) => {
    throw cantRead(file, 'export', cause);
  });
  yield* handle.readLines({ encoding: 'utf8' });
}

/** What was found, and what it proves. */
function saidOf(result: ExportVerification, hasCheckpoints: boolean): string[] {
  const { entries, from, to, hash, checkpoints, signedTo, signedAt, keyIds, trustedKey, valid } = result;
  const lines = [
    `${entries} entries${from === null ? '' : ` (${from} to ${to})`} and ${checkpoints} checkpoints are good.${hash === null ? '' : ` Last hash: ${hash}`}`,
  ];
  if (!valid) return lines;
  if (entries === 0) return [...lines, 'There are no entries in this range, so there is nothing to prove.'];
  if (signedTo === null) {
    const chain = 'Proven: no line was changed, removed or moved after the hashes were computed. Not proven: who computed them.';
    return [...lines, `${chain} ${hasCheckpoints ? 'What you gave has no checkpoint of these entries.' : 'Give --proof, or --checkpoints with a --key.'}`];
  }
  const whose = trustedKey ? 'which you gave' : 'which came with the proof: compare it with one that you got otherwise, or give --key';
  lines.push(
    `Proven: the entries up to ${signedTo} are those that were sealed when key${keyIds.length === 1 ? '' : 's'} ${keyIds.join(', ')} signed them at ${signedAt}, ${whose}.`,
  );
  if (to !== null && BigInt(signedTo) < BigInt(to))
    lines.push(`Not signed: the entries ${BigInt(signedTo) + 1n} to ${to}. Only the chain holds them together.`);
  return lines;
}

/** A line on standard error now and then, for work that takes its time. */
function startCount(): (entries: number) => void {
  let last = Date.now();
  return (entries) => {
    if (Date.now() - last < LINE_EVERY_MS) return;
    last = Date.now();
    console.error(`verify: ${entries} entries`);
  };
}

/** Those of all files, one file after the other, each once. */
async function readKeys(files: readonly string[]): Promise<VerifyingKey[]> {
  const keys = new Map<string, VerifyingKey>();
  for (const file of files) for (const key of verifyingKeys(await readText(file, 'key'))) if (!keys.has(key.keyId)) keys.set(key.keyId, key);
  return [...keys.values()];
}

async function readText(file: string, what: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw cantRead(file, what, cause);
  });
}

function cantRead(file: string, what: string, cause: unknown): HeadgateError {
  return new HeadgateError('BAD_USER_INPUT', `The ${what} ${file} can't be read: ${messageOf(cause)}.`, { file }, { cause });
}
