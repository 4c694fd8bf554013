import type { Database, Transaction } from '../store/index.js';
import { canonicalEntry, chainHash, GENESIS, type EntryText } from './chain.js';
import { CheckpointWitness } from './checkpoint-witness.js';
import { checkpointFileSize, readCheckpoints } from './checkpoint-file.js';
import type { VerifyingKey, VerifyingKeys } from './checkpoint.js';
import { diagnose, type AuditProblem } from './diagnose.js';
import { sealedEntries } from './sealed-entries.js';
import { lastCheckpoint, storedCheckpoints } from './sealed-head.js';

export interface VerifyOptions {
  readonly database: Database;
  /** Of the one that signed all, or of all that did, oldest first: the public halves are enough. */
  readonly key: VerifyingKey | VerifyingKeys;
  /** Without it only the checkpoints in the database are witnesses, which its owner could have removed. */
  readonly checkpointsFile?: string;
  /** Told now and then how many entries were read. */
  readonly onProgress?: (entries: number) => void;
}

export interface AuditVerification {
  readonly valid: boolean;
  /** Entries found good: all, or those before the problem. */
  readonly entries: number;
  /** The last entry found good. */
  readonly head: { readonly seq: string; readonly hash: string } | null;
  /** Checkpoints found good, of the database and of the file. */
  readonly checkpoints: number;
  /** The first thing that is wrong. */
  readonly problem?: AuditProblem;
}

const TOLD_EVERY = 5_000;

/**
 * Computes the whole chain again and holds it against the checkpoints. One snapshot, read as a stream: memory is flat,
 * and neither readers nor the sealer wait. Entries that are not sealed yet (the last second) are no part of it.
 * @throws HeadgateError BAD_USER_INPUT when the checkpoints file can't be read.
 */
export async function verifyAudit({ database, key, checkpointsFile, onProgress }: VerifyOptions): Promise<AuditVerification> {
  const keys = 'keyId' in key ? [key] : key;
  // What the file gets after this moment speaks of entries that the snapshot does not have.
  const size = checkpointsFile === undefined ? undefined : await checkpointFileSize(checkpointsFile);
  return await database.transaction(async (tx) => {
    await tx.query('SET TRANSACTION READ ONLY');
    // Read beside it, as far as the snapshot has them.
    const newest = await lastCheckpoint((text) => tx.query(text));
    const stored = storedCheckpoints((text, values) => database.query(text, values), newest);
    const witnesses = [new CheckpointWitness('The database', stored, keys, { linked: true })];
    if (checkpointsFile !== undefined && size !== undefined) {
      witnesses.push(new CheckpointWitness(`The file ${checkpointsFile}`, readCheckpoints(checkpointsFile, size), keys, { linked: false }));
    }
    return await walk(sealedEntries(database, tx), tx, witnesses, onProgress);
  }, 'REPEATABLE READ');
}

async function walk(
  batches: AsyncIterable<readonly EntryText[]>,
  tx: Transaction,
  witnesses: readonly CheckpointWitness[],
  onProgress?: (entries: number) => void,
): Promise<AuditVerification> {
  let entries = 0;
  let told = 0;
  let last: EntryText | undefined;
  const result = (problem?: AuditProblem): AuditVerification => ({
    valid: problem === undefined,
    entries,
    head: last ? { seq: String(entries), hash: last[16] ?? '' } : null,
    checkpoints: witnesses.reduce((sum, witness) => sum + witness.good, 0),
    ...(problem && { problem }),
  });

  let prevHash = GENESIS;
  let misfit: EntryText | undefined;
  walking: for await (const batch of batches) {
    for (const entry of batch) {
      const seq = String(entries + 1);
      const hash = chainHash(prevHash, canonicalEntry(entry, seq));
      if (entry[14] !== seq || entry[15] !== prevHash || entry[16] !== hash) {
        misfit = entry;
        break walking;
      }
      prevHash = hash;
      last = entry;
      entries += 1;
      for (const witness of witnesses) {
        // Awaited only where there is something to compare: a million times for nothing takes a second.
        const compared = witness.see(entries, hash, entry[0]);
        const problem = compared && (await compared);
        if (problem) return result(problem);
      }
    }
    if (entries - told >= TOLD_EVERY) onProgress?.((told = entries));
  }
  if (told !== entries) onProgress?.(entries);
  if (misfit) return result(await diagnose({ tx, entry: misfit, seq: BigInt(entries + 1), prevHash, before: last }));
  for (const witness of witnesses) {
    const problem = await witness.end(entries);
    if (problem) return result(problem);
  }
  return result();
}
