import { messageOf, type Log } from '../../kernel/index.js';
import type { Database } from '../../store/index.js';
import { deletePassed } from './inbox-reader.js';

const EVERY_MS = 10_000;
const SOME = 10_000;
/** Events whose collectors were all removed are kept so long: one may come back. */
const ORPHANS_DAYS = 7;

/** Deletes what nobody waits for any more: events that all collectors have passed, and ids that are old. */
export class InboxSweep {
  readonly #database: Pick<Database, 'query'>;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> | undefined;

  constructor({ database, log }: { readonly database: Pick<Database, 'query'>; readonly log: Log }) {
    this.#database = database;
    this.#log = log;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#sweeping ??= this.sweep()
        .catch((error: unknown) => this.#log.warn({ reason: messageOf(error) }, 'the inbox of events could not be swept; it is tried again'))
        .finally(() => (this.#sweeping = undefined));
    }, EVERY_MS);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sweeping;
  }

  async sweep(): Promise<void> {
    const database = this.#database;
    const sources = await database.query<{ source: string }>(
      `WITH RECURSIVE each AS (
         (SELECT source FROM headgate.inbox ORDER BY source LIMIT 1)
         UNION ALL SELECT (SELECT i.source FROM headgate.inbox i WHERE i.source > each.source ORDER BY i.source LIMIT 1) FROM each WHERE each.source IS NOT NULL
       ) SELECT source FROM each WHERE source IS NOT NULL`,
    );
    const collected = new Set(
      (await database.query<{ source: string }>("SELECT DISTINCT spec ->> 'source' AS source FROM headgate.collector")).map(({ source }) => source),
    );
    for (const { source } of sources) {
      if (collected.has(source)) await deletePassed(database, source);
      else await database.query('DELETE FROM headgate.inbox WHERE source = $1 AND received_at < now() - make_interval(days => $2)', [source, ORPHANS_DAYS]);
    }
    for (let gone = SOME; gone === SOME;) {
      gone = (
        await database.query(
          `DELETE FROM headgate.inbox_seen WHERE key = ANY (ARRAY(
             SELECT key FROM headgate.inbox_seen WHERE expires_at < now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING 1`,
          [SOME],
        )
      ).length;
    }
  }
}
