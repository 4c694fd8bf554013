import type { CollectJob } from './collect-job.js';
import type { CollectorSpec } from './collector-shape.js';
import type { SourceSpec } from '../../catalog/index.js';

/** How rows are collected from one type of source. */
export interface CollectorType {
  /**
   * The partitions of a stream: each is consumed in order, by one run at a time. Without it there is one, named ''.
   * @throws HeadgateError UNAVAILABLE when the source can't be asked
   */
  partitions?(collector: CollectorSpec, source: SourceSpec, signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Collects: lands batches with `job.land`. A stream's returns when `job.signal` aborts; what it throws ends the run as failed.
   * It may be begun again at any time, from the position of the last batch that landed.
   */
  collect(job: CollectJob): Promise<void>;
}
