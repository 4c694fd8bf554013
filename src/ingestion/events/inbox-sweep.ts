import { isHeld, loadHolds } from '../../catalog/index.js';
import { messageOf, type Log } from '../../kernel/index.js';
import type { Database, Transaction } from '../../store/index.js';
import type { FieldCipher } from '../../vault/index.js';
import { deletePassed, readInbox } from './inbox-reader.js';
import { hasWord, heldPersons } from './inbox-subjects.js';

const EVERY_MS = 10_000;
const SOME = 10_000;
/** Events whose collectors were all removed are kept so long: one may come back. */
const ORPHANS_DAYS = 7;
/** What holds keep of them is looked into anew only so often. */
const HELD_LOOK_MS = 10 * 60_000;
/** Events that are looked into at a time. */
const STRETCH = { rows: 2_000, bytes: 16 * 1024 ** 2 };

interface InboxSweepOptions {
  readonly database: Pick<Database, 'query' | 'transaction'>;
  readonly cipher: Pick<FieldCipher, 'contents'>;
  readonly log: Log;
}

/** Deletes what nobody waits for any more: events that all collectors have passed, and ids that are old. */
export class InboxSweep {
  readonly #database: InboxSweepOptions['database'];
  readonly #cipher: InboxSweepOptions['cipher'];
  readonly #log: Log;
  /** By source, when its orphans are looked into again. */
  readonly #nextLook = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> | undefined;

  constructor({ database, cipher, log }: InboxSweepOptions) {
    this.#database = database;
    this.#cipher = cipher;
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
      else await this.#deleteOrphans(source);
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
  /** A legal hold keeps those in which somebody whom it is on may be; one on a dataset all, since nobody knows any more where they would have gone. */
  async #deleteOrphans(source: string): Promise<void> {
    if (performance.now() < (this.#nextLook.get(source) ?? 0)) return;
    await this.#database.transaction(async (tx) => {
      const holds = (await loadHolds(tx)).filter((hold) => isHeld(hold));
      if (holds.length > 0) this.#nextLook.set(source, performance.now() + HELD_LOOK_MS);
      if (holds.some(({ datasets }) => datasets !== undefined)) return;
      const held = await heldPersons(tx);
      const keeps = held.size === 0 ? [] : await this.#about(tx, source, held);
      await tx.query('DELETE FROM headgate.inbox WHERE source = $1 AND received_at < now() - make_interval(days => $2) AND id <> ALL ($3::bigint[])', [
        source,
        ORPHANS_DAYS,
        keeps,
      ]);
    });
  }

  async #about(tx: Transaction, source: string, held: ReadonlyMap<string, string>): Promise<readonly string[]> {
    const found: string[] = [];
    for (let after: string | undefined = '0'; after !== undefined;) {
      const { events, last }: Awaited<ReturnType<typeof readInbox>> = await readInbox(tx, this.#cipher, { source, after, ...STRETCH });
      found.push(...events.filter((event) => hasWord(event, (text) => held.has(text))).map(({ id }) => id));
      after = last;
    }
    return found;
  }
}
