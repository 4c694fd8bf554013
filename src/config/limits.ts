import { HeadgateError } from '../kernel/index.js';
import type { Environment } from './environment.js';

/** Bounds of one request; each is set by the variable of its name (`maxPage`: HEADGATE_MAX_PAGE). */
export interface Limits {
  /** Rows a page holds when the query does not say, and at the most. */
  readonly defaultPage: number;
  readonly maxPage: number;
  /** The price of one operation, in fields of rows that it could return. */
  readonly maxCost: number;
  readonly maxDepth: number;
  readonly maxAliases: number;
  readonly maxTokens: number;
  /** Open subscriptions, and connections for them, of one principal in one process. */
  readonly maxSubscriptions: number;
  readonly statementTimeoutMs: number;
  readonly exportTimeoutMs: number;
  /** Requests a minute of one principal, of all without a credential from one address, and requests for the schema of either; 0 for any number. */
  readonly rateLimit: number;
  readonly rateLimitAnonymous: number;
  readonly rateLimitIntrospection: number;
  /** Requests a minute with which one source of events may be told of them; 0 for any number. */
  readonly rateLimitEvents: number;
  /** Reads that one principal may have under way in one process; 0 for any number. */
  readonly maxConcurrentReads: number;
  /** Reads that may wait for a session of the database in one process; more are refused at once. */
  readonly maxWaitingReads: number;
  /** How late timers may be for a while before requests are refused; 0 for any time. */
  readonly maxLoopDelayMs: number;
  /** Bytes of the data in one answer. */
  readonly maxResponseBytes: number;
  /** Bytes of a GraphQL request body. */
  readonly maxRequestBytes: number;
  /** Bytes of one uploaded file, unpacked. */
  readonly maxUploadBytes: number;
  /** Bytes of one value, and of one line, in a loaded file. */
  readonly maxValueBytes: number;
}

/** @throws HeadgateError BAD_USER_INPUT when a page holds more by default than at the most. */
export function limitsOf(e: Environment, env: NodeJS.ProcessEnv): Limits {
  if (env['HEADGATE_DEFAULT_PAGE'] && e.HEADGATE_DEFAULT_PAGE > e.HEADGATE_MAX_PAGE) {
    throw new HeadgateError(
      'BAD_USER_INPUT',
      `HEADGATE_DEFAULT_PAGE: expected at most HEADGATE_MAX_PAGE (${e.HEADGATE_MAX_PAGE}), got ${e.HEADGATE_DEFAULT_PAGE}.`,
    );
  }
  return Object.freeze({
    defaultPage: Math.min(e.HEADGATE_DEFAULT_PAGE, e.HEADGATE_MAX_PAGE),
    maxPage: e.HEADGATE_MAX_PAGE,
    maxCost: e.HEADGATE_MAX_COST,
    maxDepth: e.HEADGATE_MAX_DEPTH,
    maxAliases: e.HEADGATE_MAX_ALIASES,
    maxTokens: e.HEADGATE_MAX_TOKENS,
    maxSubscriptions: e.HEADGATE_MAX_SUBSCRIPTIONS,
    statementTimeoutMs: e.HEADGATE_STATEMENT_TIMEOUT_MS,
    exportTimeoutMs: e.HEADGATE_EXPORT_TIMEOUT_MS,
    rateLimit: e.HEADGATE_RATE_LIMIT,
    rateLimitAnonymous: e.HEADGATE_RATE_LIMIT_ANONYMOUS,
    rateLimitIntrospection: e.HEADGATE_RATE_LIMIT_INTROSPECTION,
    rateLimitEvents: e.HEADGATE_RATE_LIMIT_EVENTS,
    maxConcurrentReads: e.HEADGATE_MAX_CONCURRENT_READS,
    maxWaitingReads: e.HEADGATE_MAX_WAITING_READS,
    maxLoopDelayMs: e.HEADGATE_MAX_LOOP_DELAY_MS,
    maxResponseBytes: e.HEADGATE_MAX_RESPONSE_BYTES,
    maxRequestBytes: e.HEADGATE_MAX_REQUEST_BYTES,
    maxUploadBytes: e.HEADGATE_MAX_UPLOAD_BYTES,
    maxValueBytes: e.HEADGATE_MAX_VALUE_BYTES,
  });
}
