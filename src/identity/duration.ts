import { HeadgateError } from '../kernel/index.js';

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** The longest a token of ours may live; what was revoked is remembered longer than that. */
export const LONGEST_TTL_S = 365 * SECONDS.d;

/**
 * `90s`, `30m`, `1h` or `7d` in seconds.
 * @throws HeadgateError BAD_USER_INPUT for anything else, for nothing, and for more than a year.
 */
export function parseTtl(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text.trim()) ?? [];
  const seconds = Number(digits) * SECONDS[unit as keyof typeof SECONDS];
  // NaN, from a unit that is none, is not in the range either.
  if (!(seconds >= 1 && seconds <= LONGEST_TTL_S)) {
    throw new HeadgateError('BAD_USER_INPUT', `ttl: expected a time from 1s to 365d such as 90s, 30m, 1h or 7d, got "${text}".`, { path: 'ttl' });
  }
  return seconds;
}
