import { randomInt } from 'node:crypto';

/** `npm run test:long`: other cases each time, and so many times as many. */
const TIMES = Number(process.env['HEADGATE_TEST_LONG'] ?? 0);
export const LONG = TIMES > 0;

const FIXED_SEED = 20_010_101;
const MINUTES = 60_000;

function seedOf(): number {
  const given = process.env['HEADGATE_TEST_SEED'];
  if (given !== undefined) return Number(given);
  return LONG ? randomInt(2 ** 31) : FIXED_SEED;
}

/** What a law is tried with: a seed that repeats the run, and how often. */
export function runs(normal: number): { readonly seed: number; readonly numRuns: number } {
  const seed = seedOf();
  if (LONG) console.log(`HEADGATE_TEST_SEED=${seed} repeats this run`);
  return { seed, numRuns: LONG ? normal * TIMES : normal };
}

/** Of a test, in milliseconds: far more than it takes, since the machine may be busy. */
export const PATIENCE = LONG ? 120 * MINUTES : 4 * MINUTES;
