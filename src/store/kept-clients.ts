import type pg from 'pg';

/** What a pool gives: node-postgres calls it a client. */
export type Kept = pg.PoolClient;

interface Waiter {
  readonly take: (client: Kept) => void;
  readonly refuse: (error: unknown) => void;
  /** When it began to wait. */
  readonly since: number;
}

export interface KeptClientsOptions {
  /** Clients at the most. */
  readonly size: number;
  /**
   * Clients at work at once, as long as nobody waits for long. Where the server shares the processors with us, more only
   * take turns: each statement takes longer, and all together too.
   */
  readonly busy: number;
  /** How long a request waits for one, in milliseconds. */
  readonly waitMs: number;
  /** After this long without use a client goes back to the pool, in milliseconds. */
  readonly idleMs: number;
}

/** Who has waited for so long, in milliseconds, is let in beside the others: theirs are slow statements. */
const LATE_MS = 100;

/**
 * Clients of a pool that are handed from one read to the next. The pool connects, checks and ends them; to go through it
 * for each of thousands of reads a second, with timers of its own each time, would cost more than the rest of a small read
 * does in this process.
 */
export class KeptClients {
  readonly #pool: pg.Pool;
  readonly #options: KeptClientsOptions;
  /** The most recently used last: its session has what it needs at hand. */
  readonly #idle: Kept[] = [];
  readonly #since = new WeakMap<Kept, number>();
  readonly #waiting: Waiter[] = [];
  readonly #reaper: NodeJS.Timeout;
  #taken = 0;
  #closed = false;
  #watch: NodeJS.Timeout | undefined;

  constructor(pool: pg.Pool, options: KeptClientsOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#reaper = setInterval(() => this.#reap(), options.idleMs / 2).unref();
  }

  /** One that is idle, at once; else a new one, or the next that is given back. */
  take(): Kept | Promise<Kept> {
    // A closed pool refuses by itself.
    if (this.#closed) return this.#connect();
    return this.#inUse < this.#options.busy ? (this.#idle.pop() ?? this.#connect()) : this.#wait();
  }

  /** @param broken why it must not be used again */
  give(client: Kept, broken?: Error): void {
    if (broken) return this.#end(client, broken);
    const [waiter] = this.#waiting;
    if (waiter && (this.#inUse <= this.#options.busy || isLate(waiter))) {
      this.#waiting.shift();
      return waiter.take(client);
    }
    if (this.#closed) return client.release();
    this.#since.set(client, performance.now());
    this.#idle.push(client);
  }

  /** Gives back to the pool what is idle, and what is in use as soon as it is not; the pool can end then. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#reaper);
    for (const client of this.#idle.splice(0)) client.release();
  }

  get #inUse(): number {
    return this.#taken - this.#idle.length;
  }

  async #connect(): Promise<Kept> {
    this.#taken += 1;
    try {
      const client = await this.#pool.connect();
      // One that is cut while it is idle.
      client.once('end', () => this.#drop(client));
      return client;
    } catch (error) {
      this.#taken -= 1;
      // Whoever waits must be told as well, and not only when their time is over.
      this.#serveWaiting();
      throw error;
    }
  }

  /** Whoever waits longest gets one, or is told why there is none; who gave up meanwhile leaves it to the next. */
  #serveWaiting(): boolean {
    if (this.#waiting.length === 0 || this.#inUse >= this.#limit) return false;
    const client = this.#idle.pop();
    if (client) this.#waiting.shift()?.take(client);
    else {
      this.#connect().then(
        (made) => this.give(made),
        (error: unknown) => this.#waiting.shift()?.refuse(error),
      );
    }
    return true;
  }

  /** How many may be at work now. */
  get #limit(): number {
    const [first] = this.#waiting;
    return first && isLate(first) ? this.#options.size : this.#options.busy;
  }

  async #wait(): Promise<Kept> {
    const { promise, resolve, reject } = Promise.withResolvers<Kept>();
    this.#waiting.push({ take: resolve, refuse: reject, since: performance.now() });
    this.#watch ??= setInterval(() => this.#relieve(), LATE_MS / 2);
    return await promise;
  }

  /** One timer for all who wait: lets in those who are late, and refuses those whose time is over. */
  #relieve(): void {
    const over = performance.now() - this.#options.waitMs;
    while (this.#waiting[0] && this.#waiting[0].since < over)
      this.#waiting.shift()?.refuse(new Error('timeout: no connection to the database was free in time'));
    for (let left = this.#waiting.length; left > 0 && this.#serveWaiting(); left -= 1);
    if (this.#waiting.length > 0) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  #end(client: Kept, broken: Error): void {
    client.release(broken);
    this.#taken -= 1;
    this.#serveWaiting();
  }

  #drop(client: Kept): void {
    const place = this.#idle.indexOf(client);
    if (place < 0) return;
    this.#idle.splice(place, 1);
    this.#end(client, new Error('the connection was cut'));
  }

  #reap(): void {
    const since = performance.now() - this.#options.idleMs;
    while (this.#idle[0] && (this.#since.get(this.#idle[0]) ?? 0) < since) {
      const client = this.#idle.shift();
      client?.release();
      this.#taken -= 1;
    }
  }
}

function isLate({ since }: Waiter): boolean {
  return performance.now() - since > LATE_MS;
}
