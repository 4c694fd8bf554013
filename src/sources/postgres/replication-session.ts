import { once } from 'node:events';
import type { EventEmitter } from 'node:events';
import pg from 'pg';
import type { HeadgateError } from '../../kernel/index.js';
import { sessionConfig } from '../../store/index.js';
import { sourceError } from '../source-error.js';
import { lsnText } from './lsn.js';
import { pgoutputMessage, postgresTime, toPostgresTime, type PgoutputMessage } from './pgoutput.js';
import type { SessionOptions } from './source-session.js';

/** Bytes that came and were not looked at: more is left at the server. */
const MOST_HELD = 8 * 1_024 * 1_024;
/** The server takes a client for dead that says nothing for a minute. */
const TELL_MS = 10_000;

/** What node-postgres has of a connection, beyond what its types tell. */
interface Wire extends EventEmitter {
  readonly stream: { destroy(): void; pause(): void; resume(): void };
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
}

/** A message of the stream of changes, or what the server says of itself where there are none. */
export type Replicated =
  | { readonly message: PgoutputMessage; readonly bytes: number }
  /** All up to here was sent. */
  | { readonly sentLsn: bigint; readonly at: Date };

/** A session of replication at a source. Its errors are HeadgateErrors with `source` in their details. */
export class ReplicationSession {
  readonly #source: string;
  readonly #client: pg.Client;
  readonly #wire: Wire;
  readonly #queue: Replicated[] = [];
  #held = 0;
  #isPaused = false;
  #failure: unknown;
  #wake: (() => void) | undefined;
  #confirmed = 0n;
  #teller: NodeJS.Timeout | undefined;

  private constructor(source: string, client: pg.Client) {
    this.#source = source;
    this.#client = client;
    this.#wire = (client as unknown as { readonly connection: Wire }).connection;
  }

  /** @throws HeadgateError UNAVAILABLE; CONTRACT_VIOLATION when its user may not replicate */
  static async open({ source, url, connectMs }: SessionOptions, signal: AbortSignal): Promise<ReplicationSession> {
    signal.throwIfAborted();
    const config = { ...sessionConfig({ connectionString: url }), connectionTimeoutMillis: connectMs, keepAlive: true, replication: 'database' };
    const client = new pg.Client(config);
    const session = new ReplicationSession(source, client);
    client.on('error', (error) => session.#fail(error));
    client.on('end', () => session.#fail(new Error('the session ended')));
    try {
      await client.connect();
    } catch (error) {
      session.close();
      throw session.failure(error);
    }
    signal.addEventListener('abort', () => session.close(), { once: true });
    return session;
  }

  /** A command of the protocol of replication. */
  async command(text: string): Promise<Readonly<Record<string, string | null>>[]> {
    try {
      return (await this.#client.query<Record<string, string | null>>(text)).rows;
    } catch (error) {
      throw this.failure(error);
    }
  }

  /** Begins with the changes that were committed after a place; from now on `next` gives them. */
  async start(slot: string, publication: string, from: bigint): Promise<void> {
    const names = `"${publication.replaceAll('"', '""')}"`.replaceAll("'", "''");
    const wire = this.#wire;
    // The session is in the hands of the protocol from now on.
    for (const event of ['errorMessage', 'copyData', 'commandComplete', 'readyForQuery']) wire.removeAllListeners(event);
    wire.on('errorMessage', (error: Error) => this.#fail(error));
    wire.on('copyData', ({ chunk }: { readonly chunk: Buffer }) => this.#take(chunk));
    wire.on('copyDone', () => this.#fail(new Error('the server ended the stream')));
    const started = once(wire, 'replicationStart');
    const failed = new Promise<never>((_, reject) => {
      // The first messages come with the answer, and mean no failure.
      this.#wake = () => {
        if (this.#failure !== undefined) reject(this.failure(this.#failure));
      };
    });
    wire.query(`START_REPLICATION SLOT "${slot}" LOGICAL ${lsnText(from)} (proto_version '1', publication_names '${names}')`);
    await Promise.race([started, failed]).finally(() => (this.#wake = undefined));
    this.#confirmed = from;
    this.#teller = setInterval(() => this.#tell(), TELL_MS);
    this.#teller.unref();
  }

  /**
   * What comes next; undefined when nothing did within the time.
   * @throws HeadgateError UNAVAILABLE when the session ended
   */
  async next(waitMs: number): Promise<Replicated | undefined> {
    if (this.#queue.length === 0 && this.#failure === undefined) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, waitMs);
      });
      clearTimeout(timer);
      this.#wake = undefined;
    }
    const next = this.#queue.shift();
    if (!next && this.#failure !== undefined) throw this.failure(this.#failure);
    if (next && 'bytes' in next) this.#held -= next.bytes;
    if (this.#isPaused && this.#held < MOST_HELD / 2) {
      this.#isPaused = false;
      this.#wire.stream.resume();
    }
    return next;
  }

  /** The server may forget what was before: it is ours for good. */
  confirm(lsn: bigint): void {
    if (lsn <= this.#confirmed) return;
    this.#confirmed = lsn;
    this.#tell();
  }

  close(): void {
    clearInterval(this.#teller);
    this.#fail(new Error('the session was closed'));
    this.#wire.stream.destroy();
  }

  failure(error: unknown): HeadgateError {
    return sourceError(this.#source, error);
  }

  #take(chunk: Buffer): void {
    if (chunk[0] === 0x77) {
      // XLogData: where it begins, where the log ends now, when it was sent; then the message.
      this.#held += chunk.length;
      this.#push({ message: pgoutputMessage(chunk.subarray(25)), bytes: chunk.length });
      if (!this.#isPaused && this.#held > MOST_HELD) {
        this.#isPaused = true;
        this.#wire.stream.pause();
      }
    } else if (chunk[0] === 0x6b) {
      this.#push({ sentLsn: chunk.readBigUInt64BE(1), at: postgresTime(chunk.readBigUInt64BE(9)) });
      if (chunk[17] === 1) this.#tell();
    }
  }

  #push(next: Replicated): void {
    this.#queue.push(next);
    this.#wake?.();
  }

  #tell(): void {
    if (this.#failure !== undefined) return;
    const status = Buffer.alloc(34);
    status[0] = 0x72;
    for (const at of [1, 9, 17]) status.writeBigUInt64BE(this.#confirmed, at);
    status.writeBigInt64BE(toPostgresTime(new Date()), 25);
    this.#wire.sendCopyFromChunk(status);
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#wake?.();
  }
}
