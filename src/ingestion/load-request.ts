import type { Actor } from '../audit/index.js';
import type { ContractDrift, Dataset } from '../catalog/index.js';
import type { Transaction } from '../store/index.js';
import type { CapturedChanges } from './captured-changes.js';
import type { DialectRequest } from './dialect/dialect.js';
import type { Format } from './format.js';
import type { Replay } from './replay-landing.js';
import type { LoadMode, LoadOutcome, LoadProgress } from './outcome.js';
import type { Source } from './source.js';
import type { ReadAs } from './read-as.js';
import type { Spooled } from './spool.js';

export interface LoadRequest {
  readonly runId: string;
  readonly dataset: Dataset;
  readonly source: Source;
  /** `csv`, `tsv`, `ndjson`, `json` or `parquet`; found by content type or file name when absent. */
  readonly format?: string | undefined;
  readonly mode: LoadMode;
  /** How its text is written, or that this is to be found out; as RFC 4180 says when absent. */
  readonly dialect?: DialectRequest | undefined;
  /** Loads a file that was loaded already. */
  readonly force?: boolean | undefined;
  /** The same key for the same dataset gives the first load's outcome again, and loads nothing. */
  readonly idempotencyKey?: string | undefined;
  /** `gzip` or `zstd` when the sender says so; both are also known by their first bytes. */
  readonly contentEncoding?: string | undefined;
  /** The rows have nothing to do with each other: that all of them are broken says nothing about the next. */
  readonly eachAlone?: boolean | undefined;
  /** Of rows that are changes of a source: what they take away, and leave as it is. With mode merge and rows as NDJSON. */
  readonly changes?: CapturedChanges | undefined;
  /** The rows are of a source whose changes are followed: newer ones take the place of those that were refused. */
  readonly captured?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Told what the content is before any of it lands. */
  readonly onRead?: ((readAs: ReadAs) => void) | undefined;
  /**
   * Joins the load's transaction, last before its commit: run, audit entry, next job. It should be short, since it may
   * run while readers wait for the table's exchange. The dataset is the one that was loaded into: its contract may have followed
   * the rows.
   */
  readonly inTransaction?: ((tx: Transaction, outcome: LoadOutcome, dataset: Dataset) => Promise<void>) | undefined;
  /** Who loads: in whose name a contract is changed that follows what comes. */
  readonly actor?: Actor | undefined;
  /** Does all of it, tells what it did with some rows, and takes it back. */
  readonly preview?: PreviewWish | undefined;
}

/** What a preview tells beside its counts. */
export interface PreviewWish {
  /** Rows of each kind at the most. */
  readonly rows: number;
}

/** A load whose source is on the disk already. */
export interface SpooledLoad extends Omit<LoadRequest, 'source' | 'format' | 'contentEncoding' | 'dialect'> {
  readonly spooled: Spooled;
  readonly format: Format;
  /** What the contract must become first: found by an attempt before this one. */
  readonly drift?: ContractDrift | undefined;
  /** The rows are in the quarantine, not on the disk. */
  readonly replay?: Replay | undefined;
}
