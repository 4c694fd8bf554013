import type { Actor } from '../audit/index.js';
import type { JobGroup } from '../jobs/index.js';
import type { RunEntity, RunKind } from './run.entity.js';

/** Who asks for a run, and by which credential, so that nobody else of the same name is shown it. */
export interface RunActor extends Actor {
  readonly credential?: string;
}

/** Whose run it is, and of which partition of its source: of each there is one that is not over. */
export interface Collected {
  readonly collector: string;
  readonly partition: string;
  /** It goes on until it is stopped, and so needs a place of its own. */
  readonly isStream: boolean;
}

/** What is asked for when a run is made. */
export interface RunRequest {
  readonly kind: RunKind;
  readonly dataset?: string;
  readonly pipeline?: string;
  readonly collected?: Collected | undefined;
  /** The run that this one repeats or goes on with. */
  readonly parentId?: string | undefined;
  /** Mode, format, source ... Never content, never a secret. */
  readonly input?: Readonly<Record<string, unknown>>;
  readonly requestedBy: string;
  /** The credential by which it was asked for. */
  readonly requestedWith?: string | undefined;
  /** The same key for the same dataset gives the run that it gave before, unless that failed or was cancelled. */
  readonly idempotencyKey?: string;
  readonly bytesTotal?: number | bigint;
  /** From -100 to 100, 0 when it is not said: of those that wait the highest is taken first. */
  readonly priority?: number | undefined;
  /** Of the runs of one group only `limit` (1 to 64) are done at a time, in all processes together. */
  readonly group?: JobGroup | undefined;
}

/** The names by which users call priorities. */
export const RUN_PRIORITIES = { LOW: -50, NORMAL: 0, HIGH: 50 } as const;
export type RunPriority = keyof typeof RUN_PRIORITIES;

/** What users call a priority that is kept as a number. */
export function priorityOf(number: number): RunPriority {
  return number > RUN_PRIORITIES.NORMAL ? 'HIGH' : number < RUN_PRIORITIES.NORMAL ? 'LOW' : 'NORMAL';
}

/** Rows and bytes of a run; what is left out is as it was. */
export interface RunCounts {
  readonly rowsRead?: number | bigint;
  readonly rowsLoaded?: number | bigint;
  readonly rowsQuarantined?: number | bigint;
  readonly rowsDeduplicated?: number | bigint;
  readonly bytesRead?: number | bigint;
  readonly bytesTotal?: number | bigint;
}

const COLUMNS: Readonly<Record<keyof RunCounts, string>> = {
  rowsRead: 'rows_read',
  rowsLoaded: 'rows_loaded',
  rowsQuarantined: 'rows_quarantined',
  rowsDeduplicated: 'rows_deduplicated',
  bytesRead: 'bytes_read',
  bytesTotal: 'bytes_total',
};

/** `, rows_read = $4, ...` with its values; `first` is the number of the first parameter. */
export function assignments(counts: RunCounts, first: number): { readonly text: string; readonly values: readonly string[] } {
  const given = (Object.keys(COLUMNS) as (keyof RunCounts)[]).flatMap((key) => {
    const value = counts[key];
    return value === undefined ? [] : [[COLUMNS[key], String(value)] as const];
  });
  return { text: given.map(([column], i) => `, ${column} = $${first + i}`).join(''), values: given.map(([, value]) => value) };
}

/** `, rows_read = rows_read + $4, ...` with its values, as `assignments`. */
export function additions(counts: RunCounts, first: number): { readonly text: string; readonly values: readonly string[] } {
  const { values, text } = assignments(counts, first);
  return { text: text.replaceAll(/(\w+) = (\$\d+)/g, '$1 = $1 + $2::bigint'), values };
}

/** The queue of runs that go on until they are stopped: they must not take the places of those that end. */
export const STREAM_QUEUE = 'stream';

/** The queue whose workers do runs of a kind. */
export const RUN_QUEUES: Readonly<Record<RunKind, string>> = { INGESTION: 'ingestion', PIPELINE: 'pipeline', QUALITY: 'quality' };

/** The queue for a run. */
export function queueOf({ kind, input }: Pick<RunEntity, 'kind' | 'input'>): string {
  return input['stream'] === true ? STREAM_QUEUE : RUN_QUEUES[kind];
}
