import { setTimeout as sleep } from 'node:timers/promises';
import { HeadgateError } from '../kernel/index.js';
import type { Database, KeyRing, Notifications } from '../store/index.js';

/** Any number that is ours. Under it a process holds the lock 0, and for each of its master keys one that the key's id gives. */
const SPACE = 483_091_100;
const EVERYBODY = 0;

const LOOK_MS = 50;

interface HoldersOptions {
  readonly database: Database;
  readonly notifications: Notifications;
  readonly keyRing: KeyRing;
}

/**
 * Which of the processes that live hold which master keys: each shows its own by shared advisory locks, which end with it.
 * So that none is left behind by a rotation.
 */
export class Holders {
  readonly #options: HoldersOptions;

  constructor(options: HoldersOptions) {
    this.#options = options;
  }

  /** Shows what this process holds. */
  async show(): Promise<void> {
    const { notifications, keyRing } = this.#options;
    for (const { keyId } of keyRing.keys) await notifications.hold(SPACE, lockOf(keyId));
    await notifications.hold(SPACE, EVERYBODY);
  }

  /** Resolves when each process holds the key. @throws HeadgateError CONFLICT when one does not within the time */
  async all(keyId: string, patienceMs: number): Promise<void> {
    for (const end = performance.now() + patienceMs; ; await sleep(LOOK_MS)) {
      const { processes, without } = await this.#count(keyId);
      if (without.length === 0) return;
      if (performance.now() < end) continue;
      throw new HeadgateError(
        'CONFLICT',
        `${without.length} of ${processes} processes of this installation do not hold the new master key ${keyId} (${without.join(', ')}): after the rotation they could answer nothing. ` +
          `Give it to them, in HEADGATE_MASTER_KEY or in their key file, and then rotate again. Nothing was changed.`,
        { keyId, processes, without: without.length },
      );
    }
  }

  async #count(keyId: string): Promise<{ readonly processes: number; readonly without: readonly string[] }> {
    const rows = await this.#options.database.query<{ place: string; holds: boolean }>(
      `SELECT coalesce(host(activity.client_addr), 'on the database''s machine') || ', session ' || everybody.pid AS place,
          EXISTS (SELECT FROM pg_locks held WHERE held.locktype = 'advisory' AND held.database = everybody.database AND held.pid = everybody.pid
            AND held.classid = everybody.classid AND held.objid = $2 AND held.granted) AS holds
        FROM pg_locks everybody LEFT JOIN pg_stat_activity activity ON activity.pid = everybody.pid
        WHERE everybody.locktype = 'advisory' AND everybody.classid = $1 AND everybody.objid = ${EVERYBODY} AND everybody.objsubid = 2 AND everybody.granted
          AND everybody.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      [SPACE, lockOf(keyId)],
    );
    return { processes: rows.length, without: rows.flatMap(({ place, holds }) => (holds ? [] : [place])) };
  }
}

/** 31 bits of the id: more keys than one installation ever has, and never `EVERYBODY` but once in two billion. */
function lockOf(keyId: string): number {
  return Number.parseInt(keyId.slice(0, 8), 16) >>> 1;
}
