import type { FastifyReply } from 'fastify';
import { ERROR_CODES, HeadgateError, isHeadgateError, newId, type ErrorCode, type Log } from '../kernel/index.js';

/** What went wrong as RFC 9457 has it; `details` of the error are members beside the standard ones. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly [member: string]: unknown;
}

const TITLES: Readonly<Record<ErrorCode, string>> = {
  UNAUTHENTICATED: 'Not authenticated',
  FORBIDDEN: 'Not allowed',
  PURPOSE_REQUIRED: 'A purpose is required',
  BAD_USER_INPUT: 'The request is not right',
  GRAPHQL_VALIDATION_FAILED: 'The GraphQL document is not valid',
  NOT_FOUND: 'Not found',
  CONFLICT: 'Conflict',
  QUERY_TOO_COMPLEX: 'Too large',
  RATE_LIMITED: 'Too many requests',
  TIMEOUT: 'Took too long',
  UNAVAILABLE: 'Not available now',
  DATA_REJECTED: 'The data was rejected',
  CONTRACT_VIOLATION: 'The contract was broken',
  INTERNAL_SERVER_ERROR: 'Something went wrong on our side',
};

/** Fastify's own refusals carry a status; these are the ones that are not simply a bad request. */
const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  404: 'NOT_FOUND',
  408: 'TIMEOUT',
  413: 'QUERY_TOO_COMPLEX',
  429: 'RATE_LIMITED',
  503: 'UNAVAILABLE',
};

/** A thrown thing as an error that may leave: ours as it is, Fastify's in our words, the rest only as an id that the log has. */
export function presentable(error: unknown, log: Log): { readonly error: HeadgateError; readonly status: number } {
  if (isHeadgateError(error)) return { error, status: error.status };
  const status = statusOf(error);
  if (status !== undefined && status < 500 && error instanceof Error) {
    const code = CODE_OF_STATUS[status] ?? 'BAD_USER_INPUT';
    return { error: new HeadgateError(code, refusalText(error), {}, { cause: error }), status };
  }
  const id = newId();
  log.error({ err: error, errorId: id }, 'an error without a code');
  return { error: new HeadgateError('INTERNAL_SERVER_ERROR', `Something went wrong on our side. The log has it under ${id}.`, { id }), status: 500 };
}

/** @param status where it differs from the code's own: a wrong method or media type has a status of its own. */
export function problemOf({ code, message, details }: HeadgateError, status: number = ERROR_CODES[code]): Problem {
  return { ...details, type: `urn:headgate:error:${code}`, title: TITLES[code], status, detail: message, code };
}

export function sendProblem(reply: FastifyReply, error: HeadgateError, status?: number): FastifyReply {
  const problem = problemOf(error, status);
  sayWhen(reply, error.details['retryAfter']);
  return reply.code(problem.status).type('application/problem+json; charset=utf-8').send(JSON.stringify(problem));
}

/** @param retryAfter seconds */
export function sayWhen(reply: FastifyReply, retryAfter: unknown): void {
  if (typeof retryAfter === 'number') void reply.header('retry-after', String(retryAfter));
}

function statusOf(error: unknown): number | undefined {
  const status = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' ? status : undefined;
}

function refusalText(error: Error): string {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return 'The Content-Type is not one that this route takes: expected application/json.';
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return 'The request body is larger than HEADGATE_MAX_REQUEST_BYTES allows. Send less, or raise it.';
  if (code === 'FST_ERR_CTP_EMPTY_JSON_BODY' || code === 'FST_ERR_CTP_INVALID_JSON_BODY' || error instanceof SyntaxError)
    return 'The request body is not JSON.';
  return error.message;
}
