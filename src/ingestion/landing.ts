import type { Dataset, NewColumn } from '../catalog/index.js';
import type { Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import type { ContractRules } from './contract-rules.js';
import type { Format } from './format.js';
import type { Spooled } from './spool.js';

/** What a way of landing needs to know. */
export interface LandingJob {
  readonly tx: Transaction;
  readonly dataset: Dataset;
  readonly spooled: Spooled;
  readonly format: Format;
  readonly rules: ContractRules;
  /** The table under `landed`, for COPY. */
  readonly table: Sql;
  /** It is the one that will be the dataset's, so that each row needs an id. */
  readonly withRowIds?: boolean | undefined;
  readonly maxValueBytes: number;
  /** That no row is an object is no reason to refuse them all. */
  readonly eachAlone?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the spooled file that were read so far. */
  readonly onBytes: (bytes: number) => void;
}

/** A file's rows in the work tables. */
export interface Landed {
  /** Rows of the file. */
  readonly read: number;
  /** Writes the text of each refused row, as it came, to `raw_row`. @throws TooManyBadRows where this way only bears few. */
  readonly keepRaw: () => Promise<void>;
  /** Of columns that the contract does not have, where it follows what comes. */
  readonly newColumns: readonly NewColumn[];
}

/** The quick way to land has met more bad rows than it handles well; nothing is wrong, the general way takes over. */
export class TooManyBadRows extends Error {}

/** Beyond it, one set-based pass over all rows costs less than looking after each. */
export const MOST_BAD_ROWS = 10_000;
