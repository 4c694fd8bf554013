import type { ZodType } from 'zod';
import type { Dataset } from '../../../catalog/index.js';
import type { LoadMode } from '../../outcome.js';

/** What a part is looked at beside. */
export interface PartFacts {
  readonly mode: LoadMode;
  readonly dataset: Dataset;
}

export interface PartProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What a collector asks of one type of source: a key of its document. */
export interface CollectorPart<Shape extends ZodType = ZodType> {
  readonly shape: Shape;
  /** `pull`: it takes what is there, by a schedule or when it is told to. `stream`: it never ends. A type may have both. */
  readonly kind: 'pull' | 'stream' | ((part: object) => 'pull' | 'stream');
  /** The keys that say what is collected, `a.b` for one inside another: when one changes, it begins from the beginning. */
  readonly identity: readonly string[];
  /** What does not go together with mode and dataset. */
  check?(part: object, facts: PartFacts): PartProblem | undefined;
  /** What stays at the source when the collector is removed, and how it is mended there. */
  leaves?(part: object, facts: { readonly collector: string; readonly dataset: Pick<Dataset, 'id'> }): string | undefined;
}
