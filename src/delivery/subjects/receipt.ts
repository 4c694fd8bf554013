import type { ErasedRows } from './erase-rows.js';

/** What an erasure did. It names datasets, counts and runs; never the person. */
export interface ErasureReceipt {
  readonly id: string;
  /** `subjectReference` of the person. */
  readonly reference: string;
  readonly at: Date;
  readonly by: string;
  readonly reason: string;
  /** Those that had something. */
  readonly datasets: readonly ErasedRows[];
  readonly quarantined: number;
  /** Rows that pipelines had computed and not published. */
  readonly staged: number;
  /** What else was kept of the person, by name. */
  readonly others: readonly { readonly name: string; readonly count: number }[];
  /** Datasets whose rows stay at a source, where nothing was erased. */
  readonly elsewhere: readonly string[];
  /** Datasets that were made of erased rows and have no subject: to be made again. */
  readonly recompute: readonly string[];
  /** Loads and pipelines that waited or ran: they are refused if they bring the person back. */
  readonly openRuns: readonly { readonly id: string; readonly dataset: string }[];
}
