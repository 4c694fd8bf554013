import { MoreThan } from 'typeorm';
import type { Log } from '../kernel/index.js';
import type { Database, Notifications } from '../store/index.js';
import { AuditEntryEntity } from './audit-entry.entity.js';
import { SEALED_CHANNEL } from './pending.js';

export interface AuditFeedOptions {
  readonly database: Pick<Database, 'query' | 'manager'>;
  readonly notifications: Notifications;
  readonly log: Log;
  /** How often it looks in case a notification was lost, in milliseconds. */
  readonly pollMs?: number;
}

/** Tells that entries were sealed, in whichever process, and reads them in their order. */
export class AuditFeed {
  readonly #options: AuditFeedOptions;
  readonly #listeners = new Set<() => void>();
  #head = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopListening: (() => void) | undefined;

  private constructor(options: AuditFeedOptions) {
    this.#options = options;
  }

  /** Rejects when the record can't be read. */
  static async start(options: AuditFeedOptions): Promise<AuditFeed> {
    const feed = new AuditFeed(options);
    const look = () => void feed.#look();
    feed.#stopListening = await options.notifications.listen(SEALED_CHANNEL, (payload) => feed.#note(Number(payload)), look);
    await feed.#read();
    feed.#timer = setInterval(look, options.pollMs ?? 5_000).unref();
    return feed;
  }

  /** The number of the last sealed entry that this process has heard of. */
  get head(): number {
    return this.#head;
  }

  /** `listener` is called when there are more. Returns the function that ends it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The first `most` entries after the one of this number, in the order of the chain. */
  async after(seq: number, most: number): Promise<AuditEntryEntity[]> {
    return this.#options.database.manager.find(AuditEntryEntity, { where: { seq: MoreThan(String(seq)) }, order: { seq: 'ASC' }, take: most });
  }

  close(): void {
    clearInterval(this.#timer);
    this.#stopListening?.();
    this.#listeners.clear();
  }

  async #look(): Promise<void> {
    try {
      await this.#read();
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the head of the audit could not be read: entries are told later');
    }
  }

  async #read(): Promise<void> {
    const [row] = await this.#options.database.query<{ head: number }>('SELECT coalesce(max(seq), 0)::float8 AS head FROM headgate.audit_entry');
    this.#note(row?.head ?? 0);
  }

  #note(head: number): void {
    if (!(head > this.#head)) return;
    this.#head = head;
    for (const listener of this.#listeners) listener();
  }
}
