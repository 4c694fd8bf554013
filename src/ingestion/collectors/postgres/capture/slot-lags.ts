import { isHeadgateError, messageOf, type Log } from '../../../../kernel/index.js';
import type { PostgresSource } from '../../../../sources/index.js';
import type { Database } from '../../../../store/index.js';

/** So often each source is asked, by one process for all. */
const LOOK_MS = 10_000;

interface SlotLagsOptions {
  readonly database: Pick<Database, 'query'>;
  readonly sources: { of(name: string): Pick<PostgresSource, 'query'> };
  readonly log: Log;
}

interface Slot {
  readonly collector: string;
  readonly partition: string;
  readonly source: string;
  readonly slot: string;
}

/** A standby has no place where it writes; what it has replayed stands for it. */
const BYTES = `SELECT slot_name::text, pg_catalog.pg_wal_lsn_diff(
    CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END, confirmed_flush_lsn)::bigint::text
  FROM pg_catalog.pg_replication_slots WHERE slot_name::text = ANY ($1::text[])`;

/**
 * Tells how much of its log each source has written since what a collector of changes last confirmed: the source keeps it for the
 * collector. Sources are asked whether the collector runs, is paused or fails, since that is when it grows.
 */
export class SlotLags {
  readonly #options: SlotLagsOptions;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<unknown> = Promise.resolve();

  constructor(options: SlotLagsOptions) {
    this.#options = options;
  }

  start(): void {
    const look = () => {
      this.#looking = this.#looking
        .then(() => this.look())
        .catch((error: unknown) =>
          this.#options.log.warn({ reason: messageOf(error) }, 'how far collectors are behind could not be told; it will be tried again'),
        );
    };
    look();
    this.#timer = setInterval(look, LOOK_MS);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  /** Asks all sources whose turn it is. Of one that does not answer nothing is known. */
  async look(): Promise<void> {
    const slots = await this.#options.database.query<Slot>(
      `UPDATE headgate.collector_position p SET lag_bytes_at = clock_timestamp() FROM headgate.collector c
       WHERE c.name = p.collector AND (p.collector, p.partition) IN (
         SELECT collector, partition FROM headgate.collector_position
         WHERE position ? 'slot' AND (lag_bytes_at IS NULL OR lag_bytes_at < now() - make_interval(secs => $1)) FOR UPDATE SKIP LOCKED)
       RETURNING p.collector, p.partition, c.spec ->> 'source' AS source, p.position ->> 'slot' AS slot`,
      // The clocks of processes beat a little apart.
      [(LOOK_MS * 0.8) / 1_000],
    );
    const bySource = Map.groupBy(slots, ({ source }) => source);
    await Promise.all([...bySource].map(([source, found]) => this.#ask(source, found)));
  }

  async #ask(source: string, slots: readonly Slot[]): Promise<void> {
    const bytes = await this.#bytesOf(source, slots);
    await this.#options.database.query(
      `UPDATE headgate.collector_position p SET lag_bytes = t.bytes FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS t(collector, partition, slot, bytes)
       WHERE p.collector = t.collector AND p.partition = t.partition AND p.position ->> 'slot' = t.slot`,
      [
        slots.map(({ collector }) => collector),
        slots.map(({ partition }) => partition),
        slots.map(({ slot }) => slot),
        slots.map(({ slot }) => bytes.get(slot) ?? null),
      ],
    );
  }

  async #bytesOf(source: string, slots: readonly Slot[]): Promise<ReadonlyMap<string, string>> {
    try {
      const names = `{${slots.map(({ slot }) => slot).join(',')}}`;
      const rows = await this.#options.sources.of(source).query({ text: BYTES, values: [names] });
      return new Map(rows.flatMap(([slot, bytes]) => (slot && bytes ? [[slot, bytes] as const] : [])));
    } catch (error) {
      // A source that is down, or not in the catalog any more.
      if (isHeadgateError(error)) return new Map();
      throw error;
    }
  }
}
