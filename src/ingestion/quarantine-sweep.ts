import type { AuditLog } from '../audit/index.js';
import { holdsOn, loadCatalog, type Dataset } from '../catalog/index.js';
import { messageOf, type Log } from '../kernel/index.js';
import { param, raw, render, sql } from '../sql/index.js';
import type { Database } from '../store/index.js';
import { heldSubjects } from './quarantine-acts.js';

/** Any number that is ours: one process at a time looks for what has expired. */
const SWEEP_LOCK = 4_830_911_015;
const LOOK_MS = 15 * 60_000;
const BATCH = 5_000;

interface QuarantineSweepOptions {
  readonly database: Database;
  readonly audit: Pick<AuditLog, 'recordIn'>;
  readonly log: Log;
}

/** Takes rows out of the quarantine that are there for longer than their dataset keeps them, in batches, each on the record. */
export class QuarantineSweep {
  readonly #options: QuarantineSweepOptions;
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: QuarantineSweepOptions) {
    this.#options = options;
  }

  start(): void {
    const look = () => {
      this.#sweeping = this.#sweeping
        .then(() => this.sweep())
        .catch((error: unknown) => this.#options.log.warn({ reason: messageOf(error) }, 'the quarantine could not be swept; it will be tried again'));
    };
    look();
    this.#timer = setInterval(look, LOOK_MS);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#sweeping;
  }

  /** One look at all datasets. Legal holds keep what they are on. Returns how many rows went. */
  async sweep(): Promise<number> {
    const { datasets } = await this.#options.database.transaction(loadCatalog, 'REPEATABLE READ');
    let gone = 0;
    for (const dataset of datasets.values()) {
      if (!dataset.quarantine) continue;
      for (let some = BATCH; some === BATCH && !this.#closed; gone += some) some = await this.#batch(dataset, dataset.quarantine.keepSeconds);
    }
    return gone;
  }

  async #batch(dataset: Dataset, keepSeconds: number): Promise<number> {
    const { database, audit } = this.#options;
    return database.transaction(async (tx) => {
      const [lock] = await tx.query<{ taken: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS taken', [SWEEP_LOCK]);
      if (!lock?.taken || (await holdsOn(tx, dataset.name)).length > 0) return 0;
      const kept = (await heldSubjects(tx, dataset)) ?? raw('false');
      const { text, values } = render(
        sql`DELETE FROM headgate.quarantined_row WHERE id IN (SELECT q.id FROM headgate.quarantined_row q
          WHERE q.dataset_id = ${param(dataset.id, 'uuid')} AND q.created_at < now() - make_interval(secs => ${param(keepSeconds, 'float8')}) AND NOT (${kept})
          ORDER BY q.id LIMIT ${raw(String(BATCH))} FOR UPDATE SKIP LOCKED)`,
      );
      const { rowCount } = await tx.client.query(text, [...values]);
      if (!rowCount) return 0;
      await audit.recordIn(tx, {
        actor: { subject: 'headgate', roles: [] },
        action: 'quarantine.expire',
        dataset: dataset.name,
        decision: 'ALLOWED',
        rowCount,
        details: { keepSeconds },
      });
      return rowCount;
    });
  }
}
