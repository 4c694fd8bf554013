import { HeadgateError } from '../../kernel/index.js';
import { rejected } from '../rejection.js';

/** What a reader of Parquet stumbles over, without its words: they may quote the file. */
export function damaged(what: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown): HeadgateError {
  return rejected(`The Parquet file is damaged: ${what}. Write it anew.`, details, cause);
}

/** Errors of the decoders as ours; those that are ours as they are. */
export function inColumn(error: unknown, column: string): unknown {
  if (error instanceof HeadgateError) return error;
  const code = (error as { code?: unknown } | undefined)?.code;
  // The disk, or the process: not the file's fault.
  if (typeof code === 'string' && !code.startsWith('ERR_') && !code.startsWith('Z_') && !code.startsWith('ZSTD')) return error;
  const unsupported = error instanceof Error ? /unsupported (encoding|page type|compression codec): (\w+)/.exec(error.message) : null;
  if (unsupported) {
    return rejected(
      `The column "${column.slice(0, 80)}" is written with the ${unsupported[1]} ${unsupported[2]}, which this version does not read.`,
      { field: column.slice(0, 80) },
      error,
    );
  }
  return damaged(`a page of the column "${column.slice(0, 80)}" can't be read`, { field: column.slice(0, 80) }, error);
}
