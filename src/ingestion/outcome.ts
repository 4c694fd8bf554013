import type { ContractDrift } from '../catalog/index.js';
import type { Dialect } from './dialect/dialect.js';
import type { ReadAs } from './read-as.js';

/** What a load is made of and what became of it; shared by the loader and those who call it. */
export const LOAD_MODES = ['append', 'replace', 'merge'] as const;
export type LoadMode = (typeof LOAD_MODES)[number];

export interface LoadCounts {
  readonly read: number;
  readonly loaded: number;
  readonly quarantined: number;
  readonly deduplicated: number;
}

export interface LoadOutcome extends LoadCounts {
  /** The run that loaded it: this one, or the first one when the same idempotency key came again. */
  readonly runId: string;
  /** True when this very load had been done before and nothing was loaded now. */
  readonly repeated: boolean;
  readonly mode: LoadMode;
  /** Bytes of the content, unpacked. */
  readonly bytes: number;
  /** SHA-256 of the unpacked content, hex. */
  readonly contentHash: string;
  /** The dataset's version after the load; unchanged when no row changed. */
  readonly dataVersion: number;
  /** How the text was read, where this was found out. */
  readonly dialect?: Dialect | undefined;
  /** As what the content was read; absent of a replay. */
  readonly readAs?: ReadAs | undefined;
  /** Rows of the dataset after the load. */
  readonly rowCount: number;
  /** How the contract followed the rows; absent when it did not have to. */
  readonly drift?: ContractDrift;
  /** Rows of the quarantine that these took the place of. */
  readonly superseded?: number;
  /** Of a preview, after which nothing is changed. */
  readonly preview?: Preview;
}

/** A row of a preview, its values as texts, by field. Nothing of it is masked yet. */
export interface PreviewRow {
  readonly line: number | null;
  readonly values: Readonly<Record<string, string | null>>;
}

/** What a load would do, beside its counts. */
export interface Preview {
  readonly inserted: number;
  readonly updated: number;
  /** The first of the rows that would be loaded. */
  readonly loaded: readonly PreviewRow[];
  /** Why rows would be quarantined, with the first of them; a row with several reasons counts for each. */
  readonly reasons: readonly (Reason & { readonly count: number; readonly rows: readonly PreviewRow[] })[];
}

/** `receive`: the source is spooled; `load`: rows land; `check`: rules, key, merge; `done`. */
export type LoadPhase = 'receive' | 'load' | 'check' | 'done';

export interface LoadProgress {
  readonly phase: LoadPhase;
  readonly bytesRead: number;
  readonly bytesTotal?: number;
  /** Rows that have landed so far, now and then. */
  readonly rowsRead?: number;
}

/** Why a row is in quarantine; never with the value. */
export interface Reason {
  readonly field: string | null;
  readonly rule: string;
  readonly message: string;
}
