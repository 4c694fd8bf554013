import { HeadgateError, isHeadgateError, newId, type ErrorCode, type Log } from '../kernel/index.js';

/** An error as it is kept with a run. */
export interface RunError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/**
 * PostgreSQL's codes for what has to do with the moment and not with the statement: a cut connection, a server that stops or has
 * no room, a deadlock, a lock that others hold.
 */
const OF_THE_MOMENT = /^(08...|53...|57P0[1-5]|40001|40P01|55P03|58030)$/;
/** What the driver says of a connection that is no more. */
const CUT = /^Connection terminated|ECONNRESET|ECONNREFUSED|EPIPE/;

/**
 * A HeadgateError as it is; UNAVAILABLE for what the database could not do at the moment; anything else as INTERNAL_SERVER_ERROR with an
 * id under which the log has the rest. The text of such an error is not logged: PostgreSQL's quotes the value that it could not read.
 */
export function runError(error: unknown, log: Log, facts: Readonly<Record<string, unknown>>): RunError {
  const known = isHeadgateError(error) ? error : (ofTheMoment(error) ?? internal(error, log, facts));
  return { code: known.code, message: known.message, details: known.details };
}

function ofTheMoment(error: unknown): HeadgateError | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (!OF_THE_MOMENT.test(code) && !CUT.test(error.message) && !CUT.test(code)) return undefined;
  return new HeadgateError('UNAVAILABLE', 'The database could not do it at the moment. Nothing was changed.', code === '' ? {} : { sqlState: code });
}

function internal(error: unknown, log: Log, facts: Readonly<Record<string, unknown>>): HeadgateError {
  const errorId = newId();
  const stack = error instanceof Error ? error.stack?.split('\n').filter((line) => line.startsWith('    at ')) : undefined;
  const name = error instanceof Error ? error.name : typeof error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  log.error({ ...facts, errorId, error: { name, code, stack } }, 'a run failed for an unforeseen reason');
  return new HeadgateError('INTERNAL_SERVER_ERROR', `Something failed inside Headgate. The log has it under ${errorId}.`, { errorId });
}
