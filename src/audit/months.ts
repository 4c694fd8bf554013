import type pg from 'pg';

/** The months for which the sealed entries have a part of their own; what is before or after all of them has one at each end. */
const BOUNDS = `SELECT pg_get_expr(relpartbound, oid) AS bound FROM pg_class
  WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'headgate.audit_entry'::regclass)`;

/** A part's lower bound and upper bound, as our sessions (UTC, ISO) write them. */
const BOUND = /^FOR VALUES FROM \((?:'([^']+)'|MINVALUE)\) TO \((?:'([^']+)'|MAXVALUE)\)$/;

const MONTH = /^\d{4}-(0[1-9]|1[0-2])-01$/;

interface Part {
  /** `YYYY-MM-DD`; open when absent. */
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/**
 * Makes the monthly parts of the record, ahead of time and for entries that a clock gave another month. It is done on the
 * session that seals, in the transaction that needs them, and locks out neither readers nor those who write.
 */
export class AuditMonths {
  readonly #client: pg.PoolClient;
  #parts: readonly Part[] = [];

  constructor(client: pg.PoolClient) {
    this.#client = client;
  }

  /** Resolves when the months of these moments (`YYYY-MM-...`) have a part each. */
  async ensure(moments: Iterable<string>): Promise<void> {
    const days = new Set([...moments].map((at) => `${at.slice(0, 7)}-01`));
    for (const day of days) {
      // What was written by hand may be no month at all: the database will say so.
      if (!MONTH.test(day) || this.#has(day)) continue;
      // Another process may have made it; and what a transaction made that was rolled back is not there any more.
      await this.#read();
      if (!this.#has(day)) await this.#make(day);
    }
  }

  /** The month of `now` and the next one. */
  async ahead(now: Date): Promise<void> {
    const next = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1));
    await this.ensure([now.toISOString(), next.toISOString()]);
  }

  /** Forgets what it knows: the transaction in which it made a part was rolled back. */
  forget(): void {
    this.#parts = [];
  }

  #has(day: string): boolean {
    return this.#parts.some(({ from, to }) => (from === undefined || from <= day) && (to === undefined || day < to));
  }

  async #read(): Promise<void> {
    const { rows } = await this.#client.query<{ bound: string }>(BOUNDS);
    this.#parts = rows.flatMap(({ bound }): Part[] => {
      const found = BOUND.exec(bound);
      return found ? [{ from: found[1]?.slice(0, 10), to: found[2]?.slice(0, 10) }] : [];
    });
  }

  /**
   * Attached, not created as a part: that would wait for everybody who reads the record, and have all others wait behind it.
   * A name that is taken is of a month that was detached and kept.
   */
  async #make(from: string): Promise<void> {
    const [year, month] = [Number(from.slice(0, 4)), Number(from.slice(5, 7))];
    const to = new Date(Date.UTC(year, month, 1)).toISOString().slice(0, 10);
    const name = await this.#freeName(`audit_entry_${from.slice(0, 7).replace('-', '_')}`);
    await this.#client.query(`CREATE TABLE headgate.${name} (LIKE headgate.audit_entry INCLUDING DEFAULTS INCLUDING INDEXES)`);
    await this.#client.query(
      `ALTER TABLE headgate.audit_entry ATTACH PARTITION headgate.${name} FOR VALUES FROM ('${from} 00:00:00+00') TO ('${to} 00:00:00+00')`,
    );
    this.#parts = [...this.#parts, { from, to }];
  }

  async #freeName(wanted: string): Promise<string> {
    for (let n = 1; ; n++) {
      const name = n === 1 ? wanted : `${wanted}_${n}`;
      const { rows } = await this.#client.query<{ taken: boolean }>('SELECT to_regclass($1) IS NOT NULL AS taken', [`headgate.${name}`]);
      if (!rows[0]?.taken) return name;
    }
  }
}
