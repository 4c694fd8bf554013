import { BrokenCircuitError } from 'cockatiel';
import { HeadgateError, isHeadgateError, type ErrorCode, type ErrorDetails } from '../../kernel/index.js';

/** Statuses after which the same request may well succeed a little later. */
const PASSING = new Set([408, 425, 429, 502, 503, 504]);

/** What an answer that is no success is to a user. What it says is not handed on: it may hold data. `retryAfter` of its details is in seconds. */
export function statusError(source: string, status: number, retryAfterMs: number | undefined): HeadgateError {
  const details = { source, status, ...(retryAfterMs !== undefined && { retryAfter: Math.ceil(retryAfterMs / 1_000) }) };
  const made = (code: ErrorCode, what: string) => new HeadgateError(code, `The source ${source} ${what} (HTTP ${status}).`, details);
  if (status === 401) return made('CONTRACT_VIOLATION', 'does not accept the credentials that its document names. Look at its auth');
  if (status === 403) return made('CONTRACT_VIOLATION', 'does not let the user of its credentials have what is asked for. Its owner can grant it');
  if (status === 404 || status === 410)
    return made('CONTRACT_VIOLATION', 'has nothing at the path that is asked for. Look at the url of the source, and the path');
  if (status === 408 || status === 504) return made('TIMEOUT', 'took too long by its own word. Try again later');
  if (status === 429) return made('RATE_LIMITED', 'takes no more requests for now. Try again later, or give the source a rate');
  if (status >= 500 || status === 425) return made('UNAVAILABLE', 'could not answer. Try again later');
  if (status >= 400) return made('CONTRACT_VIOLATION', 'does not understand, or refuses, what is asked for. Look at path, query and body');
  return made('CONTRACT_VIOLATION', 'answers with neither success nor failure. Use its final URL');
}

/** Those of them that mean the source as a whole. */
const OUTAGES = new Set([502, 503, 504]);

/** Whether the same request may succeed when it is sent again. */
export function isPassing(error: unknown): boolean {
  return error instanceof BrokenCircuitError || isOneOf(PASSING, error);
}

/** The source itself, or the way to it, fails: whoever asks next would wait for nothing. */
export function isOutage(error: unknown): boolean {
  return isOneOf(OUTAGES, error);
}

function isOneOf(statuses: ReadonlySet<number>, error: unknown): boolean {
  if (!isHeadgateError(error)) return false;
  const { status, variable } = error.details;
  if (typeof status === 'number') return statuses.has(status);
  // A secret that is not set is not set a moment later either.
  return variable === undefined && (error.code === 'UNAVAILABLE' || error.code === 'TIMEOUT');
}

/**
 * A failure on the way to a source.
 * @param isSecret the URL is a secret of the server as a whole: not even its host is told
 */
export function failureAt(source: string, error: unknown, isSecret: boolean): unknown {
  if (error instanceof BrokenCircuitError) {
    return new HeadgateError('UNAVAILABLE', `The source ${source} failed several times, and is left alone for some seconds. Try again then.`, { source });
  }
  if (!isHeadgateError(error) || error.details['source'] !== undefined) return error;
  const { host: _, ...rest } = error.details;
  const details: ErrorDetails = { source, ...(isSecret ? rest : error.details) };
  return new HeadgateError(error.code, `The source ${source}: ${isSecret ? secretly(error) : error.message}`, details);
}

/** The same without a word that the client of HTTP took from the URL. */
function secretly({ code, details }: HeadgateError): string {
  const { reason, expected } = details;
  const because = typeof reason === 'string' ? ` (${reason})` : '';
  if (code === 'TIMEOUT') return 'it did not answer in time. Try again later.';
  if (code === 'UNAVAILABLE') return `it can't be reached, or ended the connection before its answer was whole${because}. Try again later.`;
  if (code === 'DATA_REJECTED' && typeof expected === 'number') return `its answer is larger than the ${expected} bytes that are accepted.`;
  if (code === 'DATA_REJECTED') return 'its answer is damaged, or packed in a way that is not known.';
  return 'the request can not be sent to where its secret says, or an answer leads to where it may not go.';
}
