import type { InferredField } from '../inference.js';
import type { DeclaredColumn } from '../inference.js';

/** So much of a source is looked at. */
export interface SampleBounds {
  readonly mostRows: number;
  readonly mostPages: number;
  readonly signal: AbortSignal;
}

/** Some rows of a source, with what it says of them, and what asks for all of them. */
export interface Sample {
  /** What rows are at the source, from which a name for them is made. */
  readonly called: string;
  /** Rows as JSON, one on each line; they are fetched as they are read. */
  readonly rows: AsyncIterable<Buffer>;
  /** What is known of columns without their values. */
  readonly columns: readonly DeclaredColumn[];
  /** Columns that the source itself knows its rows by. */
  readonly key: readonly string[];
  /** Whether the rows, read to their end, were all there are. */
  readonly isWhole: () => boolean;
  /** What was looked at, in a few words. */
  readonly seen: () => string;
  /** The collector's part, and what is to be said of it; known when rows were read. */
  readonly part: (fields: readonly InferredField[], key: readonly string[]) => { readonly part: object; readonly remarks: readonly string[] };
  /** What of the source is not in the contract, and why. */
  readonly remarks: readonly string[];
}
