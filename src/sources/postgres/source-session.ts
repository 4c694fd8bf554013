import type { Readable } from 'node:stream';
import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { HeadgateError } from '../../kernel/index.js';
import { render, type Sql } from '../../sql/index.js';
import { sessionConfig } from '../../store/index.js';
import { sourceError } from '../source-error.js';

export interface SessionOptions {
  readonly source: string;
  /** With its password. */
  readonly url: string;
  readonly connectMs: number;
  /** Whether it may change anything: only what prepares the capture of changes does. */
  readonly writes?: boolean;
}

/** A session of its own at a source, for work that takes as long as it takes. Its errors are HeadgateErrors with `source` in their details. */
export class SourceSession {
  readonly #source: string;
  readonly #client: pg.Client;

  private constructor(source: string, client: pg.Client) {
    this.#source = source;
    this.#client = client;
  }

  /** @throws HeadgateError UNAVAILABLE */
  static async open({ source, url, connectMs, writes = false }: SessionOptions, signal: AbortSignal): Promise<SourceSession> {
    signal.throwIfAborted();
    const settings = `-c search_path=pg_catalog -c statement_timeout=0${writes ? '' : ' -c default_transaction_read_only=on'}`;
    const client = new pg.Client({ ...sessionConfig({ connectionString: url }, settings), connectionTimeoutMillis: connectMs, keepAlive: true });
    const session = new SourceSession(source, client);
    // What ends a session is told to whoever waits for it.
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      session.abandon();
      throw session.failure(error);
    }
    // Without waiting for a server that may be gone: what is under way fails.
    signal.addEventListener('abort', () => session.abandon(), { once: true });
    return session;
  }

  /** Rows by the names of their columns, as texts or nulls. */
  async query<Row extends Readonly<Record<string, string | null>>>(statement: string | Sql): Promise<Row[]> {
    const { text, values } = typeof statement === 'string' ? { text: statement, values: [] } : render(statement);
    try {
      const { rows } = await this.#client.query<Row>({ text, values: [...values], types: AS_TEXT });
      return rows;
    } catch (error) {
      throw this.failure(error);
    }
  }

  /** What a COPY ... TO STDOUT gives. Its error is of the stream. */
  copy(statement: Sql): Readable {
    const { text } = render(statement);
    const stream = this.#client.query(copyTo(text));
    return stream;
  }

  failure(error: unknown): HeadgateError {
    return sourceError(this.#source, error);
  }

  /** Cuts it. */
  abandon(): void {
    (this.#client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }).connection.stream.destroy();
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }
}

const AS_TEXT = { getTypeParser: () => (text: unknown) => text } as unknown as pg.CustomTypesConfig;
