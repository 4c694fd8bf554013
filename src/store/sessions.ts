import pg from 'pg';
import { HeadgateError, LruMap } from '../kernel/index.js';
import { Session, type Finished } from './session.js';
import { Task, type Pace } from './task.js';
import type { TextStatement } from './text-query.js';

export interface SessionsOptions {
  /** Sessions at the most. */
  readonly size: number;
  /**
   * Sessions with a statement of their own at a time, as long as nobody waits for long. Where the server shares the
   * processors with us, more only take turns: each statement takes longer, and all together too.
   */
  readonly alone: number;
  /** Sessions that quick statements share. */
  readonly shared: number;
  /** A session that has not answered for so long, in milliseconds, is given up: no statement may run as long. */
  readonly deadMs: number;
  /** How long a statement waits for its turn, in milliseconds. */
  readonly waitMs: number;
  /** Statements that may wait for their turn; any number when absent. */
  readonly maxWaiting?: number;
  /** After this long without use a session is ended, in milliseconds. */
  readonly idleMs: number;
  /** How many prepared statements one session keeps. */
  readonly maxStatements: number;
}

/** A statement that takes less than this, in milliseconds, as far as is known, lets others wait behind it. */
const QUICK_MS = 10;
/** What was measured last is this part of what is expected next. */
const LATEST = 0.3;
/** Statements whose time is kept in mind. */
const KNOWN = 2_000;
/** Statements on the way in one session. */
const DEEPEST = 16;
/** Nobody is sent behind a statement that runs for so long already, in milliseconds. */
const STALLED_MS = 20;
/** Who has waited for so long, in milliseconds, is let in beside the others: theirs are slow statements. */
const LATE_MS = 100;
/** After this long, in milliseconds, it is tried again to open a session where there are others. */
const REOPEN_MS = 1_000;

/** A pool whose connections take one statement behind the other, and whose idle ones `Sessions` keeps, not the pool. */
export function sharedPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool({ ...config, pipeline: true, keepAlive: true } as pg.PoolConfig);
  // A connection that is cut leaves the pool by itself, idle or in use; without a listener it would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/**
 * Sessions of the database for what is asked thousands of times a second, and which statement goes where. Statements that
 * are known to be quick share a few sessions, one behind the other; a slow one, or one that nobody knows yet, has a session
 * for itself. What is held up all the same is sent again by another way.
 */
export class Sessions {
  readonly #pool: pg.Pool;
  readonly #options: SessionsOptions;
  readonly #paces = new LruMap<string, Pace>(KNOWN);
  readonly #all = new Set<Session>();
  /** The most recently used last: it has what it needs at hand. */
  readonly #idle: Session[] = [];
  /** With quick statements under way. */
  readonly #shared = new Set<Session>();
  readonly #waitingQuick: Task[] = [];
  readonly #waitingAlone: Task[] = [];
  readonly #reaper: NodeJS.Timeout;
  #watch: NodeJS.Timeout | undefined;
  #opening = 0;
  /** Not before, on the clock of `performance`: the last try failed. */
  #openAfter = 0;
  #closed = false;

  constructor(pool: pg.Pool, options: SessionsOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#reaper = setInterval(() => this.#reap(), options.idleMs / 2).unref();
  }

  /**
   * The rows, each a list of its columns' texts. A statement that is held up is run twice: it must not matter.
   * @throws HeadgateError UNAVAILABLE with `retryAfter` (seconds) when too many wait already; what PostgreSQL or the socket says; Error when no session was free in time, for a value that can't be
   *   written as a parameter, and after `close`
   */
  async run(statement: TextStatement): Promise<unknown[][]> {
    if (this.#closed) throw new Error('the sessions of the database are closed');
    if (this.isFull) throw tooManyWait();
    const { name } = statement;
    const pace = name === undefined ? undefined : this.#paces.getOrMake(name, () => ({ expectedMs: undefined }));
    const task = new Task(statement, pace);
    (isQuick(pace) ? this.#waitingQuick : this.#waitingAlone).push(task);
    this.#serve();
    this.#watch ??= setInterval(() => this.#relieve(), LATE_MS / 2);
    return await task.answer;
  }

  /** Whether whoever comes now is refused: as many wait as may, or they have waited so long that the time of a newcomer would be over. */
  get isFull(): boolean {
    const { maxWaiting, waitMs } = this.#options;
    if (maxWaiting === undefined) return false;
    if (this.#waitingQuick.length + this.#waitingAlone.length >= maxWaiting) return true;
    const since = Math.min(this.#waitingQuick[0]?.since ?? Infinity, this.#waitingAlone[0]?.since ?? Infinity);
    return performance.now() - since > waitMs / 2;
  }

  /** Takes no more statements; those that were taken are answered, and their sessions end with them. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#reaper);
    this.#serve();
  }

  /** Sends a quick statement behind others, if there is room. */
  #share(task: Task): boolean {
    // Quick statements leave a session to those that need one for themselves, else these would wait for ever.
    if (this.#waitingAlone.length > 0 && this.#isAllOpen && this.#idle.length === 0) return false;
    const flowing = this.#flowing();
    const isRoom = flowing.length < this.#options.shared;
    let session = isRoom ? this.#idle.pop() : undefined;
    if (!session) {
      if (isRoom && this.#opening === 0) this.#open();
      for (const other of flowing) if (other.load < (session?.load ?? DEEPEST)) session = other;
    }
    if (!session) return false;
    this.#shared.add(session);
    session.run(task);
    return true;
  }

  /** The shared sessions that are not held up. */
  #flowing(): readonly Session[] {
    if (this.#shared.size === 0) return [];
    const now = performance.now();
    return [...this.#shared].filter((session) => !session.isSuspect && session.sinceMs(now) < STALLED_MS);
  }

  /** Gives a statement a session for itself, if one may be had now. */
  #give(task: Task, limit: number): boolean {
    const taken = this.#all.size - this.#idle.length - this.#shared.size;
    if (taken >= limit) return false;
    const session = this.#idle.pop();
    if (session) session.run(task);
    else if (taken + this.#opening < limit && this.#opening < this.#waitingAlone.length) this.#open();
    return session !== undefined;
  }

  get #isAllOpen(): boolean {
    return this.#all.size + this.#opening >= this.#options.size;
  }

  #open(): void {
    if (this.#isAllOpen || performance.now() < this.#openAfter) return;
    this.#opening += 1;
    this.#pool.connect().then(
      (client) => {
        this.#opening -= 1;
        const session = new Session(client, this.#options.maxStatements, (of, finished) => this.#finished(of, finished));
        this.#all.add(session);
        // One that is cut while it is idle.
        client.once('end', () => this.#drop(session));
        this.#idle.push(session);
        this.#serve();
      },
      (error: unknown) => {
        this.#opening -= 1;
        this.#openAfter = performance.now() + REOPEN_MS;
        // Where others are at work, whoever waits is served by them. Else all are told, and not only when their time is over.
        if (this.#all.size > 0) return;
        this.#openAfter = 0;
        for (const task of [...this.#waitingAlone.splice(0), ...this.#waitingQuick.splice(0)]) task.reject(error);
      },
    );
  }

  #finished(session: Session, { task: { pace }, tookMs }: Finished): void {
    if (pace && tookMs !== undefined) {
      const before = pace.expectedMs ?? tookMs;
      pace.expectedMs = before + (tookMs - before) * LATEST;
    }
    if (session.broken) this.#cut(session);
    if (session.load === 0) {
      this.#shared.delete(session);
      if (session.broken) session.client.release(session.broken);
      else if (session.isSuspect) this.#end(session);
      else this.#idle.push(session);
    }
    this.#serve();
  }

  /** What ended one session, a restart of the server, ended the others as well: and we may not know of it yet. */
  #cut(session: Session): void {
    if (!this.#all.delete(session)) return;
    this.#shared.delete(session);
    for (const other of this.#all) other.isSuspect = true;
    for (const other of this.#idle.splice(0)) this.#end(other);
  }

  /** Those who wait get what is free, whoever waits longest first. */
  #serve(): void {
    for (;;) {
      while (this.#waitingAlone[0]?.isSettled) this.#waitingAlone.shift();
      const [alone, quick] = [this.#waitingAlone[0], this.#waitingQuick[0]];
      if (alone && (!quick || alone.since <= quick.since) && this.#give(alone, this.#limitOf(alone))) this.#waitingAlone.shift();
      else if (quick && this.#share(quick)) this.#waitingQuick.shift();
      else if (alone && quick && this.#give(alone, this.#limitOf(alone))) this.#waitingAlone.shift();
      else break;
    }
    if (this.#closed) for (const session of this.#idle.splice(0)) this.#end(session);
  }

  #limitOf(task: Task): number {
    return isLate(task) ? this.#options.size : this.#options.alone;
  }

  /** One timer for all: sends what is held up by another way, lets in who is late, and refuses those whose time is over. */
  #relieve(): void {
    const now = performance.now();
    for (const session of this.#all) if (session.load > 0 && session.sinceMs(now) > this.#options.deadMs) session.abandon();
    for (const session of this.#shared) {
      if (session.sinceMs(now) < LATE_MS) continue;
      for (const task of session.behind()) {
        if (task.isRescued) continue;
        task.isRescued = true;
        this.#waitingAlone.push(task);
      }
    }
    while (this.#waitingQuick[0] && isLate(this.#waitingQuick[0])) this.#waitingAlone.push(...this.#waitingQuick.splice(0, 1));
    this.#waitingAlone.sort((a, b) => a.since - b.since);
    const over = now - this.#options.waitMs;
    while (this.#waitingAlone[0] && this.#waitingAlone[0].since < over) {
      this.#waitingAlone.shift()?.reject(new Error('timeout: no connection to the database was free in time'));
    }
    this.#serve();
    if (this.#all.size > this.#idle.length || this.#waitingAlone.length + this.#waitingQuick.length > 0) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  /** A session that was cut: while it had statements under way, they are told first. */
  #drop(session: Session): void {
    const place = this.#idle.indexOf(session);
    if (place < 0) return;
    this.#idle.splice(place, 1);
    session.broken = new Error('the connection was cut');
    this.#all.delete(session);
    session.client.release(session.broken);
    this.#serve();
  }

  #reap(): void {
    const now = performance.now();
    while (this.#idle[0] && this.#idle[0].sinceMs(now) > this.#options.idleMs) {
      const session = this.#idle.shift();
      if (session) this.#end(session);
    }
  }

  #end(session: Session): void {
    this.#all.delete(session);
    // So that the pool does not give it out again.
    session.client.release(true);
  }
}

function tooManyWait(): HeadgateError {
  return new HeadgateError('UNAVAILABLE', 'More reads wait for the database than it can answer in time. Try again in a moment.', {
    reason: 'overload',
    retryAfter: 1,
  });
}

function isQuick(pace: Pace | undefined): boolean {
  return pace?.expectedMs !== undefined && pace.expectedMs < QUICK_MS;
}

function isLate({ since }: Task): boolean {
  return performance.now() - since > LATE_MS;
}
