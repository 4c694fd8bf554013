import type { OutboundHeaders } from './outbound-response.js';

/** A server that asks for more is not waited for so long. */
const LONGEST_MS = 60 * 60 * 1000;

/**
 * How many milliseconds the `Retry-After` of an answer (RFC 9110: seconds, or a date) asks to wait, an hour at the most; nothing when
 * there is none that can be read.
 */
export function retryAfter(headers: OutboundHeaders, now: Date): number | undefined {
  const value = headers['retry-after'];
  const text = (Array.isArray(value) ? value[0] : value)?.trim() ?? '';
  // A date names its day or month: `Date.parse` reads far more than HTTP's forms.
  const wanted = /^\d+$/.test(text) ? Number(text) * 1000 : /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) - now.getTime() : Number.NaN;
  return Number.isNaN(wanted) ? undefined : Math.min(Math.max(wanted, 0), LONGEST_MS);
}
