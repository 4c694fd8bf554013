import pg from 'pg';
import { to } from 'pg-copy-streams';
import type { Readable } from 'node:stream';
import { HeadgateError } from '../kernel/index.js';
import { withClient } from './client.js';
import type { Connection } from './connection.js';
import { Portal } from './portal.js';
import { readerConfig } from './reader-pool.js';

export interface CopySessionsOptions {
  readonly statementTimeoutMs: number;
  /** Sessions at the most. */
  readonly size: number;
  /** Who may wait for one; whoever comes then is refused. */
  readonly waiting?: number;
}

/** What a COPY gives. */
export interface CopyStream extends Readable {
  /** Known once the session is finished. */
  readonly rowCount: number;
}

const MOST_WAITING = 8;
const IDLE_MS = 60_000;
/** After how long somebody who was refused should ask again, in seconds. */
const RETRY_SECONDS = 10;
/** Bytes of a COPY that wait in memory. */
const AHEAD = 1 << 18;

/**
 * A few sessions with the reader's role for reads of any size, apart from those of pages: an export keeps its session as
 * long as the client takes.
 */
export class CopySessions {
  readonly #pool: pg.Pool;
  readonly #connection: Connection;
  readonly #mostWaiting: number;
  #waiting = 0;

  constructor(connection: Connection, { statementTimeoutMs, size, waiting = MOST_WAITING }: CopySessionsOptions) {
    this.#connection = connection;
    this.#mostWaiting = waiting;
    this.#pool = new pg.Pool({ ...readerConfig(connection, statementTimeoutMs), max: size, idleTimeoutMillis: IDLE_MS, keepAlive: true });
    // A connection that is cut leaves the pool by itself, idle or in use; without a listener it would end the process.
    this.#pool.on('error', () => undefined);
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
  }

  /**
   * A session for one COPY; whoever has it ends it, by `finish` or `abandon`.
   * @throws HeadgateError UNAVAILABLE with `retryAfter` (seconds) when all are in use and none got free in time; what the
   *   database says when it can't be reached.
   */
  async open(): Promise<CopySession> {
    if (this.#isFull && this.#waiting >= this.#mostWaiting) throw busy();
    this.#waiting += 1;
    try {
      return new CopySession(await this.#pool.connect(), this.#connection);
    } catch (error) {
      throw this.#isFull ? busy() : error;
    } finally {
      this.#waiting -= 1;
    }
  }

  get #isFull(): boolean {
    return this.#pool.totalCount === this.#pool.options.max && this.#pool.idleCount === 0;
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

/** One session, and the one COPY that it runs. */
export class CopySession {
  readonly #client: pg.PoolClient;
  readonly #connection: Connection;
  #stream: Readable | undefined;
  #isOver = false;

  constructor(client: pg.PoolClient, connection: Connection) {
    this.#client = client;
    this.#connection = connection;
  }

  /** A statement before the COPY. @throws what PostgreSQL says */
  async query(text: string, values: readonly unknown[]): Promise<void> {
    await this.#client.query(text, [...values]);
  }

  /**
   * Runs `COPY ... TO STDOUT`; resolves when its first bytes are there, or its end. The text is sent as a portal of the
   * extended protocol, which takes one statement: whatever a value in it could be taken for, no second one comes behind.
   * @throws what PostgreSQL says
   */
  async copy(text: string): Promise<CopyStream> {
    const portal = new Portal(text);
    await this.#client.query('BEGIN READ ONLY');
    this.#client.query(portal);
    await portal.isBound;
    const stream = to(text, { highWaterMark: AHEAD });
    this.#stream = stream;
    const submit = stream.submit.bind(stream);
    stream.submit = (connection) => submit(portal.executing(connection));
    // It tells of an error, and stays open: whoever comes to read later would wait for ever.
    stream.on('error', (error) => stream.destroy(error));
    this.#client.query(stream);
    await beginning(stream);
    return stream;
  }

  /** To be called when all of the COPY was read: the session can be used again. @throws what PostgreSQL says of its end */
  async finish(): Promise<void> {
    await this.#client.query('COMMIT');
    if (this.#isOver) return;
    this.#isOver = true;
    this.#client.release();
  }

  /** Ends what still runs, in the server too. Never rejects; after `finish` it does nothing. */
  async abandon(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream?.destroy();
    const { processID, connection } = this.#client as unknown as WithSocket;
    // A server that sorts looks at its socket only once it has something to say. While ours is open the number is its.
    if (this.#stream && processID !== null)
      await withClient(this.#connection, (client) => client.query('SELECT pg_cancel_backend($1)', [processID])).catch(() => undefined);
    connection.stream.destroy();
    this.#client.release(true);
  }
}

/** What node-postgres keeps of a connection, beyond what its types tell. */
interface WithSocket {
  readonly processID: number | null;
  readonly connection: { readonly stream: { destroy(): void } };
}

async function beginning(stream: Readable): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const gone = (): void => reject(stream.errored ?? new Error('the COPY was given up'));
  stream.once('readable', resolve).once('close', gone);
  await promise.finally(() => stream.off('readable', resolve).off('close', gone));
}

function busy(): HeadgateError {
  return new HeadgateError('UNAVAILABLE', 'As many exports run as may at a time. Try again in a moment.', { retryAfter: RETRY_SECONDS });
}
