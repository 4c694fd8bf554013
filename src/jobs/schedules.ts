import type { Log } from '../kernel/index.js';
import type { Database, Transaction } from '../store/index.js';
import { timeAfter } from './cron.js';
import type { Queryable } from './queryable.js';
import { dueNow, type Schedule } from './schedule.js';

/** Starts what a schedule is for, within `tx`, and resolves with the id of its run: for the time `due`, which may have gone by. */
export type StartScheduled = (tx: Transaction, owner: string, due: Date) => Promise<string>;

/** A schedule as it stands. */
export interface ScheduleState extends Schedule {
  readonly owner: string;
  readonly nextAt: Date;
  /** The time for which it was started last, and the run. */
  readonly lastDueAt: Date | null;
  readonly lastRun: string | null;
}

interface DueRow extends Schedule {
  readonly kind: string;
  readonly owner: string;
  readonly nextAt: Date;
  readonly now: Date;
}

const LOOK_MS = 1_000;
/** After a start that failed, so that it does not fail each second. */
const REST_S = 30;

/**
 * Starts what is due. Any number of processes look; the row is locked, and the run and the next time are one transaction: each time is
 * started once, whoever is killed when. Owners are known by callbacks: a kind that this process does not know is left to others.
 */
export class Schedules {
  readonly #database: Pick<Database, 'transaction' | 'query'>;
  readonly #log: Log;
  readonly #owners = new Map<string, StartScheduled>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor({ database, log }: { readonly database: Pick<Database, 'transaction' | 'query'>; readonly log: Log }) {
    this.#database = database;
    this.#log = log;
  }

  /** Whose schedules of this kind it starts. */
  owner(kind: string, start: StartScheduled): void {
    this.#owners.set(kind, start);
  }

  /** Looks now and each second, until `stop`. */
  start(): void {
    let isLooking = false;
    const look = () => {
      if (isLooking) return;
      isLooking = true;
      this.#looking = this.look()
        .catch((error: unknown) => this.#log.warn({ name: (error as Error).name }, 'schedules could not be looked at'))
        .finally(() => (isLooking = false));
    };
    look();
    this.#timer = setInterval(look, LOOK_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  /** Starts all that is due, the longest due first. */
  async look(): Promise<void> {
    while (await this.#next());
  }

  /** False when nothing is due, or what is due is in other hands. */
  async #next(): Promise<boolean> {
    let failing: { readonly row: DueRow; readonly error: unknown } | undefined;
    try {
      return await this.#database.transaction(async (tx) => {
        const [row] = await tx.query<DueRow>(DUE, [[...this.#owners.keys()]]);
        if (!row) return false;
        try {
          await this.#begin(tx, row);
        } catch (error) {
          failing = { row, error };
          throw error;
        }
        return true;
      });
    } catch (error) {
      if (!failing) throw error;
      const { kind, owner } = failing.row;
      this.#log.error({ kind, owner, name: (error as Error).name, code: (error as { code?: unknown }).code }, 'what is scheduled could not be started');
      await this.#database.query(
        'UPDATE headgate.schedule SET waits_until = clock_timestamp() + make_interval(secs => $3) WHERE owner_kind = $1 AND owner = $2',
        [kind, owner, REST_S],
      );
      return true;
    }
  }

  async #begin(tx: Transaction, row: DueRow): Promise<void> {
    const { kind, owner } = row;
    const { start, nextAt } = dueNow(row, row.nextAt, row.now);
    const run = start && (await this.#owners.get(kind)?.(tx, owner, start));
    if (!start) this.#log.info({ kind, owner, missed: row.nextAt }, 'times of a schedule were missed, and are left out');
    await tx.query(
      `UPDATE headgate.schedule SET next_at = $3, waits_until = NULL, last_due_at = coalesce($4, last_due_at), last_run = coalesce($5, last_run)
       WHERE owner_kind = $1 AND owner = $2`,
      [kind, owner, nextAt, start ?? null, run ?? null],
    );
  }
}

const DUE = `SELECT owner_kind AS kind, owner, cron, time_zone AS "timeZone", catch_up AS "catchUp", next_at AS "nextAt", clock_timestamp() AS now
  FROM headgate.schedule
  WHERE owner_kind = ANY ($1) AND next_at <= clock_timestamp() AND (waits_until IS NULL OR waits_until <= clock_timestamp())
  ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED`;

/** Writes the schedule of an owner, or removes it. One that is as before keeps its next time, and what of it was missed. */
export async function saveSchedule(tx: Queryable, kind: string, owner: string, schedule: Schedule | undefined): Promise<void> {
  if (!schedule) {
    await tx.query('DELETE FROM headgate.schedule WHERE owner_kind = $1 AND owner = $2', [kind, owner]);
    return;
  }
  const { cron, timeZone, catchUp } = schedule;
  const [clock] = await tx.query<{ now: Date }>('SELECT clock_timestamp() AS now');
  const nextAt = timeAfter(schedule, clock?.now ?? new Date());
  await tx.query(
    `INSERT INTO headgate.schedule AS s (owner_kind, owner, cron, time_zone, catch_up, next_at) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (owner_kind, owner) DO UPDATE SET cron = excluded.cron, time_zone = excluded.time_zone, catch_up = excluded.catch_up, waits_until = NULL,
       next_at = CASE WHEN s.cron = excluded.cron AND s.time_zone = excluded.time_zone THEN s.next_at ELSE excluded.next_at END`,
    [kind, owner, cron, timeZone, catchUp, nextAt],
  );
}

/** The schedules of a kind, by owner. */
export async function schedulesOf(db: Queryable, kind: string): Promise<ReadonlyMap<string, ScheduleState>> {
  const rows = await db.query<ScheduleState>(
    `SELECT owner, cron, time_zone AS "timeZone", catch_up AS "catchUp", next_at AS "nextAt", last_due_at AS "lastDueAt", last_run AS "lastRun"
     FROM headgate.schedule WHERE owner_kind = $1`,
    [kind],
  );
  return new Map(rows.map((row) => [row.owner, row]));
}
