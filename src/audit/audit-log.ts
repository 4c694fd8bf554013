import { setTimeout as sleep } from 'node:timers/promises';
import { HeadgateError, messageOf, type Log } from '../kernel/index.js';
import type { Database, Transaction } from '../store/index.js';
import { EntryWriter, INSERT_PENDING, pendingValues, type EntryJson } from './entry-writer.js';
import type { AuditFact } from './fact.js';

export interface AuditLogOptions {
  readonly database: Database;
  readonly log: Log;
  /** `strict`: `record` resolves when the entry is durable. `async`: at once, and the entry follows. */
  readonly mode: 'strict' | 'async';
  /** Entries that one statement writes at the most. */
  readonly maxBatch?: number;
  /** Entries that may wait to be written; above it `record` rejects. */
  readonly maxWaiting?: number;
  /** How long one write may take with all its attempts, and how long `close` tries, in milliseconds. */
  readonly timeoutMs?: number;
}

interface Waiting {
  readonly entry: EntryJson;
  readonly done: () => void;
  readonly failed: (error: HeadgateError) => void;
}

/** Attempts at one batch before its requests are refused: a backend that was killed costs one, a server that is down all. */
const ATTEMPTS = 3;
const BETWEEN_ATTEMPTS_MS = 50;
const LONGEST_PAUSE_MS = 5_000;
/**
 * Statements under way at a time. With one, an act that comes while it waits for the disk waits until it is answered and
 * the next is sent; a second one is at the server already when the first is done.
 */
const WRITES_AT_ONCE = 2;
/** A disk that is done sooner than this is not worth a second statement: acts that come meanwhile share the next one. */
const SOON_MS = 0.5;

/**
 * Writes acts to the record by group commit: a few statements are under way at a time, and the next takes with it all acts
 * that came meanwhile; so a thousand concurrent reads cost a few commits, and one read alone waits for no timer.
 */
export class AuditLog {
  readonly #database: Database;
  readonly #log: Log;
  readonly #mode: 'strict' | 'async';
  readonly #maxBatch: number;
  readonly #maxWaiting: number;
  readonly #timeoutMs: number;
  readonly #writer = new EntryWriter();
  #waiting: Waiting[] = [];
  readonly #writes = new Set<Promise<void>>();
  #isDue = false;
  /** When the last statement began, on the clock of `performance`. */
  #began = 0;
  #closed = false;
  readonly #closing = new AbortController();

  constructor({ database, log, mode, maxBatch = 1000, maxWaiting = 50_000, timeoutMs = 10_000 }: AuditLogOptions) {
    this.#database = database;
    this.#log = log;
    this.#mode = mode;
    this.#maxBatch = maxBatch;
    this.#maxWaiting = maxWaiting;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Strict: the entry is committed when this resolves. Async: it is in a bounded buffer, and is tried until it is written.
   * @throws HeadgateError UNAVAILABLE when it can't be written, or too many entries wait already: the act must not go on.
   */
  async record(fact: AuditFact): Promise<void> {
    if (this.#closed) throw unavailable('The audit log is closed: the process is stopping');
    if (this.#waiting.length >= this.#maxWaiting) throw unavailable('More acts wait to be recorded than there is room for');
    const entry = this.#writer.write(fact);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const durable = this.#mode === 'strict';
    this.#waiting.push({ entry, done: resolve, failed: durable ? reject : () => resolve() });
    this.#writeSoon();
    if (durable) await promise;
  }

  /** Writes the entries in the caller's transaction: they are durable when it commits, and gone when it rolls back. */
  async recordIn(tx: Transaction, ...facts: readonly AuditFact[]): Promise<void> {
    if (facts.length === 0) return;
    await tx.query(INSERT_PENDING, pendingValues(facts.map((fact) => this.#writer.write(fact))));
  }

  /** The values of `INSERT_PENDING` for acts that another statement puts on the record, beside what it does. */
  valuesFor(facts: readonly AuditFact[]): readonly [id: string | undefined, size: number, entries: string] {
    return pendingValues(facts.map((fact) => this.#writer.write(fact)));
  }

  /** Takes no more acts and writes those that wait; what can't be written in time is told to the log, by number. */
  async close(): Promise<void> {
    this.#closed = true;
    const timer = setTimeout(() => this.#closing.abort(), this.#timeoutMs);
    while (this.#writes.size > 0 || this.#waiting.length > 0) {
      this.#writeMore();
      await Promise.race(this.#writes);
    }
    clearTimeout(timer);
  }

  /** Acts of the same turn of the event loop belong into the same statement. */
  #writeSoon(afterMs = 0): void {
    if (this.#isDue) return;
    this.#isDue = true;
    const due = (): void => {
      this.#isDue = false;
      this.#writeMore();
    };
    if (afterMs > 0) setTimeout(due, afterMs);
    else setImmediate(due);
  }

  #writeMore(): void {
    while (this.#waiting.length > 0 && this.#writes.size < WRITES_AT_ONCE) {
      const now = performance.now();
      if (this.#writes.size > 0 && now - this.#began < SOON_MS) return this.#writeSoon(SOON_MS);
      this.#began = now;
      const batch = this.#waiting.slice(0, this.#maxBatch);
      this.#waiting = this.#waiting.slice(batch.length);
      const write = (this.#mode === 'strict' ? this.#writeOrRefuse(batch) : this.#writeInTheEnd(batch)).finally(() => {
        this.#writes.delete(write);
        this.#writeMore();
      });
      this.#writes.add(write);
    }
  }

  async #writeOrRefuse(batch: readonly Waiting[]): Promise<void> {
    try {
      await this.#write(batch, ATTEMPTS);
    } catch (cause) {
      this.#log.error({ entries: batch.length, reason: messageOf(cause) }, 'audit entries could not be written: their requests are refused');
      for (const { failed } of batch) failed(unavailable('The act could not be put on the record, so it was not carried out', cause));
    }
  }

  async #writeInTheEnd(batch: readonly Waiting[]): Promise<void> {
    for (let pause = 100; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        return await this.#write(batch, 1);
      } catch (cause) {
        const { signal } = this.#closing;
        if (signal.aborted) {
          this.#log.error(
            { entries: batch.length, reason: messageOf(cause) },
            'audit entries were lost: the database could not be reached until the process stopped',
          );
          return;
        }
        this.#log.warn({ entries: batch.length, reason: messageOf(cause) }, 'audit entries could not be written yet');
        await sleep(pause, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Rejects when the batch could not be written. */
  async #write(batch: readonly Waiting[], attempts: number): Promise<void> {
    const values = pendingValues(batch.map(({ entry }) => entry));
    const end = Date.now() + this.#timeoutMs;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#insert(values, end - Date.now());
        break;
      } catch (error) {
        if (attempt >= attempts || Date.now() + BETWEEN_ATTEMPTS_MS >= end) throw error;
        await sleep(BETWEEN_ATTEMPTS_MS);
      }
    }
    for (const { done } of batch) done();
  }

  async #insert(values: readonly unknown[], timeoutMs: number): Promise<void> {
    // The statement has its own limit, and so has the wait for a session; this one covers both.
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('the database did not write in time')), timeoutMs);
    });
    try {
      await Promise.race([this.#database.writes.run({ name: 'audit-insert', text: INSERT_PENDING, values }), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function unavailable(what: string, cause?: unknown): HeadgateError {
  return new HeadgateError('UNAVAILABLE', `${what}. Try again later.`, {}, { cause });
}
