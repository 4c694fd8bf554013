import type { ErrorCode } from '../kernel/index.js';
import { table } from './output.js';

/** The fields of a run that the commands ask for. */
export const RUN_FIELDS = `id kind status pipeline dataset { name } requestedBy attempt createdAt startedAt finishedAt
  rowsRead rowsLoaded rowsQuarantined rowsDeduplicated bytesRead throughput progress
  error { code message details } lastError { code message } nextAttemptAt priority deadLetter parentId redrivenAs
  steps { position name kind status seconds rowsIn rowsOut }`;

export interface RunAnswer {
  readonly id: string;
  readonly kind: string;
  readonly status: 'QUEUED' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';
  readonly pipeline: string | null;
  readonly attempt: number;
  readonly createdAt: string;
  readonly progress: number | null;
  readonly throughput: number | null;
  /** A name over HTTP, an object over GraphQL. */
  readonly dataset: string | { readonly name: string } | null;
  readonly rowsRead: string;
  readonly rowsLoaded: string;
  readonly rowsQuarantined: string;
  readonly rowsDeduplicated: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly error: { readonly code: ErrorCode; readonly message: string } | null;
  /** These are not in the answer of an upload, which does not wait. */
  readonly lastError?: { readonly code: ErrorCode; readonly message: string } | null;
  readonly nextAttemptAt?: string | null;
  readonly deadLetter?: boolean;
  readonly redrivenAs?: string | null;
  readonly steps?: readonly {
    readonly name: string;
    readonly kind: string;
    readonly status: string;
    readonly seconds: number | null;
    readonly rowsOut: string | null;
  }[];
}

/** A name over HTTP, an object over GraphQL. */
export function datasetOf({ dataset }: Pick<RunAnswer, 'dataset'>): string | undefined {
  return typeof dataset === 'string' ? dataset : dataset?.name;
}

export function runLines(run: RunAnswer): string[] {
  const dataset = datasetOf(run);
  const isWaiting = typeof run.nextAttemptAt === 'string';
  const lines = [
    ['run', run.id],
    ['status', run.status],
    ...(run.pipeline === null ? [] : [['pipeline', run.pipeline]]),
    ...(dataset === undefined ? [] : [['dataset', dataset]]),
    ['rows', `${run.rowsRead} read, ${run.rowsLoaded} loaded, ${run.rowsQuarantined} quarantined, ${run.rowsDeduplicated} deduplicated`],
    ...(dataset !== undefined && Number(run.rowsQuarantined) > 0 ? [['refused', `headgate quarantine list ${dataset} tells which, and why`]] : []),
    ...(run.startedAt !== null && run.finishedAt !== null ? [['seconds', ((Date.parse(run.finishedAt) - Date.parse(run.startedAt)) / 1000).toFixed(3)]] : []),
    ...(run.error === null ? [] : [['error', `${run.error.code}: ${run.error.message}`]]),
    ...(isWaiting ? [['again at', run.nextAttemptAt ?? '']] : []),
    ...(isWaiting && run.lastError ? [['because', `${run.lastError.code}: ${run.lastError.message}`]] : []),
    ...(run.deadLetter ? [['given up', `headgate run redrive ${run.id} does it again`]] : []),
    ...(run.redrivenAs ? [['redriven as', run.redrivenAs]] : []),
  ];
  const steps = (run.steps ?? []).map(({ name, kind, status, seconds, rowsOut }) => [
    `  ${name}`,
    kind,
    status,
    seconds === null ? '' : `${seconds.toFixed(3)} s`,
    rowsOut === null ? '' : `${rowsOut} rows`,
  ]);
  return [...table(lines), ...(steps.length > 0 ? ['steps', ...table(steps)] : [])];
}
