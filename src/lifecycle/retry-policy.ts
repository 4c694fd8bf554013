import type { RunError } from './run-error.js';

/** When a run that failed of something that may pass is tried again, and how often. */
export interface RetryPolicy {
  /** Tries in all; after the last one the run is given up. */
  readonly mostTries: number;
  /** The longest wait before the second try, in milliseconds; it doubles with each further one. */
  readonly firstMs: number;
  /** No wait is longer, in milliseconds. */
  readonly longestMs: number;
}

/** About ten minutes at the longest until it is given up: a restart of what it talks to is over by then. */
export const RETRY_POLICY: RetryPolicy = { mostTries: 8, firstMs: 5_000, longestMs: 15 * 60_000 };

/** Whoever asks to be left alone is, though not for longer than this. */
const LONGEST_ASKED_MS = 3_600_000;

/**
 * How long to wait after the try of this number (from 1), in milliseconds: anything up to the doubled bound ("full jitter", Marc
 * Brooker, Exponential Backoff And Jitter, 2015), so that many that failed together do not come again together. Behind what the
 * other side asked for, if it did.
 */
export function waitMs(error: RunError, tries: number, { firstMs, longestMs }: RetryPolicy, random: () => number = Math.random): number {
  const bound = Math.min(longestMs, firstMs * 2 ** (tries - 1));
  return Math.round(askedMs(error) + random() * bound);
}

function askedMs({ details }: RunError): number {
  const asked = 1_000 * Number(details['retryAfter'] ?? 0);
  return Number.isFinite(asked) ? Math.min(Math.max(asked, 0), LONGEST_ASKED_MS) : 0;
}
