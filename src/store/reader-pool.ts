import type pg from 'pg';
import { HeadgateError } from '../kernel/index.js';
import { sessionConfig, type Connection } from './connection.js';
import { isCut } from './session.js';
import { Sessions, sharedPool } from './sessions.js';
import { isNotPrepared, type TextStatement } from './text-query.js';

export interface ReaderOptions {
  readonly statementTimeoutMs: number;
  readonly size: number;
  /** Sessions with a statement of their own at a time, as long as nobody waits for long; all when absent. */
  readonly alone?: number;
  /** Sessions that quick statements share; all when absent. */
  readonly shared?: number;
  /** How long after its time limit a statement may take to say so, in milliseconds; a session that does not is given up. */
  readonly graceMs?: number;
  /** How many prepared statements one session keeps; the least recently used goes first. */
  readonly maxStatements?: number;
  /** At somebody else's server: the sessions keep their user's rights, and only read. */
  readonly guest?: boolean;
  /** How long a session may take to open, and a statement wait for one, in milliseconds. */
  readonly connectMs?: number;
  /** Reads that may wait for a session; any number when absent. */
  readonly maxWaiting?: number;
}

const READER_ROLE = 'headgate_reader';
/** How long a session may take to open, in milliseconds. */
export const CONNECT_MS = 10_000;
/** Of a read whose session was cut. */
const ATTEMPTS = 3;
/** A session that nobody has used for so long is ended. */
const IDLE_MS = 60_000;

/** A statement with its parameters; `name` is the hash of its text, so one name never stands for two texts. */
export type PreparedQuery = TextStatement;

/**
 * The pool of the data plane. Each session has the role `headgate_reader`, which can SELECT from the schema `data` and
 * nothing else, is read-only, sees only `pg_catalog` without a schema name, and ends a statement that runs too long. As a
 * guest it has no such role, and all the rest of it.
 */
export class ReaderPool {
  readonly #pool: pg.Pool;
  readonly #sessions: Sessions;

  constructor(connection: Connection, options: ReaderOptions) {
    const { statementTimeoutMs, size, alone = size, shared = size, graceMs = 5_000, maxStatements = 500 } = options;
    const { guest = false, connectMs = CONNECT_MS, maxWaiting } = options;
    const config = guest ? guestConfig(connection, statementTimeoutMs) : readerConfig(connection, statementTimeoutMs);
    this.#pool = sharedPool({ ...config, max: size, connectionTimeoutMillis: connectMs });
    this.#sessions = new Sessions(this.#pool, {
      size,
      alone,
      shared,
      deadMs: statementTimeoutMs + graceMs,
      waitMs: connectMs,
      idleMs: IDLE_MS,
      maxStatements,
      ...(maxWaiting !== undefined && { maxWaiting }),
    });
  }

  /**
   * Rows as arrays of texts and nulls, in the order of the statement's columns. A read whose session turns out to be cut is
   * tried again, on another one: it has changed nothing.
   */
  async query<Row extends (string | null)[]>(query: PreparedQuery): Promise<Row[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return (await this.#sessions.run(query)) as Row[];
      } catch (error) {
        if (attempt === ATTEMPTS || !(isCut(error) || isNotPrepared(error))) throw error;
      }
    }
  }

  /** Whether a read that comes now would be refused with UNAVAILABLE. */
  get isFull(): boolean {
    return this.#sessions.isFull;
  }

  async close(): Promise<void> {
    this.#sessions.close();
    await this.#pool.end();
  }
}

/** What makes a session one of the reader. */
export function readerConfig(connection: Connection, statementTimeoutMs: number): pg.PoolConfig {
  const settings = `-c role=${READER_ROLE} -c default_transaction_read_only=on -c search_path=pg_catalog -c statement_timeout=${statementTimeoutMs}`;
  return { ...sessionConfig(connection, settings), connectionTimeoutMillis: CONNECT_MS, verify: checkRole } as pg.PoolConfig;
}

/**
 * Once for each new connection: a pooler in between may drop the settings of a session's start, and with them the role.
 * Reads would then run with all rights of the owner, so they don't run.
 */
function checkRole(client: pg.PoolClient, done: (error?: Error) => void): void {
  client.query<{ role: string }>('SELECT current_user AS role', (error: Error | null, result) => {
    if (error) return done(error);
    if (result.rows[0]?.role === READER_ROLE) return done();
    const message = `Reads need sessions with the role ${READER_ROLE}, and this one has another: a pooler between Headgate and PostgreSQL must pass on the startup parameter "options".`;
    return done(new HeadgateError('UNAVAILABLE', message));
  });
}

/** The same at somebody else's server, where the user is what its URL says. */
function guestConfig(connection: Connection, statementTimeoutMs: number): pg.PoolConfig {
  const settings = `-c default_transaction_read_only=on -c search_path=pg_catalog -c statement_timeout=${statementTimeoutMs}`;
  return { ...sessionConfig(connection, settings), verify: checkGuest } as pg.PoolConfig;
}

/** What a guest's session must be, whatever its URL or a pooler in between says, since answers depend on it. */
const GUEST_SETTINGS = { default_transaction_read_only: 'on', search_path: 'pg_catalog', TimeZone: 'UTC', server_encoding: 'UTF8' } as const;

/** Once for each new connection, for the same reason. */
function checkGuest(client: pg.PoolClient, done: (error?: Error) => void): void {
  const names = Object.keys(GUEST_SETTINGS) as (keyof typeof GUEST_SETTINGS)[];
  const settings = names.map((name) => `current_setting('${name}') AS "${name}"`).join(', ');
  client.query<typeof GUEST_SETTINGS>(`SELECT ${settings}`, (error: Error | null, result) => {
    if (error) return done(error);
    const wrong = names.find((name) => result.rows[0]?.[name] !== GUEST_SETTINGS[name]);
    if (wrong === undefined) return done();
    const remedy =
      wrong === 'server_encoding'
        ? 'the database must keep text as UTF8'
        : 'the URL must not set "options", and a pooler in between must pass on the startup parameter of that name';
    return done(new HeadgateError('UNAVAILABLE', `The sessions there do not have ${wrong}=${GUEST_SETTINGS[wrong]}: ${remedy}.`));
  });
}
