import KeyvRedis, { createClient } from '@keyv/redis';
import { Keyv } from 'keyv';
import { messageOf, type Log } from '../kernel/index.js';

/** A read waits for Redis at most so long: the database can answer by itself. */
const ANSWER_MS = 50;
/** After Redis was too slow it is left alone for so long. */
const PAUSE_MS = 1_000;
/** Values on their way at the most; what comes above it is not kept. */
const MOST_WRITES = 64;
const CONNECT_MS = 1_000;
const WARN_MS = 60_000;

/**
 * Texts in Redis. Nothing here rejects or waits for long: without Redis there is nothing kept, and a warning in the log once
 * a minute.
 */
export class RedisAnswers {
  readonly #client: ReturnType<typeof clientOf>;
  readonly #keyv: Keyv<string>;
  readonly #log: Log;
  #pausedUntil = 0;
  #writes = 0;
  #warnedAt = -WARN_MS;
  #closed = false;

  private constructor(url: string, namespace: string, log: Log) {
    this.#log = log;
    this.#client = clientOf(url);
    const store = new KeyvRedis<string>(this.#client, { namespace });
    // The store adds the namespace to each key by itself.
    this.#keyv = new Keyv<string>(store, { namespace, useKeyPrefix: false });
    this.#keyv.on('error', (error) => this.#warn(error));
  }

  /** Waits for the first connection a second at the most; it goes on trying after that. */
  static async connect(url: string, namespace: string, log: Log): Promise<RedisAnswers> {
    const answers = new RedisAnswers(url, namespace, log);
    const connected = answers.#client.connect().catch((error: unknown) => answers.#warn(error));
    await within(CONNECT_MS, connected, undefined);
    return answers;
  }

  async get(key: string): Promise<string | undefined> {
    if (!this.#isUsable) return undefined;
    const found: unknown = await this.#bounded(this.#keyv.get(key));
    // Others can write there too.
    return typeof found === 'string' ? found : undefined;
  }

  /** @param make the text: it is made only if it can be sent */
  set(key: string, make: () => string, ttlMs: number): void {
    if (!this.#isUsable || this.#writes >= MOST_WRITES) return;
    this.#writes += 1;
    void this.#bounded(this.#keyv.set(key, make(), ttlMs).finally(() => (this.#writes -= 1)));
  }

  close(): void {
    this.#closed = true;
    // Open is also one that tries to connect.
    if (this.#client.isOpen) this.#client.destroy();
  }

  get #isUsable(): boolean {
    return !this.#closed && this.#client.isReady && performance.now() >= this.#pausedUntil;
  }

  async #bounded<T>(work: Promise<T>): Promise<T | undefined> {
    const late = Symbol('late');
    try {
      const result = await within(ANSWER_MS, work, late);
      if (result !== late) return result as T;
      this.#pausedUntil = performance.now() + PAUSE_MS;
      this.#warn(new Error(`no answer within ${ANSWER_MS} ms`));
    } catch (error) {
      this.#warn(error);
    }
    return undefined;
  }

  #warn(error: unknown): void {
    const now = performance.now();
    if (this.#closed || now - this.#warnedAt < WARN_MS) return;
    this.#warnedAt = now;
    // Its messages can name the URL, which can hold a password.
    const reason = error instanceof Error && 'code' in error ? String(error.code) : error instanceof Error ? error.name : messageOf(error);
    this.#log.warn({ reason }, 'Redis (REDIS_URL) does not answer: answers are kept in this process alone');
  }
}

function clientOf(url: string) {
  return createClient({
    url,
    // What waits for a connection would be answered too late.
    disableOfflineQueue: true,
    commandsQueueMaxLength: 1_000,
    socket: { connectTimeout: CONNECT_MS, reconnectStrategy: (attempts) => Math.min(100 * 2 ** Math.min(attempts, 5), 2_000) },
  });
}

async function within<T, Late>(ms: number, work: Promise<T>, late: Late): Promise<T | Late> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<Late>((resolve) => {
    timer = setTimeout(() => resolve(late), ms);
  });
  // When it is late nobody waits for its failure.
  work.catch(() => undefined);
  return Promise.race([work, timeout]).finally(() => clearTimeout(timer));
}
