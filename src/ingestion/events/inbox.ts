import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditFact } from '../../audit/index.js';
import { HeadgateError, isHeadgateError, messageOf, type Log } from '../../kernel/index.js';
import type { Database } from '../../store/index.js';
import type { Arrival, Receipt } from './arrival.js';
import { INSERT_EVENTS, inboxGroup } from './inbox-group.js';

export interface InboxOptions {
  readonly database: Pick<Database, 'arrivals' | 'query'>;
  readonly log: Log;
  /** The values of an audit entry's row for acts. */
  readonly pendingFor: (facts: readonly AuditFact[]) => readonly unknown[];
  /** Events, and bytes of them, that may wait for their commit; above it `receive` rejects. */
  readonly maxWaiting?: number;
  readonly maxWaitingBytes?: number;
  /** How long one group may take with all its attempts, in milliseconds. */
  readonly timeoutMs?: number;
}

interface Waiting {
  readonly arrival: Arrival;
  readonly bytes: number;
  readonly done: (receipts: readonly Receipt[]) => void;
  readonly failed: (error: unknown) => void;
}

/** Of one statement. */
const MOST_EVENTS = 5_000;
const MOST_BYTES = 8 * 1024 ** 2;
const ATTEMPTS = 3;
const BETWEEN_ATTEMPTS_MS = 50;
/** Seconds: whoever is refused for load can come again soon. */
const RETRY_AFTER = 1;

/**
 * Takes events by group commit: requests that come while one commit is under way go together into the next, so that
 * thousands of small events a second cost few transactions. Nothing is acknowledged before it is durable.
 */
export class Inbox {
  readonly #options: Required<InboxOptions>;
  #waiting: Waiting[] = [];
  #waitingEvents = 0;
  #waitingBytes = 0;
  /** One at a time: numbers are given under a lock, so that a second would wait for it, with half of the events. */
  #writing: Promise<void> | undefined;
  #isDue = false;
  #closed = false;

  constructor(options: InboxOptions) {
    this.#options = { maxWaiting: 50_000, maxWaitingBytes: 64 * 1024 ** 2, timeoutMs: 10_000, ...options };
  }

  /**
   * Resolves when the events of a request are committed, all of them together; or were before.
   * @throws HeadgateError UNAVAILABLE with `retryAfter` (seconds) when the database can't take them in time, or too many wait already
   */
  async receive(arrival: Arrival): Promise<readonly Receipt[]> {
    if (this.#closed) throw unavailable('The process is stopping');
    if (arrival.events.length === 0) return [];
    const bytes = arrival.events.reduce((sum, { content }) => sum + content.length, 0);
    const { maxWaiting, maxWaitingBytes } = this.#options;
    const isTooMuch = this.#waitingEvents + arrival.events.length > maxWaiting || this.#waitingBytes + bytes > maxWaitingBytes;
    if (isTooMuch && this.#waiting.length > 0) throw unavailable('More events wait to be written than there is room for');
    const { promise, resolve, reject } = Promise.withResolvers<readonly Receipt[]>();
    this.#waiting.push({ arrival, bytes, done: resolve, failed: reject });
    this.#waitingEvents += arrival.events.length;
    this.#waitingBytes += bytes;
    this.#writeSoon();
    return promise;
  }

  /** Takes no more, and resolves when what waits is written or refused. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#writing || this.#waiting.length > 0) {
      this.#writeMore();
      await this.#writing;
    }
  }

  /** Requests of the same turn of the event loop belong into the same statement. */
  #writeSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.#writeMore();
    });
  }

  #writeMore(): void {
    if (this.#writing || this.#waiting.length === 0) return;
    this.#writing = this.#write(this.#take()).finally(() => {
      this.#writing = undefined;
      this.#writeMore();
    });
  }

  #take(): readonly Waiting[] {
    let [events, bytes, count] = [0, 0, 0];
    for (const waiting of this.#waiting) {
      if (count > 0 && (events + waiting.arrival.events.length > MOST_EVENTS || bytes + waiting.bytes > MOST_BYTES)) break;
      events += waiting.arrival.events.length;
      bytes += waiting.bytes;
      count += 1;
    }
    const group = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    this.#waitingEvents -= events;
    this.#waitingBytes -= bytes;
    return group;
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    try {
      const before = await this.#insert(group.map(({ arrival }) => arrival));
      const receipts = receiptsOf(group, before, before.size === 0 ? new Map() : await this.#hashes(group, before));
      group.forEach(({ done }, i) => done(receipts[i] ?? []));
    } catch (cause) {
      this.#options.log.error(
        { requests: group.length, reason: isHeadgateError(cause) ? cause.code : messageOf(cause) },
        'events could not be written: their requests are refused',
      );
      for (const { failed } of group) failed(unavailable('The events could not be written', cause));
    }
  }

  /** The keys that were there before, in hex: of events, and of signed texts. */
  async #insert(arrivals: readonly Arrival[]): Promise<ReadonlySet<string>> {
    const { database, pendingFor, timeoutMs } = this.#options;
    const { values } = inboxGroup(arrivals, pendingFor);
    const end = Date.now() + timeoutMs;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const rows = await inTime(database.arrivals.run({ name: 'inbox-insert', text: INSERT_EVENTS, values }), end - Date.now());
        return new Set(rows.flatMap(([key]) => (typeof key === 'string' ? [key] : [])));
      } catch (error) {
        if (attempt >= ATTEMPTS || Date.now() + BETWEEN_ATTEMPTS_MS >= end) throw error;
        await sleep(BETWEEN_ATTEMPTS_MS);
      }
    }
  }

  /** What is known of the events that were there before: the hashes of their contents. */
  async #hashes(group: readonly Waiting[], before: ReadonlySet<string>): Promise<Map<string, string>> {
    const asked = group.flatMap(({ arrival }) => arrival.events.filter(({ key, hash }) => hash !== undefined && before.has(key)));
    if (asked.length === 0) return new Map();
    const rows = await this.#options.database.query<{ key: string; hash: string | null }>(
      "SELECT encode(key, 'hex') AS key, encode(hash, 'hex') AS hash FROM headgate.inbox_seen WHERE key = ANY ($1::bytea[])",
      [asked.map(({ key }) => Buffer.from(key, 'hex'))],
    );
    return new Map(rows.flatMap(({ key, hash }) => (hash === null ? [] : [[key, hash] as const])));
  }
}

/**
 * What became of the requests of one group, in their order.
 * @param before the keys that were there before, in hex
 * @param hashes of the events that were there before; those of the new ones are added
 */
function receiptsOf(group: readonly Waiting[], before: ReadonlySet<string>, hashes: Map<string, string>): readonly (readonly Receipt[])[] {
  // Of two that came together one was new.
  const given = new Set<string>();
  return group.map(({ arrival: { events, nonce } }) => {
    const nonceKey = nonce?.key;
    const isReplay = nonceKey !== undefined && (before.has(nonceKey) || given.has(nonceKey));
    if (nonceKey !== undefined) given.add(nonceKey);
    return events.map(({ id, key, hash }): Receipt => {
      if (isReplay) return { id, duplicate: true };
      const isNew = !before.has(key) && !given.has(key);
      given.add(key);
      if (hash === undefined) return { id, duplicate: !isNew };
      if (isNew) hashes.set(key, hash);
      const known = hashes.get(key);
      return { id, duplicate: !isNew, ...(known !== undefined && known !== hash && { conflict: true as const }) };
    });
  });
}

/** The statement has its own limit, and so has the wait for a session; this one covers both. */
async function inTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the database did not write in time')), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function unavailable(what: string, cause?: unknown): HeadgateError {
  return new HeadgateError('UNAVAILABLE', `${what}. Nothing was taken: send it again in a moment.`, { retryAfter: RETRY_AFTER }, { cause });
}
