import pg from 'pg';
import type { Log } from '../kernel/index.js';
import { sessionConfig, type Connection } from './connection.js';

/**
 * One connection that LISTENs. It connects again by itself when it is cut; since what was sent meanwhile is lost,
 * `onGap` is called after each connection, and the listeners look for themselves.
 */
export class Notifications {
  readonly #connection: Connection;
  readonly #log: Log;
  readonly #handlers = new Map<string, Set<(payload: string) => void>>();
  readonly #onGap = new Set<() => void>();
  #client: pg.Client | undefined;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(connection: Connection, log: Log) {
    this.#connection = connection;
    this.#log = log;
  }

  async start(): Promise<void> {
    await this.#connect();
  }

  /** Returns the function that ends the subscription. `channel` is a name of ours, never a user's. */
  async listen(channel: string, handler: (payload: string) => void, onGap?: () => void): Promise<() => void> {
    const handlers = this.#handlers.get(channel) ?? new Set();
    const isNew = handlers.size === 0;
    handlers.add(handler);
    this.#handlers.set(channel, handlers);
    if (onGap) this.#onGap.add(onGap);
    if (isNew) await this.#client?.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    return () => {
      handlers.delete(handler);
      if (onGap) this.#onGap.delete(onGap);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#client?.end().catch(() => undefined);
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({ ...sessionConfig(this.#connection), keepAlive: true });
    client.on('notification', ({ channel, payload }) => {
      for (const handler of this.#handlers.get(channel) ?? []) handler(payload ?? '');
    });
    client.on('error', (error) => this.#log.warn({ err: error }, 'the notification connection was cut'));
    client.on('end', () => this.#reconnect());
    await client.connect();
    for (const channel of this.#handlers.keys()) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    this.#client = client;
  }

  #reconnect(): void {
    if (this.#closed) return;
    this.#client = undefined;
    this.#retry = setTimeout(() => {
      this.#connect().then(
        () => this.#onGap.forEach((look) => look()),
        () => this.#reconnect(),
      );
    }, 500);
  }
}
