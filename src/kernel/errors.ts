import { ERROR_CODES, type ErrorCode } from './error-codes.js';

/** Facts about an error that a program can act on: where it is (`file`, `line`, `column`, `path`, `field`), what was expected and what came. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * The one kind of error whose text reaches a user. It says what was expected, what came and how to mend it;
 * anything else that is thrown reaches a client as INTERNAL_SERVER_ERROR with an id that the log has.
 */
export class HeadgateError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'HeadgateError';
    this.code = code;
    this.details = details;
  }

  /** HTTP status on the routes that are not GraphQL. */
  get status(): number {
    return ERROR_CODES[this.code];
  }
}

/** True for an error of ours, also through a copy of the class from another module instance. */
export function isHeadgateError(error: unknown): error is HeadgateError {
  return error instanceof HeadgateError;
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
