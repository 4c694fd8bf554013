import type { Dataset, SourceSpec } from '../../catalog/index.js';
import type { RunEntity } from '../../lifecycle/index.js';
import type { Transaction } from '../../store/index.js';
import type { CapturedChanges } from '../captured-changes.js';
import type { DialectRequest } from '../dialect/dialect.js';
import type { Format } from '../format.js';
import type { LoadCounts, LoadMode, LoadOutcome } from '../outcome.js';
import type { Source } from '../source.js';
import type { CollectorSpec } from './collector-shape.js';
import type { Lag, PartitionHealth } from './positions.js';
import type { RefusedMessage } from './refused-messages.js';

/** Rows that land together, and where in the source their collector is afterwards. */
export interface CollectedBatch {
  /** By default rows as one JSON object a line; other formats as files have them. Without it no rows land, and the position moves. */
  readonly source?: Source | undefined;
  readonly format?: Format | undefined;
  /** How its text is written. */
  readonly dialect?: DialectRequest | undefined;
  /** Loads what was loaded before: by default, since two batches may hold the same rows; files are known by their content. */
  readonly force?: boolean | undefined;
  /** By default the collector's. */
  readonly mode?: LoadMode | undefined;
  /** Of rows that are changes of the source. */
  readonly changes?: CapturedChanges | undefined;
  /** Whether newer changes of the source take the place of what is refused of it; by default where it has `changes`. */
  readonly captured?: boolean | undefined;
  /** Where each row was, in the order of the rows: told with those that go to quarantine. */
  readonly positionOf?: ((line: number) => string | undefined) | undefined;
  /** No row may keep the others from landing, as the rows of a file may: each that breaks the contract goes to quarantine, however many there are. */
  readonly eachAlone?: boolean | undefined;
  /** What has no rows, and goes to quarantine as it is. */
  readonly refused?: readonly RefusedMessage[] | undefined;
  /** What the next batch begins after; any JSON value. It is written in the transaction that holds the rows. */
  readonly position: unknown;
  /** How it goes with the partition once the batch has landed. */
  readonly health?: PartitionHealth | undefined;
  /** When the batch was asked for: what was received before an erasure does not bring the person back. By default now. */
  readonly receivedAt?: Date | undefined;
  /** Joins the transaction, before its commit. */
  readonly inTransaction?: ((tx: Transaction, outcome: LoadOutcome) => Promise<void>) | undefined;
}

/** One run of a collector over one partition. */
export interface CollectJob {
  readonly run: RunEntity;
  readonly collector: CollectorSpec;
  readonly source: SourceSpec;
  /** As it is now: a contract may change between batches. */
  readonly dataset: Dataset;
  readonly partition: string;
  /** Aborts when the run was cancelled, taken over, or is to end because its collector changed or the process stops. */
  readonly signal: AbortSignal;
  /** Where the collector is in the partition; undefined before the first batch. */
  position(): Promise<unknown>;
  /**
   * Loads a batch and moves the position, in one transaction: both happened, or neither.
   * Batches of one job land one after the other. After one that failed the position is read anew: it may have moved after all, when
   * only the answer was lost.
   * @throws HeadgateError as Loader.load; AttemptLostError when the run, or the position, is in other hands
   */
  land(batch: CollectedBatch): Promise<LoadCounts>;
  /** Tells how far behind the source it is, where that is known: rows that wait, and since when. */
  lag(lag: Lag): Promise<void>;
  /** Tells how it goes, where no batch does. */
  tell(health: PartitionHealth): Promise<void>;
}
