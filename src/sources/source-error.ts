import { BrokenCircuitError, TaskCancelledError } from 'cockatiel';
import pg from 'pg';
import { HeadgateError, isHeadgateError } from '../kernel/index.js';

/** PostgreSQL's codes for: the statement took too long; a pattern that is none; a right that is missing. */
const TOOK_TOO_LONG = '57014';
const BAD_PATTERN = '2201B';
const NOT_ALLOWED = '42501';

/** Class 42, and a table that changed under a prepared statement: what was known of the source may be wrong. */
export function mayHaveChanged(error: unknown): boolean {
  const code = codeOf(error);
  return code.startsWith('42') || code === '0A000' || code.startsWith('22');
}

/** The source itself, or the way to it, fails, and not one statement: whoever asks next would wait for nothing. */
export function isOutage(error: unknown): boolean {
  if (error instanceof BrokenCircuitError) return false;
  if (error instanceof TaskCancelledError) return true;
  if (isHeadgateError(error)) return error.code === 'UNAVAILABLE';
  if (!(error instanceof pg.DatabaseError)) return true;
  return /^(08|28|3D|53|57P|XX)/.test(codeOf(error));
}

/**
 * An error at a source in our words. Neither PostgreSQL's own text, which may hold values, nor an address is part of it.
 * @param mayFail a condition of a grant in the statement may raise an error on some row
 */
export function sourceError(source: string, error: unknown, mayFail = false): HeadgateError {
  const made = (code: ConstructorParameters<typeof HeadgateError>[0], message: string, details = {}) =>
    new HeadgateError(code, message, { source, ...details }, { cause: error });
  if (isHeadgateError(error) && error.code === 'BAD_USER_INPUT') return error;
  if (isHeadgateError(error)) return error.details['source'] === undefined ? made(error.code, `The source ${source}: ${error.message}`, error.details) : error;
  if (error instanceof BrokenCircuitError)
    return made('UNAVAILABLE', `The source ${source} did not answer several times, and is left alone for some seconds. Try again then.`);
  if (error instanceof TaskCancelledError) return made('UNAVAILABLE', `The source ${source} did not answer in time. Try again in a moment.`);
  const code = codeOf(error);
  if (code === TOOK_TOO_LONG)
    return made('TIMEOUT', `The source ${source} took longer than it may. Ask for fewer rows, or filter by a field that is indexed there.`);
  // What the reader has done wrong is the same wherever the rows are.
  const refused = (message: string) => new HeadgateError('BAD_USER_INPUT', message, {}, { cause: error });
  if (code === BAD_PATTERN) return refused('A `matches` filter is not a regular expression that PostgreSQL understands (POSIX).');
  if (code.startsWith('22')) {
    const alternative = mayFail ? ', or the condition of a grant on these data fails on some row: a steward can mend it' : '';
    return refused(`A value of the query or its cursor is out of the range of its type${alternative}.`);
  }
  if (code === NOT_ALLOWED)
    return made(
      'CONTRACT_VIOLATION',
      `The user with whom Headgate reads from the source ${source} may not read all that the contract names. Its owner can grant it.`,
    );
  if (code.startsWith('42'))
    return made(
      'CONTRACT_VIOLATION',
      `The source ${source} does not have, or does not understand, what the contract and its grants name. Apply the contract again to see what differs.`,
    );
  return made('UNAVAILABLE', `The source ${source} can not be reached now, or could not answer. Try again in a moment.`);
}

/** PostgreSQL's code of an error, or the system's (ECONNREFUSED): enough for the log, and no address in it. */
export function codeOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : error instanceof Error ? error.name : '';
}
