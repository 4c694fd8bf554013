import { Readable } from 'node:stream';
import { HeadgateError } from '../kernel/index.js';
import type { Outbound, OutboundRequest } from '../outbound/index.js';
import type { OpenSource } from './source.js';

/** The whole of a large file, over a slow line. */
const LONGEST_MS = 6 * 60 * 60 * 1000;

export interface FetchOptions {
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  readonly headers?: OutboundRequest['headers'];
  /** The whole URL is from the operator's own environment. */
  readonly trusted?: boolean;
}

/**
 * What is at a URL, as a source: it is streamed, and unpacked where it was packed on its way.
 * @throws HeadgateError NOT_FOUND when it is not there; BAD_USER_INPUT when it is not for who asks; UNAVAILABLE for another answer than the
 *   file; as Outbound.fetch
 */
export async function* fetched(outbound: Outbound, url: string, { maxBytes, signal, headers, trusted }: FetchOptions): AsyncGenerator<OpenSource> {
  const request = { url, maxBytes, signal, timeoutMs: LONGEST_MS, ...(headers && { headers }), ...(trusted && { trusted }) };
  const response = await outbound.fetch(request);
  if (response.status !== 200) {
    response.discard();
    throw refusal(response.status, trusted ? originOf(url) : placeOf(url));
  }
  const coding = response.header('content-encoding');
  const length = Number(response.header('content-length') ?? Number.NaN);
  const contentType = response.header('content-type');
  const isPacked = coding !== undefined && coding !== 'identity';
  // What was packed for the way is unpacked already, whatever its name says.
  const name = isPacked ? nameOf(url).replace(/\.(gz|zst)$/, '') : nameOf(url);
  yield {
    stream: Readable.from(response.body),
    name,
    ...(Number.isFinite(length) && !isPacked && { size: length }),
    ...(contentType !== undefined && isOfRows(contentType) && { contentType }),
  };
}

/** As much of a URL as may be told that is a secret as a whole. */
export function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'the URL';
}

/** A URL as it may be told: its query can be a secret. */
export function placeOf(url: string): string {
  const { origin, pathname } = URL.canParse(url) ? new URL(url) : { origin: 'the URL', pathname: '' };
  return `${origin}${pathname}`.slice(0, 300);
}

function nameOf(url: string): string {
  const last = URL.canParse(url) ? new URL(url).pathname.split('/').at(-1) : undefined;
  try {
    return decodeURIComponent(last || 'file');
  } catch {
    return last || 'file';
  }
}

/** Servers of files call most of them something general; then the name tells. */
function isOfRows(contentType: string): boolean {
  return /^(text\/(csv|tab-separated-values)|application\/(csv|x-ndjson|ndjson|jsonl|json|vnd\.apache\.parquet))\b/i.test(contentType);
}

/** Whether another try would get the same answer: what is asked for is wrong, or who asks. */
export function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429;
}

function refusal(status: number, place: string): HeadgateError {
  if (status === 404 || status === 410) return new HeadgateError('NOT_FOUND', `There is nothing at ${place}.`, { url: place, status });
  const why =
    status === 401 || status === 403
      ? 'It is not for everyone: use a URL that is signed, or a source with a credential.'
      : isFinal(status)
        ? 'Is it right?'
        : 'Try again later.';
  return new HeadgateError(isFinal(status) ? 'BAD_USER_INPUT' : 'UNAVAILABLE', `${place} answers with ${status} instead of the file. ${why}`, {
    url: place,
    status,
  });
}
