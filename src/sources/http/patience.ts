import { setTimeout as sleep } from 'node:timers/promises';
import { BrokenCircuitError } from 'cockatiel';
import { isHeadgateError } from '../../kernel/index.js';
import { isPassing } from './http-error.js';

const FIRST_MS = 250;
const LONGEST_MS = 30_000;

/** How often a request is sent again, and how long is waited for it. */
export interface Patience {
  readonly retries: number;
  /** A source that asks to be left alone for longer (Retry-After) is not waited for: the request fails. */
  readonly longestWaitMs: number;
  /** How long it waits for a source that is left alone. */
  readonly restMs: number;
}

/**
 * Sends again what failed for a while: as late as the source asks for, else after a random part of a time that doubles with each try,
 * so that many who failed together do not come again together. The last failure is thrown.
 */
export async function withPatience<T>(patience: Patience, signal: AbortSignal, send: () => Promise<T>, random: () => number = Math.random): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await send();
    } catch (error) {
      signal.throwIfAborted();
      if (tries >= patience.retries || !isPassing(error)) throw error;
      const waitMs = waitFor(error, tries, patience, random);
      if (waitMs > patience.longestWaitMs) throw error;
      await sleep(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

function waitFor(error: unknown, tries: number, { restMs }: Patience, random: () => number): number {
  const jittered = random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** tries);
  if (error instanceof BrokenCircuitError) return restMs + jittered;
  const asked = isHeadgateError(error) ? error.details['retryAfter'] : undefined;
  return typeof asked === 'number' ? asked * 1_000 + jittered : jittered;
}
