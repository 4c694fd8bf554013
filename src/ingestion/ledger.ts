import type { Transaction } from '../store/index.js';
import type { LoadCounts, LoadMode } from './outcome.js';

/** One load that was done, as the ledger keeps it. */
export interface LedgerEntry extends LoadCounts {
  readonly runId: string;
  readonly mode: LoadMode;
  readonly contentHash: string;
  readonly idempotencyKey?: string | undefined;
  readonly contractVersion: number;
  readonly bytes: number;
  /** The dataset's version and number of rows after it. */
  readonly dataVersion: number;
  readonly rowCount: number;
  /** True when the load changed the dataset's rows. */
  readonly changed: boolean;
}

const COLUMNS = `run_id AS "runId", mode, content_hash AS "contentHash", idempotency_key AS "idempotencyKey", contract_version AS "contractVersion",
  rows_read::float8 AS read, rows_loaded::float8 AS loaded, rows_quarantined::float8 AS quarantined, rows_deduplicated::float8 AS deduplicated,
  bytes::float8 AS bytes, data_version::float8 AS "dataVersion", row_count::float8 AS "rowCount", changed`;

/** What was loaded into one dataset. The caller holds the dataset's row, so nobody else writes here meanwhile. */
export class Ledger {
  readonly #tx: Transaction;
  readonly #datasetId: string;

  constructor(tx: Transaction, datasetId: string) {
    this.#tx = tx;
    this.#datasetId = datasetId;
  }

  async byKey(idempotencyKey: string): Promise<LedgerEntry | undefined> {
    const [entry] = await this.#tx.query<LedgerEntry>(`SELECT ${COLUMNS} FROM headgate.ledger_entry WHERE dataset_id = $1 AND idempotency_key = $2`, [
      this.#datasetId,
      idempotencyKey,
    ]);
    return entry;
  }

  /**
   * The load that makes another one of the same content needless: in append and merge any that came in since the rows
   * were last replaced; in replace only the one whose rows are what is there now. A new contract reads a file anew.
   */
  async alreadyLoaded(contentHash: string, mode: LoadMode, contractVersion: number): Promise<LedgerEntry | undefined> {
    const [entry] = await this.#tx.query<LedgerEntry>(
      `WITH changes AS (SELECT id, mode FROM headgate.ledger_entry WHERE dataset_id = $1 AND changed),
         since AS (SELECT coalesce(max(id), 0) AS id FROM changes WHERE mode = 'replace')
       SELECT ${COLUMNS} FROM headgate.ledger_entry e, since
       WHERE dataset_id = $1 AND content_hash = $2 AND contract_version = $4 AND e.id >= since.id
         AND ($3 <> 'replace' OR (mode = 'replace' AND changed AND e.id = (SELECT max(id) FROM changes)
              AND data_version = (SELECT d.data_version FROM headgate.dataset d WHERE d.id = $1)))
       ORDER BY e.id LIMIT 1`,
      [this.#datasetId, contentHash, mode, contractVersion],
    );
    return entry;
  }

  async record(entry: LedgerEntry): Promise<void> {
    await this.#tx.query(
      `INSERT INTO headgate.ledger_entry (dataset_id, run_id, mode, content_hash, idempotency_key, contract_version, rows_read, rows_loaded, rows_quarantined,
         rows_deduplicated, bytes, data_version, row_count, changed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
      [
        this.#datasetId,
        entry.runId,
        entry.mode,
        entry.contentHash,
        entry.idempotencyKey ?? null,
        entry.contractVersion,
        entry.read,
        entry.loaded,
        entry.quarantined,
        entry.deduplicated,
        entry.bytes,
        entry.dataVersion,
        entry.rowCount,
        entry.changed,
      ],
    );
  }
}
