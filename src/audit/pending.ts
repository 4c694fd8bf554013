import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from } from 'pg-copy-streams';
import { messageOf, type Log } from '../kernel/index.js';
import { AS_TEXT, canonicalEntry, chainHash, type EntryText } from './chain.js';
import type { EntryRow } from './entry-row.js';
import { AuditMonths } from './months.js';
import type { Head } from './sealed-head.js';

type PendingRow = readonly [id: string, entries: string];

/** Rows that are looked at to find a batch; most hold a few entries. */
const LOOK = 1_000;
/** Rows that were taken away and are swept up at once: scans would pass them again and again. */
const SWEEP = 5_000;

/** Told with the number of the last one when entries were sealed. */
export const SEALED_CHANNEL = 'headgate_audit';

const COLUMNS =
  'id, at, principal, roles, purpose, action, dataset, fields, masked, decision, row_count, operation_hash, duration_ms, details, seq, prev_hash, hash';
const COPY = `COPY headgate.audit_entry (${COLUMNS}) FROM STDIN`;

/**
 * Moves entries from where they were written to their place in the chain, in one transaction a time, on the session that
 * holds the lock: an entry is in exactly one of the two places.
 */
export class PendingEntries {
  readonly #client: pg.PoolClient;
  readonly #log: Log;
  readonly #months: AuditMonths;
  /** Rows that can't be sealed: somebody wrote them by hand. They must not keep the others from their place. */
  readonly #damaged: string[] = [];
  #swept = 0;

  constructor(client: pg.PoolClient, log: Log) {
    this.#client = client;
    this.#log = log;
    this.#months = new AuditMonths(client);
  }

  /** Makes room for this month and the next one, so that no entry waits for it at the turn of a month. */
  async prepare(now: Date): Promise<void> {
    await this.#months.ahead(now);
  }

  /** Seals about `batch` entries after `head`; nothing when none wait. Whether more may wait is told too. */
  async seal(head: Head, batch: number): Promise<{ readonly head: Head; readonly more: boolean } | undefined> {
    const { ids, more } = await this.#next(batch);
    if (ids.length === 0) return undefined;
    try {
      return { head: await this.#move(head, ids), more };
    } catch (error) {
      if (!isAboutData(error)) throw error;
      let reached = head;
      for (const id of ids) reached = await this.#moveAlone(reached, id);
      return { head: reached, more };
    } finally {
      this.#swept += ids.length;
    }
  }

  /** Frees the room of what was moved; autovacuum comes once a minute, which is thousands of rows too late. */
  async sweep(): Promise<void> {
    if (this.#swept < SWEEP) return;
    this.#swept = 0;
    await this.#client.query('VACUUM (TRUNCATE FALSE) headgate.audit_pending');
  }

  async #next(batch: number): Promise<{ ids: string[]; more: boolean }> {
    const { rows } = await this.#client.query<[id: string, size: number]>({
      name: 'audit-pending',
      text: 'SELECT id, size FROM headgate.audit_pending WHERE id <> ALL ($1::uuid[]) ORDER BY id LIMIT $2',
      values: [this.#damaged, LOOK],
      rowMode: 'array',
    });
    let entries = 0;
    const ids: string[] = [];
    for (const [id, size] of rows) {
      if (entries > 0 && entries + size > batch) break;
      entries += size;
      ids.push(id);
    }
    return { ids, more: ids.length < rows.length || rows.length === LOOK };
  }

  async #move(head: Head, ids: readonly string[], isKnown: (row: EntryRow) => boolean = () => false): Promise<Head> {
    const client = this.#client;
    await client.query('BEGIN');
    try {
      const { rows } = await client.query<PendingRow & unknown[]>({
        name: 'audit-take',
        text: 'DELETE FROM headgate.audit_pending WHERE id = ANY ($1::uuid[]) RETURNING id, entries',
        values: [ids],
        ...AS_TEXT,
      });
      // In order of time, and of id within one millisecond: nearer to the order of commits nothing is known.
      const entries = rows.flatMap(([, text]) => JSON.parse(text) as EntryRow[]).filter((row) => !isKnown(row));
      entries.sort((a, b) => compare(a.at, b.at) || compare(a.id, b.id));
      let { seq, hash } = head;
      let lines = '';
      for (const entry of entries) {
        seq += 1n;
        const prevHash = hash;
        if (!isOurs(entry)) throw new TypeError('an entry has a list that is none of texts');
        const written = entryText(entry, String(seq));
        hash = chainHash(prevHash, canonicalEntry(written, String(seq)));
        lines += copyLine(written, prevHash, hash);
      }
      if (lines !== '') {
        await this.#months.ensure(entries.map(({ at }) => at));
        await pipeline([lines], client.query(from(COPY)));
      }
      // Who follows the record looks when they hear it.
      await client.query(`NOTIFY ${SEALED_CHANNEL}, '${seq}'; COMMIT`);
      return { seq, hash };
    } catch (error) {
      this.#months.forget();
      await client.query('ROLLBACK');
      throw error;
    }
  }

  /** One row, without those of its entries that are sealed already: its first write was taken for lost, and was not. */
  async #moveAlone(head: Head, id: string): Promise<Head> {
    try {
      return await this.#move(head, [id]);
    } catch (error) {
      if (!isAboutData(error)) throw error;
    }
    try {
      const { rows } = await this.#client.query<{ id: string }>(
        `SELECT fact.id FROM headgate.audit_pending AS pending, json_to_recordset(entries) AS fact(id uuid, at timestamptz(3))
         JOIN headgate.audit_entry AS entry ON entry.at = fact.at AND entry.id = fact.id WHERE pending.id = $1`,
        [id],
      );
      const known = new Set(rows.map((row) => row.id));
      return await this.#move(head, [id], (row) => known.has(row.id));
    } catch (error) {
      if (!isAboutData(error)) throw error;
      this.#log.error(
        { pending: id, reason: messageOf(error) },
        'audit entries that Headgate did not write are in headgate.audit_pending: they are not sealed',
      );
      this.#damaged.push(id);
      return head;
    }
  }
}

/** Classes 21 to 23 and 54 of SQLSTATE, and JSON of another shape: the data is at fault, not the database. */
function isAboutData(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return /^(2[123]|54)/.test(error.code ?? '');
  return error instanceof TypeError || error instanceof SyntaxError || error instanceof RangeError;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** As PostgreSQL will write it, when it is read to be verified. */
function entryText(row: EntryRow, seq: string): EntryText {
  return [
    row.id,
    `${row.at.slice(0, -1).replace('T', ' ')}+00`,
    row.principal,
    JSON.stringify(row.roles),
    row.purpose,
    row.action,
    row.dataset,
    JSON.stringify(row.fields),
    JSON.stringify(row.masked),
    row.decision,
    row.row_count === null ? null : String(row.row_count),
    row.operation_hash,
    row.duration_ms === null ? null : String(row.duration_ms),
    isEmpty(row.details) ? '{}' : JSON.stringify(row.details),
    seq,
    null,
    null,
  ];
}

/** A line of COPY's text format. */
function copyLine(entry: EntryText, prevHash: string, hash: string): string {
  const [id, at, principal, roles, purpose, action, dataset, fields, masked, decision, rowCount, operationHash, durationMs, details, seq] = entry;
  return (
    `${id}\t${at}\t${escaped(principal)}\t${array(roles)}\t${escaped(purpose)}\t${escaped(action)}\t${escaped(dataset)}\t${array(fields)}\t${array(masked)}\t` +
    `${escaped(decision)}\t${rowCount ?? '\\N'}\t${escaped(operationHash)}\t${durationMs ?? '\\N'}\t${escaped(details)}\t${seq}\t${prevHash}\t${hash}\n`
  );
}

/** What the lists hold is written and read in two ways that are alike for texts only. */
function isOurs({ roles, fields, masked }: EntryRow): boolean {
  return [roles, fields, masked].every((list) => Array.isArray(list) && list.every((value) => typeof value === 'string'));
}

function isEmpty(details: object): boolean {
  for (const _ in details) return false;
  return true;
}

const PLAIN = /^[\w.: @{}",-]*$/;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(value: string | null): string {
  if (value === null) return '\\N';
  return PLAIN.test(value) ? value : value.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character] ?? character);
}

/** Lists in JSON whose elements are written the same in an array literal. */
const PLAIN_LIST = /^\[[\w",:.@ -]*\]$/;

/** A list in JSON as an array literal, each element in quotes: so that none is taken for NULL. */
function array(json: string): string {
  if (PLAIN_LIST.test(json)) return `{${json.slice(1, -1)}}`;
  const values = JSON.parse(json) as readonly string[];
  return escaped(`{${values.map((value) => `"${value.replace(/["\\]/g, '\\$&')}"`).join(',')}}`);
}
