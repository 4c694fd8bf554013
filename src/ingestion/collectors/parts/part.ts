import type { ZodObject } from 'zod';

/** What a collector asks of one type of source: a key of its document. */
export interface CollectorPart<Shape extends ZodObject = ZodObject> {
  readonly shape: Shape;
  /** `pull`: it takes what is there, by a schedule or when it is told to. `stream`: it never ends. */
  readonly kind: 'pull' | 'stream';
  /** The keys that say what is collected: when one changes, it begins from the beginning. */
  readonly identity: readonly string[];
}
