import pg from 'pg';
import { StatementCache } from './statement-cache.js';
import type { Task } from './task.js';
import { TextQuery } from './text-query.js';

/** One that is over, one way or the other. */
export interface Finished {
  readonly task: Task;
  /** Milliseconds that it had the session for itself, without what it waited for those before it. Absent where that tells nothing of the next run. */
  readonly tookMs?: number;
}

/** What node-postgres keeps of a connection, beyond what its types tell. */
interface WithSocket {
  readonly connection: { readonly stream: { destroy(): void } };
}

/** PostgreSQL's code for a statement that reached its time limit. */
const TOOK_TOO_LONG = '57014';

/**
 * A session of the database that runs one statement after the other. Each is sent at once, behind those that are under
 * way: so the server need not wait for us between two of them, nor be woken for each.
 */
export class Session {
  readonly client: pg.PoolClient;
  /** Why it must not be used again. */
  broken: Error | undefined;
  /** Another one was cut: what is under way here may well go on, and nothing more is begun. */
  isSuspect = false;
  readonly #statements: StatementCache;
  readonly #finished: (session: Session, finished: Finished) => void;
  readonly #underWay: Task[] = [];
  /** Since when the first of them has the session. */
  #since = performance.now();

  constructor(client: pg.PoolClient, maxStatements: number, finished: (session: Session, finished: Finished) => void) {
    this.client = client;
    this.#statements = new StatementCache(maxStatements);
    this.#finished = finished;
  }

  /** Statements under way. */
  get load(): number {
    return this.#underWay.length;
  }

  /** Milliseconds that the statement which runs now takes already, or that it is idle. */
  sinceMs(now: number): number {
    return now - this.#since;
  }

  /** Those that wait for the one that runs now. */
  behind(): readonly Task[] {
    return this.#underWay.slice(1);
  }

  run(task: Task): void {
    const done = (error: Error | null, rows: unknown[][]): void => this.#end(task, error, rows);
    if (this.#underWay.length === 0) this.#since = performance.now();
    this.#underWay.push(task);
    try {
      this.client.query(new TextQuery<unknown[]>(task.statement, this.#statements, done));
    } catch (error) {
      // A part of it may be on its way.
      this.broken ??= error as Error;
      this.abandon();
      this.#end(task, error as Error, []);
    }
  }

  /** Cuts the connection, without waiting for a server that may be gone: all that is under way fails. */
  abandon(): void {
    (this.client as unknown as WithSocket).connection.stream.destroy();
  }

  #end(task: Task, error: Error | null, rows: unknown[][]): void {
    this.#underWay.splice(this.#underWay.indexOf(task), 1);
    const now = performance.now();
    const tookMs = now - this.#since;
    this.#since = now;
    // A statement's own failure leaves the session good; anything else (cut, protocol) may not.
    if (error && (!(error instanceof pg.DatabaseError) || isCut(error))) this.broken ??= error;
    if (error) task.reject(error);
    else task.resolve(rows);
    const isTold = error === null || (error instanceof pg.DatabaseError && error.code === TOOK_TOO_LONG);
    this.#finished(this, { task, ...(isTold && { tookMs }) });
  }
}

/** Codes of a session that is over: it failed, or the server ended it. A violation of the protocol is an error like any other. */
const OVER = /^(08(000|003|006)|57P0[1-5]|25P04)$/;

/** The session was ended by the server, or the socket under it. */
export function isCut(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return OVER.test(error.code ?? '');
  if (!(error instanceof Error)) return false;
  return ['ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '') || /connection terminated|not queryable/i.test(error.message);
}
