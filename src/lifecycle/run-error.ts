import { HeadgateError, isHeadgateError, newId, type Log } from '../kernel/index.js';

/** An error as it is kept with a run. */
export interface RunError {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/**
 * A HeadgateError as it is; anything else as INTERNAL_SERVER_ERROR with an id under which the log has the rest. The text of such an
 * error is not logged: PostgreSQL's quotes the value that it could not read.
 */
export function runError(error: unknown, log: Log, facts: Readonly<Record<string, unknown>>): RunError {
  const known = isHeadgateError(error) ? error : internal(error, log, facts);
  return { code: known.code, message: known.message, details: known.details };
}

function internal(error: unknown, log: Log, facts: Readonly<Record<string, unknown>>): HeadgateError {
  const errorId = newId();
  const stack = error instanceof Error ? error.stack?.split('\n').filter((line) => line.startsWith('    at ')) : undefined;
  const name = error instanceof Error ? error.name : typeof error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  log.error({ ...facts, errorId, error: { name, code, stack } }, 'a run failed for an unforeseen reason');
  return new HeadgateError('INTERNAL_SERVER_ERROR', `Something failed inside Headgate. The log has it under ${errorId}.`, { errorId });
}
