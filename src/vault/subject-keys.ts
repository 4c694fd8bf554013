import type { KeyRing, Notifications, Transaction } from '../store/index.js';
import { KeptKeys } from './kept-keys.js';
import { findKeys, obtainKeys, SUBJECT_KEYS } from './key-table.js';
import type { Queryable } from './queryable.js';
import { subjectReference } from './subject-reference.js';

/** The payload is the reference of the subject whose key was destroyed. */
const KEYS_CHANNEL = 'headgate_keys';

/**
 * How long a process uses a key without asking for it again. A destroyed one is told of at once; where that is not heard,
 * since the connection was cut at that moment, it is gone after this.
 */
const LIFE_MS = 1_500;

export interface SubjectKeysOptions {
  readonly database: Queryable;
  readonly keyRing: KeyRing;
}

/**
 * A key of its own for each person that rows are about, wrapped by the master key, in a table that is kept apart from the
 * data. Without the key nothing that it encrypted can be read, wherever it is: to destroy it is to erase that everywhere.
 */
export class SubjectKeys {
  readonly #database: Queryable;
  readonly #ring: KeyRing;
  readonly #kept: KeptKeys;
  #stopListening: (() => void) | undefined;

  constructor({ database, keyRing }: SubjectKeysOptions) {
    this.#database = database;
    this.#ring = keyRing;
    this.#kept = new KeptKeys(keyRing, SUBJECT_KEYS.label, LIFE_MS);
  }

  /** From then on keys that other processes destroy are forgotten at once. */
  async listen(notifications: Notifications): Promise<void> {
    this.#stopListening = await notifications.listen(
      KEYS_CHANNEL,
      (reference) => this.#kept.drop(reference),
      () => this.#kept.clear(),
    );
  }

  close(): void {
    this.#stopListening?.();
    this.#kept.clear();
  }

  /**
   * The keys of these subjects to encrypt with, each made when there is none. The table is asked each time: what is encrypted
   * with a key that was just destroyed would be lost.
   */
  async obtain(subjects: Iterable<string>): Promise<ReadonlyMap<string, Buffer>> {
    const references = this.#referencesOf(subjects);
    const wrapped = await obtainKeys(this.#database, SUBJECT_KEYS, this.#ring, [...references.values()]);
    return this.#unwrapped(references, wrapped);
  }

  /** The keys of those subjects that have one, to decrypt with. */
  async find(subjects: Iterable<string>): Promise<ReadonlyMap<string, Buffer>> {
    const found = new Map<string, Buffer>();
    const asked = new Map<string, string>();
    for (const [subject, reference] of this.#referencesOf(subjects)) {
      const kept = this.#kept.get(reference);
      if (kept) found.set(subject, kept);
      else asked.set(subject, reference);
    }
    if (asked.size === 0) return found;
    const wrapped = await findKeys(this.#database, SUBJECT_KEYS, [...asked.values()]);
    for (const [subject, key] of this.#unwrapped(asked, wrapped)) found.set(subject, key);
    return found;
  }

  /**
   * Destroys the key of a subject: what was encrypted with it is null from the commit on, in all processes within two seconds,
   * and in every copy of the data. What is loaded about the subject afterwards gets another key. Returns how many keys there
   * were: 1 or 0.
   */
  async destroy(tx: Pick<Transaction, 'query'>, subject: string): Promise<number> {
    return this.destroyReferences(tx, [subjectReference(this.#ring, subject)]);
  }

  /** The same, of those of whom no more is known than the reference. */
  async destroyReferences(tx: Pick<Transaction, 'query'>, references: readonly string[]): Promise<number> {
    const gone = await tx.query<{ reference: string }>('DELETE FROM vault.subject_key WHERE reference = ANY ($1) RETURNING reference', [references]);
    // Heard when the transaction commits, by this process too.
    if (gone.length > 0)
      await tx.query('SELECT pg_notify($1, reference) FROM unnest($2::text[]) AS reference', [KEYS_CHANNEL, gone.map(({ reference }) => reference)]);
    return gone.length;
  }

  #referencesOf(subjects: Iterable<string>): Map<string, string> {
    return new Map([...new Set(subjects)].map((subject) => [subject, subjectReference(this.#ring, subject)]));
  }

  #unwrapped(references: ReadonlyMap<string, string>, wrapped: ReadonlyMap<string, Buffer>): Map<string, Buffer> {
    const keys = new Map<string, Buffer>();
    for (const [subject, reference] of references) {
      const found = wrapped.get(reference);
      const key = found && this.#kept.unwrapped(reference, found);
      if (key) keys.set(subject, key);
    }
    return keys;
  }
}
