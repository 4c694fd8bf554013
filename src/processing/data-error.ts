import pg from 'pg';
import { HeadgateError } from '../kernel/index.js';

/** What PostgreSQL's codes mean to whoever wrote the step. Its own texts quote the value, so they are not shown. */
const MEANING: Readonly<Record<string, string>> = {
  '22012': 'a division by zero',
  '22003': 'a number that is too large for its type',
  '22P02': 'a text that is not of the type that it is cast to',
  '22007': 'a text that is no date or time',
  '22008': 'a date or time out of range',
  '22001': 'a text that is too long for its type',
  '22023': 'an argument that a function does not accept',
  '2201B': 'a regular expression that is none',
  '21000': 'several rows where one is expected',
  '23502': 'a row without a value for a field of the key',
  '23505': 'two rows with the same key',
};

/** Whether the rows are at fault: classes 21 (cardinality), 22 (data) and 23 (constraints) of SQLSTATE. */
export function isDataError(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError && /^2[123]/.test(error.code ?? '');
}

/** The error of a run whose data can't be processed. It says what happened and where, and never a value. */
export function dataError(error: pg.DatabaseError, step: string): HeadgateError {
  const sqlState = error.code ?? '';
  const what = MEANING[sqlState] ?? 'data that its SQL can not work with';
  return new HeadgateError(
    'DATA_REJECTED',
    `The step ${step} met ${what} (SQLSTATE ${sqlState}). Nothing was changed. Guard the expression (nullif, CASE, a filter before it), or mend the data.`,
    { step, sqlState },
    { cause: error },
  );
}

/** 57014 is PostgreSQL's for a statement that was ended: by its timeout, or by someone who asked for it. */
export function isCancelled(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '57014';
}
