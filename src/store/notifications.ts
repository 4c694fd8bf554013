import pg from 'pg';
import type { Log } from '../kernel/index.js';
import { sessionConfig, type Connection } from './connection.js';

const RETRY_MS = 500;
const TAKE = 'SELECT pg_advisory_lock_shared($1, $2)';

/**
 * One connection that LISTENs. It connects again by itself when it is cut; since what was sent meanwhile is lost,
 * `onGap` is called after each such connection, and the listeners look for themselves.
 */
export class Notifications {
  readonly #connection: Connection;
  readonly #log: Log;
  readonly #handlers = new Map<string, Set<(payload: string) => void>>();
  readonly #onGap = new Set<() => void>();
  readonly #locks = new Map<string, readonly [space: number, id: number]>();
  #client: pg.Client | undefined;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(connection: Connection, log: Log) {
    this.#connection = connection;
    this.#log = log;
  }

  /** Rejects when there is no connection at the start; later cuts are mended. */
  async start(): Promise<void> {
    await this.#connect();
  }

  /** Returns the function that ends the subscription. `channel` is a name of ours, never a user's. */
  async listen(channel: string, handler: (payload: string) => void, onGap?: () => void): Promise<() => void> {
    const handlers = this.#handlers.get(channel) ?? new Set();
    handlers.add(handler);
    this.#handlers.set(channel, handlers);
    if (onGap) this.#onGap.add(onGap);
    // Without a connection now, or with one that is cut at this moment, the next one listens to all channels.
    await this.#client?.query(`LISTEN ${pg.escapeIdentifier(channel)}`).catch((error: unknown) => this.#log.warn({ err: error }, 'LISTEN failed'));
    return () => {
      handlers.delete(handler);
      if (onGap) this.#onGap.delete(onGap);
    };
  }

  /**
   * Takes a shared advisory lock, and on each later connection again: others see in `pg_locks` that this process lives. It ends
   * with the process, however that ends. Resolves when it is taken, or will be by the next connection.
   */
  async hold(space: number, id: number): Promise<void> {
    const name = `${space} ${id}`;
    // Once to a session: taken twice it would have to be given back twice.
    if (this.#locks.has(name)) return;
    this.#locks.set(name, [space, id]);
    await this.#client?.query(TAKE, [space, id]).catch((error: unknown) => this.#log.warn({ err: error }, 'an advisory lock was not taken'));
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({ ...sessionConfig(this.#connection), keepAlive: true, connectionTimeoutMillis: 10_000 });
    client.on('notification', ({ channel, payload }) => {
      for (const handler of this.#handlers.get(channel) ?? []) this.#call(() => handler(payload ?? ''));
    });
    client.on('error', (error) => this.#log.warn({ err: error }, 'the notification connection was cut'));
    client.on('end', () => {
      // One that never became ours is dealt with where it was made.
      if (this.#client === client) this.#reconnect();
    });
    await client.connect();
    // From here on `listen` uses it, so that no channel falls between the loop and the connection.
    this.#client = client;
    if (this.#closed) await this.close();
    for (const lock of this.#locks.values()) await this.#client?.query(TAKE, [...lock]);
    for (const channel of this.#handlers.keys()) await this.#client?.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
  }

  #reconnect(): void {
    this.#client = undefined;
    if (this.#closed) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#connect().then(
        () => this.#onGap.forEach((look) => this.#call(look)),
        () => this.#reconnect(),
      );
    }, RETRY_MS);
  }

  /** A listener that throws must not take the others, or the process, with it. */
  #call(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#log.error({ err: error }, 'a listener of notifications failed');
    }
  }
}
