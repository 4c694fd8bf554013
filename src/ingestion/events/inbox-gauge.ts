import { HeadgateError } from '../../kernel/index.js';
import type { Database } from '../../store/index.js';

/** A count is good for so long, and for so many times as long as it took: it must not become work of its own. */
const GOOD_MS = 1_000;
const SHARE = 50;
/** Seconds: until then collectors may have taken some. */
const RETRY_AFTER = 30;

interface Count {
  waiting: number;
  goodUntil: number;
  asking: Promise<void> | undefined;
}

/** How many events of each source wait, nearly: so that a source whose collectors stand still does not fill the disk. */
export class InboxGauge {
  readonly #database: Pick<Database, 'query'>;
  readonly #counts = new Map<string, Count>();

  constructor(database: Pick<Database, 'query'>) {
    this.#database = database;
  }

  /** @throws HeadgateError UNAVAILABLE with `retryAfter` (seconds) when as many wait as may */
  async admit(source: string, events: number, maxWaiting: number): Promise<void> {
    const known = this.#counts.get(source);
    const count = known ?? { waiting: 0, goodUntil: 0, asking: undefined };
    this.#counts.set(source, count);
    if (performance.now() > count.goodUntil) {
      count.asking ??= this.#ask(source, count, maxWaiting).finally(() => (count.asking = undefined));
      // The first one waits for it; later ones rely on the last.
      if (!known) await count.asking;
      else count.asking.catch(() => undefined);
    }
    if (count.waiting >= maxWaiting) {
      throw new HeadgateError('UNAVAILABLE', 'As many events of this source wait for their collectors as may. Nothing was taken: send it again later.', {
        reason: 'inbox',
        retryAfter: RETRY_AFTER,
      });
    }
    count.waiting += events;
  }

  async #ask(source: string, count: Count, maxWaiting: number): Promise<void> {
    const began = performance.now();
    const [row] = await this.#database.query<{ n: number }>('SELECT count(*)::int AS n FROM (SELECT FROM headgate.inbox WHERE source = $1 LIMIT $2) AS w', [
      source,
      maxWaiting,
    ]);
    const now = performance.now();
    count.waiting = row?.n ?? 0;
    count.goodUntil = now + Math.max(GOOD_MS, SHARE * (now - began));
  }
}
