import type { CollectJob } from './collect-job.js';
import type { CollectorSpec } from './collector-shape.js';
import type { SourceSpec } from '../../catalog/index.js';

/** How rows are collected from one type of source. */
export interface CollectorType {
  /** `pull`: a run takes what is there, and ends. `stream`: a run goes on until it is stopped. Some have both, as the document says. */
  readonly kind: 'pull' | 'stream' | ((collector: CollectorSpec) => 'pull' | 'stream');
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

/** Whether a collector of the type is a stream; of a type that this process does not know it is not. */
export function isStream(type: CollectorType | undefined, collector: CollectorSpec): boolean {
  return (typeof type?.kind === 'function' ? type.kind(collector) : type?.kind) === 'stream';
}
