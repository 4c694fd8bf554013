import { appendLines } from '../../kernel/index.js';
import type { Database, Transaction } from '../../store/index.js';
import { readLines, type LedgerLine } from './ledger-file.js';
import type { ErasureReceipt } from './receipt.js';

/** Any number that is ours: whoever writes the file holds it, so that processes on one home write one after another. */
const FILE_LOCK = 4_830_911_010;

/**
 * Which erasures there were: a table, and beside it a file outside the database, so that a database which is brought back
 * to an earlier state can be told of them. An erasure is acknowledged when both have it. The commit comes first: what the
 * file has was done. What it lacks after a crash in between it gets from the table, at the next start or erasure.
 */
export class ErasureLedger {
  readonly #database: Database;
  readonly #file: string;

  constructor(database: Database, file: string) {
    this.#database = database;
    this.#file = file;
  }

  get file(): string {
    return this.#file;
  }

  /** Writes the row, last before the commit: its moment is after all that was seen of what loads had committed. */
  async record(tx: Transaction, receipt: ErasureReceipt, keyId: string, { replayed = false } = {}): Promise<void> {
    const { id, reference, at, by, reason, ...counts } = receipt;
    await tx.query(
      `INSERT INTO headgate.erasure (id, reference, at, by, reason, receipt, key_id, replayed_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $8 THEN now() END) ON CONFLICT (id) DO NOTHING`,
      [id, reference, at, by, reason, JSON.stringify(counts), keyId, replayed],
    );
  }

  /** The erasures that the file knows and the database does not: it was brought back to an earlier state. */
  async missing(tx: Pick<Transaction, 'query'>): Promise<LedgerLine[]> {
    const lines = [...new Map((await readLines(this.#file)).map((line) => [line.id, line])).values()];
    if (lines.length === 0) return [];
    const rows = await tx.query<{ id: string }>('SELECT id FROM headgate.erasure WHERE id = ANY ($1::uuid[])', [lines.map(({ id }) => id)]);
    const known = new Set(rows.map(({ id }) => id));
    return lines.filter(({ id }) => !known.has(id));
  }

  /** Writes to the file what the table has and the file has not. */
  async settle(): Promise<void> {
    await this.#database.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock($1)', [FILE_LOCK]);
      const written = (await readLines(this.#file)).map(({ id }) => id);
      const rows = await tx.query<Omit<LedgerLine, 'at'> & { at: Date }>(
        'SELECT id, reference, at, by, reason, key_id AS "keyId" FROM headgate.erasure WHERE id <> ALL ($1::uuid[]) ORDER BY at, id',
        [written],
      );
      await appendLines(
        this.#file,
        rows.map(({ at, ...row }) => ({ ...row, at: at.toISOString() })),
      );
    });
  }
}
