import { errors } from 'undici';
import { HeadgateError, type ErrorCode } from '../kernel/index.js';

/** What is known of a request when it fails. */
export interface Circumstances {
  /** Where it goes, as errors tell it. */
  readonly place: string;
  /** Without the port. */
  readonly host: string;
  readonly timeoutMs: number;
  readonly idleTimeoutMs: number;
  /** Of the caller. */
  readonly signal: AbortSignal | undefined;
  /** Of the whole time. */
  readonly deadline: AbortSignal;
  readonly closing: AbortSignal;
}

/**
 * What a failure is to a user. The errors of the client and of sockets are not handed on, not as a cause either: they hold addresses,
 * headers and what was received.
 */
export function failureOf(error: unknown, about: Circumstances): unknown {
  const { place, host, signal, deadline, closing } = about;
  const failed = (code: ErrorCode, what: string, more = {}) => new HeadgateError(code, `${place} ${what}`, { host, ...more });
  if (error instanceof HeadgateError)
    return 'host' in error.details ? error : new HeadgateError(error.code, `${place}: ${error.message}`, { host, ...error.details });
  if (signal?.aborted) return signal.reason;
  if (closing.aborted) return failed('UNAVAILABLE', 'is not waited for: this process stops.');
  if (deadline.aborted) return failed('TIMEOUT', `was not done within ${about.timeoutMs} milliseconds. Try again later.`);
  const code = codeOf(error);
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    return failed('TIMEOUT', `sent nothing for ${about.idleTimeoutMs} milliseconds. Try again later.`);
  }
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') return failed('TIMEOUT', 'takes no connection. Try again later.');
  if (code === 'UND_ERR_HEADERS_OVERFLOW' || code === 'HPE_HEADER_OVERFLOW') return failed('DATA_REJECTED', 'sends headers that are too large.');
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' || code === 'UND_ERR_SOCKET' || code === 'HPE_INVALID_EOF_STATE') {
    return failed('UNAVAILABLE', 'ended the connection before its answer was whole. Try again later.');
  }
  if (error instanceof errors.HTTPParserError) return failed('DATA_REJECTED', 'does not answer with HTTP that can be read.');
  if (code.startsWith('UND_ERR_INVALID_ARG')) return failed('BAD_USER_INPUT', 'was not asked: the request is not one that can be sent.');
  if (/CERT|TLS|SSL|SIGNED|SIGNATURE|EPROTO|UNABLE_TO/.test(code)) return failed('UNAVAILABLE', `has no TLS that can be trusted (${code}).`, { reason: code });
  return failed('UNAVAILABLE', `can't be reached${code === '' ? '' : ` (${code})`}. Try again later.`, code === '' ? {} : { reason: code });
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /^[A-Z\d_]+$/.test(code) ? code : '';
}
