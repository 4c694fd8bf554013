import type pg from 'pg';

/** What a pool gives: node-postgres calls it a client. */
export type Kept = pg.PoolClient;

interface Waiter {
  readonly take: (client: Kept) => void;
  readonly refuse: (error: unknown) => void;
}

export interface KeptClientsOptions {
  /** Clients at the most. */
  readonly size: number;
  /** How long a request waits for one, in milliseconds. */
  readonly waitMs: number;
  /** After this long without use a client goes back to the pool, in milliseconds. */
  readonly idleMs: number;
}

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

  constructor(pool: pg.Pool, options: KeptClientsOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#reaper = setInterval(() => this.#reap(), options.idleMs / 2).unref();
  }

  /** One that is idle, at once; else a new one, or the next that is given back. */
  take(): Kept | Promise<Kept> {
    // A closed pool refuses by itself.
    return this.#idle.pop() ?? (this.#closed || this.#taken < this.#options.size ? this.#connect() : this.#wait());
  }

  /** @param broken why it must not be used again */
  give(client: Kept, broken?: Error): void {
    if (broken) return this.#end(client, broken);
    const waiter = this.#waiting.shift();
    if (waiter) return waiter.take(client);
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
      this.#connectForWaiting();
      throw error;
    }
  }

  /** Whoever waits longest gets it, or is told why there is none; who gave up meanwhile leaves it to the next. */
  #connectForWaiting(): void {
    if (this.#waiting.length === 0 || this.#taken >= this.#options.size) return;
    this.#connect().then(
      (client) => this.give(client),
      (error: unknown) => this.#waiting.shift()?.refuse(error),
    );
  }

  async #wait(): Promise<Kept> {
    const { promise, resolve, reject } = Promise.withResolvers<Kept>();
    const waiter: Waiter = { take: resolve, refuse: reject };
    this.#waiting.push(waiter);
    const late = setTimeout(() => {
      const place = this.#waiting.indexOf(waiter);
      if (place >= 0) this.#waiting.splice(place, 1);
      reject(new Error('timeout: no connection to the database was free in time'));
    }, this.#options.waitMs);
    return await promise.finally(() => clearTimeout(late));
  }

  #end(client: Kept, broken: Error): void {
    client.release(broken);
    this.#taken -= 1;
    this.#connectForWaiting();
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
