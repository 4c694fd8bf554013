import type { SourceSpec } from '../../catalog/index.js';
import type { CollectorSpec } from './collector-shape.js';

/** A collector as it is in force. */
export interface Collector {
  readonly spec: CollectorSpec;
  readonly source: SourceSpec;
  readonly updatedBy: string;
  readonly updatedAt: Date;
}
