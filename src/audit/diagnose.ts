import type { Transaction } from '../store/index.js';
import { AS_TEXT, canonicalEntry, chainHash, ENTRY_COLUMNS, type EntryText } from './chain.js';

/** The first thing that is wrong with the record. */
export interface AuditProblem {
  readonly kind: 'changed' | 'removed' | 'inserted' | 'reordered' | 'truncated' | 'checkpoint';
  /** The entry at fault, when it is still there. */
  readonly entryId?: string;
  /** Its place, or the place where one is missing. */
  readonly seq?: string;
  readonly message: string;
}

/** Where the walk along the chain had to stop. */
export interface Break {
  readonly tx: Transaction;
  /** The entry that does not fit. */
  readonly entry: EntryText;
  /** The place at which one was expected, and the hash that it had to refer to. */
  readonly seq: bigint;
  readonly prevHash: string;
  /** The entry before, which fitted. */
  readonly before: EntryText | undefined;
}

/**
 * Says what was done where the chain breaks. An entry that was sealed can be told from one that was not: with its own
 * `prevHash` and the place that it once had, its hash comes out right. So one that is found at another place was moved.
 */
export async function diagnose({ tx, entry, seq, prevHash, before }: Break): Promise<AuditProblem> {
  const actual = BigInt(entry[14] ?? 0);
  if (actual < seq) return inserted(entry, `stands at ${actual}, before the first place there is`);
  if (actual > seq) {
    const moved = await successor(tx, prevHash, seq);
    if (moved) return reordered(moved, `stands at ${moved[14]} and was sealed as number ${seq}`);
    return removed(seq, actual > seq + 1n ? `The entries ${seq} to ${actual - 1n} are missing` : `The entry number ${seq} is missing`);
  }

  const next = await entryAt(tx, seq + 1n);
  if (isAuthentic(entry, seq)) {
    // Its own hash is right, so the link is what broke: either the entry before was rewritten, hash and all, or this one.
    if (before && (!next || next[15] === entry[16])) {
      return changed(before, 'does not have the hash that its follower refers to: it was rewritten together with its hash');
    }
    return inserted(entry, 'does not refer to the entry before it, nor is it referred to by the next');
  }
  const place = await formerPlace(tx, entry, seq);
  if (place === undefined) {
    const takesItsPlace = next && next[15] === prevHash && isAuthentic(next, seq);
    return takesItsPlace
      ? inserted(entry, 'was never sealed: the entry after it was sealed as its number')
      : changed(entry, 'does not have the hash that it was sealed with');
  }
  if (before && place === seq - 1n && entry[15] === before[15]) {
    return inserted(before, 'was never sealed: the entry after it was sealed as its number');
  }
  if (place < seq || (await successor(tx, prevHash, seq))) return reordered(entry, `stands at ${seq} and was sealed as number ${place}`);
  return removed(seq, `The entry that was sealed as number ${seq} is missing, and those after it were given other numbers`);
}

/** True when the entry was sealed as number `seq`, by its own account of the entry before. */
function isAuthentic(entry: EntryText, seq: bigint): boolean {
  const [prevHash, hash] = [entry[15], entry[16]];
  return prevHash !== null && hash === chainHash(prevHash, canonicalEntry(entry, String(seq)));
}

/** The number an entry was sealed as, if it is near its place or its predecessor is still there. */
async function formerPlace(tx: Transaction, entry: EntryText, seq: bigint): Promise<bigint | undefined> {
  const [predecessor] = await entries(tx, 'hash = $1', entry[15]);
  const near = [1n, -1n, 2n, -2n, 3n, -3n].map((distance) => seq + distance);
  const candidates = predecessor?.[14] ? [BigInt(predecessor[14]) + 1n, ...near] : near;
  return candidates.find((place) => place !== seq && isAuthentic(entry, place));
}

/** The entry that was sealed as number `seq` after the entry with that hash, wherever it stands now. */
async function successor(tx: Transaction, prevHash: string, seq: bigint): Promise<EntryText | undefined> {
  const found = await entries(tx, 'prev_hash = $1', prevHash);
  return found.find((entry) => isAuthentic(entry, seq));
}

async function entryAt(tx: Transaction, seq: bigint): Promise<EntryText | undefined> {
  const [found] = await entries(tx, 'seq = $1', String(seq));
  return found;
}

async function entries(tx: Transaction, condition: 'seq = $1' | 'hash = $1' | 'prev_hash = $1', value: string | null): Promise<EntryText[]> {
  const text = `SELECT ${ENTRY_COLUMNS} FROM headgate.audit_entry WHERE ${condition} ORDER BY audit_entry.seq LIMIT 100`;
  return (await tx.client.query<EntryText & unknown[]>({ text, values: [value], ...AS_TEXT })).rows;
}

function of(kind: AuditProblem['kind'], entry: EntryText, what: string): AuditProblem {
  const [entryId, seq] = [entry[0], entry[14] ?? ''];
  return { kind, entryId, seq, message: `The entry ${entryId} (number ${seq}) ${what}.` };
}

const changed = (entry: EntryText, what: string): AuditProblem => of('changed', entry, `was changed: it ${what}`);
const inserted = (entry: EntryText, what: string): AuditProblem => of('inserted', entry, `was inserted: it ${what}`);
const reordered = (entry: EntryText, what: string): AuditProblem => of('reordered', entry, `was moved: it ${what}`);
const removed = (seq: bigint, what: string): AuditProblem => ({ kind: 'removed', seq: String(seq), message: `${what}: removed after sealing.` });
