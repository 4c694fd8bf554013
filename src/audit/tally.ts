import { messageOf, type Log } from '../kernel/index.js';
import type { Actor, AuditFact } from './fact.js';

export interface TallyOptions {
  readonly audit: { record(fact: AuditFact): Promise<void> };
  readonly log: Log;
  /** Called for each refusal, counted or not. */
  readonly onRefusal?: (reason: string) => void;
  /** How long refusals are counted before their entry is written, in milliseconds. */
  readonly everyMs?: number;
}

interface Count {
  readonly actor: Actor;
  readonly code: string;
  readonly reason: string;
  count: number;
}

const SECOND_MS = 1_000;
/** Entries of one second at the most; whoever comes then is counted under one name. */
const MOST = 500;
const OTHERS: Actor = { subject: 'others', roles: [] };

/**
 * Puts refusals that come in floods on the record: one entry a second for each actor and reason, with their number. An entry
 * each would let whoever is refused write as fast as the disk can.
 */
export class Tally {
  readonly #options: TallyOptions;
  #counts = new Map<string, Count>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: TallyOptions) {
    this.#options = options;
  }

  /** Never throws and never waits. */
  note(actor: Actor, { code, reason }: { readonly code: string; readonly reason: string }): void {
    this.#options.onRefusal?.(reason);
    const key = `${reason} ${actor.subject}`;
    const found = this.#counts.get(key);
    if (found) found.count += 1;
    else if (this.#counts.size < MOST) this.#counts.set(key, { actor, code, reason, count: 1 });
    else this.#noteOther(code, reason);
    this.#timer ??= setTimeout(() => this.#flush(), this.#options.everyMs ?? SECOND_MS);
  }

  /** Writes what was counted. */
  async close(): Promise<void> {
    this.#flush();
    await this.#writing;
  }

  #noteOther(code: string, reason: string): void {
    const key = `${reason} of others`;
    const others = this.#counts.get(key) ?? { actor: OTHERS, code, reason, count: 0 };
    others.count += 1;
    this.#counts.set(key, others);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const counts = [...this.#counts.values()];
    this.#counts = new Map();
    this.#writing = Promise.all([this.#writing, ...counts.map((count) => this.#write(count))]).then(() => undefined);
  }

  async #write({ actor, code, reason, count }: Count): Promise<void> {
    const { subject, roles, purpose } = actor;
    try {
      await this.#options.audit.record({
        actor: { subject, roles, ...(purpose !== undefined && { purpose }) },
        action: 'limit',
        decision: 'DENIED',
        details: { code, reason, count },
      });
    } catch (error) {
      // Nobody waits for it: what was refused stays refused.
      this.#options.log.warn({ reason, count, cause: messageOf(error) }, 'refusals for limits could not be put on the record');
    }
  }
}
