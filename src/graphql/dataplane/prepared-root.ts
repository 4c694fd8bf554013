import type { ReadSelection } from '../../access/index.js';
import type { DatasetDecision } from '../../governance/index.js';
import type { PreparedRead } from './prepared-read.js';

/** What one request adds to a plan. */
export interface RequestValues {
  readonly values: readonly unknown[];
  readonly patterns: readonly string[];
}

/** A root field of a request, selected, priced, decided and governed: all that is left is to read. */
export interface PreparedRoot {
  /** In the response. */
  readonly rootKey: string;
  readonly read: PreparedRead;
  readonly request: RequestValues;
  readonly selection: ReadSelection;
  /** Equal for what can share a statement. */
  readonly shape: string;
  readonly decisions: readonly DatasetDecision[];
  /** When, by the clock of `performance`. */
  readonly began: number;
}
