import type { CollectorType } from '../collector-type.js';
import { StreamRun, type StreamRunOptions } from './stream-run.js';

/** Collecting from a kind of broker. */
export function streamType(options: StreamRunOptions): CollectorType {
  const { broker } = options;
  return {
    ...(broker.partitions && { partitions: (collector, source, signal) => broker.partitions?.(collector, source, signal) ?? Promise.resolve(['']) }),
    collect: (job) => new StreamRun(job, options).follow(),
  };
}
