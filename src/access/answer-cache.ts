import { createHmac } from 'node:crypto';
import type { Keepable } from './keepable.js';

/** The columns of the one row that a compiled read gives, as PostgreSQL sent them; none where there is no such row. */
export type Columns = readonly (string | null)[];

/** Where answers are kept. It may forget any at any time. */
export interface AnswerStore {
  /** Undefined when it has none. It never rejects: what can't be reached has none. */
  get(key: string): Promise<Columns | undefined>;
  /** Resolves when it is found by who asks next, in this process. It never rejects: what can't be kept is not. */
  set(key: string, columns: Columns, ttlMs: number): Promise<void>;
}

export interface AnswerCacheOptions {
  readonly store: AnswerStore;
  /** See `DataChanges.markOf`. */
  readonly markOf: (datasetId: string) => string | undefined;
  /** Of this installation alone: another one's answers have other keys, and nobody without it can guess at what was asked. */
  readonly secret: () => Buffer;
}

/** All that an answer depends on, beside the rows. */
export interface Cause {
  readonly keepable: Keepable;
  /** The hash of the statement's text. */
  readonly statement: string;
  /** Of all its parameters: what the request gave, claims that row filters read, keys of masks. */
  readonly values: readonly unknown[];
  readonly catalogVersion: string;
}

/** What happened since the process began. */
export interface AnswerCounts {
  /** Answers that were there. */
  hits: number;
  /** Answers that another request was waiting for already. */
  joined: number;
  /** Answers that had to be read. */
  misses: number;
}

/**
 * Governed answers, each under a key of all that it depends on: the statement and its values, the decisions that it was made
 * by, the catalog, and the rows of each dataset in it, by their marks. Who asks is no part of it: those whose statement and
 * values are equal may see the same, and share.
 *
 * The marks are taken before the read. A read that began after a mark was heard sees those rows or later ones, so under a key
 * there is never an answer older than its marks say; a change that was heard makes another key, and what is under the old
 * one is found by nobody. Until a process has heard (of its own loads at once, of others' within milliseconds), it gives what
 * was right a moment ago. This holds for reads from the primary only: a replica may not have yet what was heard.
 */
export class AnswerCache {
  readonly counts: AnswerCounts = { hits: 0, joined: 0, misses: 0 };
  readonly #options: AnswerCacheOptions;
  readonly #flights = new Map<string, Promise<{ columns: Columns; cached: boolean }>>();

  constructor(options: AnswerCacheOptions) {
    this.#options = options;
  }

  /**
   * The kept answer, or the one that `read` gives. Requests for the same at one time share one read, and its failure.
   * `cached` says whether it was read for this request.
   */
  async answer(cause: Cause, read: () => Promise<Columns>): Promise<{ readonly columns: Columns; readonly cached: boolean }> {
    const marks = this.#marksOf(cause);
    if (marks === undefined) return { columns: await read(), cached: false };
    const key = this.#keyOf(cause, marks);
    const flight = this.#flights.get(key);
    if (flight) {
      this.counts.joined += 1;
      return { columns: (await flight).columns, cached: true };
    }
    const own = this.#findOrRead(key, marks, cause, read).finally(() => this.#flights.delete(key));
    this.#flights.set(key, own);
    return await own;
  }

  async #findOrRead(key: string, marks: string, cause: Cause, read: () => Promise<Columns>): Promise<{ columns: Columns; cached: boolean }> {
    const { store } = this.#options;
    const found = await store.get(key);
    if (found !== undefined) {
      this.counts.hits += 1;
      return { columns: found, cached: true };
    }
    this.counts.misses += 1;
    const columns = await read();
    // After a change nobody here will ask for the old key again.
    if (this.#marksOf(cause) === marks) await store.set(key, columns, cause.keepable.ttlMs);
    return { columns, cached: false };
  }

  /** Undefined while one of the datasets is not known yet. */
  #marksOf({ keepable }: Cause): string | undefined {
    let marks = '';
    for (const id of keepable.datasets) {
      const mark = this.#options.markOf(id);
      if (mark === undefined) return undefined;
      marks += `${id} ${mark} `;
    }
    return marks;
  }

  #keyOf({ keepable, statement, values, catalogVersion }: Cause, marks: string): string {
    // JSON, so that no value can pass for two.
    const parts = JSON.stringify([statement, catalogVersion, marks, keepable.fingerprints, values.map(plain)]);
    return createHmac('sha256', this.#options.secret()).update(parts).digest('base64url');
  }
}

function plain(value: unknown): unknown {
  return Buffer.isBuffer(value) ? { bytes: value.toString('base64') } : value;
}
