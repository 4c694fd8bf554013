import { canonicalJson } from '../kernel/index.js';
import { chainHash, GENESIS } from './chain.js';
import { checkpointFileSize, readCheckpoints } from './checkpoint-file.js';
import { CheckpointWitness } from './checkpoint-witness.js';
import type { Checkpoint, KeyOrigin, VerifyingKeys } from './checkpoint.js';
import type { AuditProblem } from './diagnose.js';
import { verifyingKey, type AuditProof } from './proof.js';

export interface VerifyExportOptions {
  /** The lines of the export, in its order. */
  readonly lines: AsyncIterable<string>;
  readonly proof?: AuditProof;
  /** Checkpoints that were kept elsewhere. */
  readonly checkpointsFile?: string;
  /** Keys that were not got with the proof, the oldest first: only what they signed counts. */
  readonly keys?: VerifyingKeys;
  readonly onProgress?: (entries: number) => void;
}

export interface ExportVerification {
  readonly valid: boolean;
  /** Entries found good. */
  readonly entries: number;
  readonly from: string | null;
  readonly to: string | null;
  readonly hash: string | null;
  /** Signed checkpoints found good. */
  readonly checkpoints: number;
  /** The last entry that a signature covers, with all before it, and when it was signed. */
  readonly signedTo: string | null;
  readonly signedAt: string | null;
  /** The keys that signed, and whether they were given: else they are only what the proof says of itself. */
  readonly keyIds: readonly string[];
  readonly trustedKey: boolean;
  readonly problem?: AuditProblem;
}

interface Line {
  readonly id: string;
  readonly seq: string;
  readonly prevHash: string;
  readonly hash: string;
  readonly canonical: string;
}

const PROGRESS = 10_000;

/**
 * Computes the chain of an export again and holds it against its proof and the checkpoints that were kept, without any
 * database. Memory is flat.
 * @throws HeadgateError BAD_USER_INPUT when the checkpoints file, or a key of the proof, can't be read.
 */
export async function verifyExport(options: VerifyExportOptions): Promise<ExportVerification> {
  const { lines, proof, keys, onProgress } = options;
  const seen = new Seen(options);
  const witnesses = await seen.witnesses();
  let entries = 0;
  let before: Line | undefined;
  let first: Line | undefined;
  const result = (problem?: AuditProblem): ExportVerification => ({
    valid: problem === undefined,
    entries,
    from: first?.seq ?? null,
    to: before?.seq ?? null,
    hash: before?.hash ?? null,
    checkpoints: witnesses.reduce((sum, witness) => sum + witness.good, 0),
    ...seen.signedUpTo(before ? BigInt(before.seq) : 0n, problem === undefined),
    trustedKey: keys !== undefined,
    ...(problem && { problem }),
  });

  let number = 0;
  for await (const text of lines) {
    number += 1;
    if (text === '') continue;
    const line = parseLine(text);
    if (!line) return result({ kind: 'changed', message: `Line ${number} is not an entry of an audit export.` });
    const problem = first ? follows(line, before) : begins(line, proof);
    if (problem) return result(problem);
    for (const witness of witnesses) {
      const compared = await witness.see(Number(line.seq), line.hash, line.id);
      if (compared) return result(compared);
    }
    first ??= line;
    before = line;
    entries += 1;
    if (entries % PROGRESS === 0) onProgress?.(entries);
  }
  return result((await ended(witnesses, before)) ?? cutOff(proof, before));
}

/** What is signed, and by which keys, as far as it was found good. */
class Seen {
  readonly #options: VerifyExportOptions;
  readonly #signed: Checkpoint[] = [];

  constructor(options: VerifyExportOptions) {
    this.#options = options;
  }

  async witnesses(): Promise<CheckpointWitness[]> {
    const { proof, checkpointsFile, keys: given } = this.#options;
    const keys = given ?? (proof?.keys ?? []).map(({ publicKey }) => verifyingKey(publicKey));
    const about: { linked: boolean; origin: KeyOrigin } = { linked: false, origin: given ? 'given' : 'proof' };
    const witnesses: CheckpointWitness[] = [];
    if (proof) witnesses.push(new CheckpointWitness('The proof', this.#of(each(proof.checkpoints)), keys, about));
    const size = checkpointsFile === undefined ? undefined : await checkpointFileSize(checkpointsFile);
    if (checkpointsFile !== undefined && size !== undefined) {
      witnesses.push(new CheckpointWitness(`The file ${checkpointsFile}`, this.#of(readCheckpoints(checkpointsFile, size)), keys, about));
    }
    return witnesses;
  }

  /** Those about entries of the export. */
  async *#of(checkpoints: AsyncIterable<Checkpoint>): AsyncGenerator<Checkpoint> {
    const { proof } = this.#options;
    const [from, to] = [BigInt(proof?.from ?? 1), BigInt(proof?.to ?? 2n ** 63n)];
    for await (const checkpoint of checkpoints) {
      const seq = BigInt(checkpoint.seq);
      if (seq < from || seq > to) continue;
      this.#signed.push(checkpoint);
      if (this.#signed.length > KEPT) this.#signed.shift();
      yield checkpoint;
    }
  }

  signedUpTo(last: bigint, isValid: boolean): Pick<ExportVerification, 'signedTo' | 'signedAt' | 'keyIds'> {
    const good = isValid ? this.#signed.filter(({ seq }) => BigInt(seq) <= last) : [];
    const newest = good.reduce<Checkpoint | undefined>((a, b) => (a && BigInt(a.seq) >= BigInt(b.seq) ? a : b), undefined);
    return { signedTo: newest?.seq ?? null, signedAt: newest?.at ?? null, keyIds: [...new Set(good.map(({ keyId }) => keyId))] };
  }
}

/** Enough to know the newest of each list. */
const KEPT = 20_000;

async function* each<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items;
}

function parseLine(text: string): Line | undefined {
  try {
    const { prevHash, hash, ...entry } = JSON.parse(text) as Record<string, unknown>;
    const { id, seq } = entry;
    if (typeof prevHash !== 'string' || typeof hash !== 'string' || typeof id !== 'string') return undefined;
    if (typeof seq !== 'string' || !/^\d{1,18}$/.test(seq)) return undefined;
    return { id, seq, prevHash, hash, canonical: canonicalJson(entry) };
  } catch {
    return undefined;
  }
}

function begins(line: Line, proof: AuditProof | undefined): AuditProblem | undefined {
  if (line.seq === '1' && line.prevHash !== GENESIS) return changed(line, 'is the first of the record and refers to another before it');
  if (proof && line.seq !== proof.from) {
    return BigInt(line.seq) > BigInt(proof.from)
      ? removed(proof.from, BigInt(line.seq) - 1n)
      : inserted(line, `stands before number ${proof.from}, with which the export begins`);
  }
  if (proof && line.prevHash !== proof.prevHash) return changed(line, 'does not refer to the entry that was before it when the export was made');
  return ownHash(line);
}

function follows(line: Line, before: Line | undefined): AuditProblem | undefined {
  const expected = BigInt(before?.seq ?? 0) + 1n;
  const seq = BigInt(line.seq);
  if (seq > expected) return removed(String(expected), seq - 1n);
  if (seq < expected)
    return {
      kind: 'reordered',
      entryId: line.id,
      seq: line.seq,
      message: `The entry ${line.id} (number ${seq}) stands where number ${expected} is due: it was moved, or is there twice.`,
    };
  const own = ownHash(line);
  if (own) return own;
  return before && line.prevHash !== before.hash
    ? changed(line, `does not refer to the entry before it: one of the two was rewritten, or another put in its place`)
    : undefined;
}

function ownHash(line: Line): AuditProblem | undefined {
  return line.hash === chainHash(line.prevHash, line.canonical) ? undefined : changed(line, 'does not have the hash that it was sealed with');
}

async function ended(witnesses: readonly CheckpointWitness[], last: Line | undefined): Promise<AuditProblem | undefined> {
  for (const witness of witnesses) {
    const problem = await witness.end(Number(last?.seq ?? 0));
    if (problem) return problem;
  }
  return undefined;
}

function cutOff(proof: AuditProof | undefined, last: Line | undefined): AuditProblem | undefined {
  if (!proof) return undefined;
  const seq = BigInt(last?.seq ?? BigInt(proof.from) - 1n);
  if (seq < BigInt(proof.to)) return { kind: 'truncated', seq: String(seq + 1n), message: `The entries ${seq + 1n} to ${proof.to} are missing at the end.` };
  if (last && seq > BigInt(proof.to)) return inserted(last, `stands behind number ${proof.to}, with which the export ends`);
  return last && last.hash !== proof.hash ? changed(last, 'is not the one with which the export ended') : undefined;
}

const changed = ({ id, seq }: Line, what: string): AuditProblem => ({
  kind: 'changed',
  entryId: id,
  seq,
  message: `The entry ${id} (number ${seq}) was changed: it ${what}.`,
});
const inserted = ({ id, seq }: Line, what: string): AuditProblem => ({
  kind: 'inserted',
  entryId: id,
  seq,
  message: `The entry ${id} (number ${seq}) was put in: it ${what}.`,
});
const removed = (from: string, to: bigint): AuditProblem => ({
  kind: 'removed',
  seq: from,
  message: BigInt(from) === to ? `The entry number ${from} is missing.` : `The entries ${from} to ${to} are missing.`,
});
