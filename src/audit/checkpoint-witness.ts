import { signatureProblem, type Checkpoint, type KeyOrigin, type VerifyingKeys } from './checkpoint.js';
import type { AuditProblem } from './diagnose.js';

interface WitnessOptions {
  readonly linked: boolean;
  /** Of the keys. */
  readonly origin?: KeyOrigin;
}

/** Checkpoints that are remembered: about the last hour. */
const LATELY = 100;

/**
 * One list of checkpoints, read beside the chain: as the walk passes an entry that was signed, its hash must be the
 * signed one; and when the walk has ended, no checkpoint may speak of an entry beyond.
 */
export class CheckpointWitness {
  readonly #name: string;
  readonly #checkpoints: AsyncIterator<Checkpoint, unknown>;
  readonly #keys: VerifyingKeys;
  /** The database's list is whole, so each must refer to the one before; a file has those of its own machine only. */
  readonly #linked: boolean;
  readonly #origin: KeyOrigin;
  #next: Checkpoint | undefined;
  #before: Checkpoint | undefined;
  #seq = 0;
  #started = false;
  #good = 0;
  /** Whoever keeps what was posted may have one twice, and then behind later ones. */
  readonly #lately = new Set<string>();

  constructor(name: string, checkpoints: AsyncIterable<Checkpoint>, keys: VerifyingKeys, { linked, origin = 'installation' }: WitnessOptions) {
    this.#name = name;
    this.#checkpoints = checkpoints[Symbol.asyncIterator]();
    this.#keys = keys;
    this.#linked = linked;
    this.#origin = origin;
  }

  /** Checkpoints found good so far. */
  get good(): number {
    return this.#good;
  }

  /** Called for each entry, in order. Returns at once for the many that were not signed. */
  see(seq: number, hash: string, entryId: string): Promise<AuditProblem | undefined> | undefined {
    return this.#started && (this.#next === undefined || this.#seq > seq) ? undefined : this.#compare(seq, hash, entryId);
  }

  /** Called after the last entry: is there a checkpoint beyond it? */
  async end(entries: number): Promise<AuditProblem | undefined> {
    const problem = this.#started ? undefined : await this.#advance();
    if (problem || !this.#next) return problem;
    const { seq, at } = this.#next;
    const first = entries + 1;
    return {
      kind: 'truncated',
      seq: String(first),
      message: `The entries from ${first} to at least ${seq} are missing: the chain ends before them, and ${this.#name.toLowerCase()} has a checkpoint of entry ${seq}, signed at ${at}.`,
    };
  }

  async #compare(seq: number, hash: string, entryId: string): Promise<AuditProblem | undefined> {
    if (!this.#started) {
      const problem = await this.#advance();
      if (problem) return problem;
    }
    while (this.#next && this.#seq <= seq) {
      const checkpoint = this.#next;
      if (this.#seq < seq) {
        return this.#problem(checkpoint, `comes after one of a later entry: the chain was cut off there once, and grew again`);
      }
      if (checkpoint.hash !== hash) {
        const text = `The entry ${entryId} (number ${seq}) is not the one that was signed at ${checkpoint.at}: it, or entries before it, were rewritten.`;
        return { kind: 'checkpoint', seq: String(seq), entryId, message: text };
      }
      this.#remember(checkpoint);
      this.#good += 1;
      const problem = await this.#advance();
      if (problem) return problem;
    }
    return undefined;
  }

  async #advance(): Promise<AuditProblem | undefined> {
    this.#started = true;
    do {
      const { done, value } = await this.#checkpoints.next();
      this.#next = done ? undefined : (value as Checkpoint);
    } while (this.#next && this.#lately.has(JSON.stringify(this.#next)));
    if (!this.#next) return undefined;
    this.#seq = Number(this.#next.seq);
    const bad = signatureProblem(this.#keys, this.#next, this.#origin) ?? this.#orderProblem(this.#next, this.#before);
    if (bad) return this.#problem(this.#next, bad);
    if (this.#linked && this.#next.previous !== (this.#before?.signature ?? null)) {
      return this.#problem(this.#next, 'does not follow the one before it: a checkpoint between them was removed or changed');
    }
    this.#before = this.#next;
    return undefined;
  }

  /** Whoever got hold of an old key must not be able to sign what came after it. */
  #orderProblem({ keyId }: Checkpoint, before: Checkpoint | undefined): string | undefined {
    const rank = (id: string | undefined): number => this.#keys.findIndex((key) => key.keyId === id);
    if (rank(keyId) >= rank(before?.keyId)) return undefined;
    const order = this.#origin === 'given' ? ', by the order in which you gave the keys: the oldest comes first' : '';
    return `was signed with the key ${keyId}, which had been replaced by ${before?.keyId} before${order}`;
  }

  #remember(checkpoint: Checkpoint): void {
    this.#lately.add(JSON.stringify(checkpoint));
    const [oldest] = this.#lately;
    if (oldest !== undefined && this.#lately.size > LATELY) this.#lately.delete(oldest);
  }

  #problem({ seq, at }: Checkpoint, what: string): AuditProblem {
    return { kind: 'checkpoint', seq, message: `${this.#name} has a checkpoint of entry ${seq}, of ${at}, that ${what}.` };
  }
}
