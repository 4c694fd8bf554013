import type { Log } from '../kernel/index.js';
import { signatureProblem, type Checkpoint, type VerifyingKeys } from './checkpoint.js';
import type { Query } from './entry-row.js';

/** Where the chain goes on: the last entry's place and hash. */
export interface Head {
  readonly seq: bigint;
  readonly hash: string;
}

interface HeadRow {
  readonly seq: string;
  readonly hash: string;
}

/** As a checkpoint has it; the time as text, because it is signed as text. */
export const CHECKPOINT_COLUMNS = `seq::text, hash, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at, previous, signature, key_id AS "keyId"`;

export async function lastCheckpoint(query: Query): Promise<Checkpoint | undefined> {
  const [last] = await query<Checkpoint>(`SELECT ${CHECKPOINT_COLUMNS} FROM headgate.audit_checkpoint ORDER BY audit_checkpoint.seq DESC LIMIT 1`);
  return last;
}

/**
 * The head to go on from. When the last checkpoint is ahead of the entries, the tail was cut off: the chain goes on
 * after what was signed, so that the hole stays in it for `verifyAudit` to find, and no place is given twice.
 */
export async function readHead(query: Query, keys: VerifyingKeys, last: Checkpoint | undefined, genesis: string, log: Log): Promise<Head> {
  const [row] = await query<HeadRow>('SELECT seq::text, hash FROM headgate.audit_entry ORDER BY audit_entry.seq DESC LIMIT 1');
  const head = row ? { seq: BigInt(row.seq), hash: row.hash } : { seq: 0n, hash: genesis };
  if (!last || signatureProblem(keys, last) || BigInt(last.seq) <= head.seq) return head;
  log.error({ head: String(head.seq), checkpoint: last.seq }, 'audit entries that were signed are missing: run "headgate audit verify"');
  return { seq: BigInt(last.seq), hash: last.hash };
}

/** The checkpoints in the database up to `newest`, by `seq`, a few thousand at a time. */
export async function* storedCheckpoints(query: Query, newest: Checkpoint | undefined): AsyncGenerator<Checkpoint> {
  if (!newest) return;
  for (let after = '-1'; ;) {
    const page = await query<Checkpoint>(
      `SELECT ${CHECKPOINT_COLUMNS} FROM headgate.audit_checkpoint WHERE seq > $1 AND seq <= $2 ORDER BY audit_checkpoint.seq LIMIT 2000`,
      [after, newest.seq],
    );
    yield* page;
    const last = page.at(-1);
    if (!last) return;
    after = last.seq;
  }
}
