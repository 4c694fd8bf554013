import pg from 'pg';
import { HeadgateError } from '../kernel/index.js';

/** Where in a file something is wrong; lines and columns count from 1, columns in characters. */
export interface Position {
  readonly line?: number;
  readonly column?: number;
  readonly field?: string;
}

/** The error for a file that can't be loaded as a whole: the dataset stays as it was. */
export function rejected(message: string, details: Position & Readonly<Record<string, unknown>> = {}, cause?: unknown): HeadgateError {
  return new HeadgateError('DATA_REJECTED', message, details, cause === undefined ? undefined : { cause });
}

/** The same error with the file's name beside; names come from the caller's own request. */
export function inFile(error: unknown, file: string | undefined): unknown {
  if (!(error instanceof HeadgateError) || error.code !== 'DATA_REJECTED' || file === undefined || 'file' in error.details) return error;
  const { line, column } = error.details as Position;
  const at = line === undefined ? file : `${file}:${line}${column === undefined ? '' : `:${column}`}`;
  return new HeadgateError('DATA_REJECTED', `${at}: ${error.message}`, { ...error.details, file }, { cause: error.cause });
}

/** What PostgreSQL says of rows that it can't take at all, without its text: that may quote data. Other errors as they are. */
export function unreadable(error: unknown): unknown {
  // 22: the data; 54: a limit of the program, such as a value that is nested without end.
  if (!(error instanceof pg.DatabaseError) || !/^(22|54)/.test(error.code ?? '')) return error;
  const { line } = /line (?<line>\d+)/.exec(error.where ?? '')?.groups ?? {};
  const what = error.code?.startsWith('54') ? 'A value is nested too deep, or is too large, for the database' : "One of the rows can't be read by the database";
  return rejected(
    `${what} (SQLSTATE ${error.code}). Nothing was loaded; mend the file.`,
    { sqlState: error.code, ...(line !== undefined && { row: Number(line) }) },
    error,
  );
}

/** For a row of JSON with something that the contract does not have. */
export function unknownMember(dataset: { readonly name: string }, line: number, name: string): HeadgateError {
  const shown = name.slice(0, 80);
  return rejected(`The row at line ${line} has "${shown}", which is not in the contract of "${dataset.name}". Change the file, or the contract.`, {
    line,
    extra: [shown],
  });
}

/** For a row of JSON that has a field under two of its names. */
export function twoMembers(dataset: { readonly name: string }, line: number, field: string): HeadgateError {
  return rejected(
    `The row at line ${line} has the field ${field} of "${dataset.name}" twice, under two of its names. Change the file, or take an alias out of the contract.`,
    { line, duplicate: [field] },
  );
}
