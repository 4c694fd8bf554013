import { z } from 'zod';
import { durationUpTo, parseDuration } from '../../../catalog/index.js';
import { Pointer } from './pointer.js';

/** How a moment is written: `2026-01-31T00:00:00.000Z`, seconds or milliseconds since 1970, `2026-01-31`; or a number that grows. */
export const SINCE_FORMATS = ['iso', 'unix', 'unix_ms', 'date', 'number'] as const;
export type SinceFormat = (typeof SINCE_FORMATS)[number];

/** Rows become visible at their source later than others that are younger: so much is asked for again. */
export const Lag = durationUpTo('90d');

/** What is asked for the first time. */
export const Start = z.union([z.string().min(1).max(100), z.number()]).transform(String);

/** What is new since the last time: a field of the rows that grows, and the parameter that asks for what is after a value of it. */
export const Since = z
  .strictObject({
    /** Where it is in a row. */
    field: Pointer.refine((pointer) => pointer !== '', { error: 'expected a JSON pointer to a member of a row, such as /updated_at' }),
    parameter: z.string().min(1).max(500),
    format: z.enum(SINCE_FORMATS).optional(),
    /** What is asked for the first time; everything when absent. */
    start: Start.optional(),
    lag: Lag.optional(),
  })
  .refine(({ format, lag }) => format !== 'number' || lag === undefined, { path: ['lag'], error: 'a number has no lag; leave it out' })
  .refine((since) => since.start === undefined || momentOf(since.start, since.format) !== undefined, {
    path: ['start'],
    error: 'expected a value that the format can be: 2026-01-31T00:00:00Z for iso, 2026-01-31 for date, else a number',
  });
export type Since = z.output<typeof Since>;

const DEFAULT_LAG = '10m';

/** In milliseconds; a number has none. */
export function lagOf({ format, lag = DEFAULT_LAG }: Pick<Since, 'format' | 'lag'>): number {
  return format === 'number' ? 0 : (parseDuration(lag) ?? 0) * 1_000;
}

/** A value as one that can be compared: milliseconds since 1970, or the number; undefined for one that is none. */
export function momentOf(value: unknown, format: SinceFormat = 'iso'): number | undefined {
  const text = typeof value === 'string' || typeof value === 'number' ? String(value).trim() : '';
  if (text === '') return undefined;
  if (format === 'iso' || format === 'date') {
    // A moment without a zone is meant in UTC, as moments of the contract are.
    const zoned = /\dT?[ ]?\d\d:\d\d/.test(text) && !/(Z|[+-]\d\d:?\d\d)$/i.test(text) ? `${text}Z` : text;
    const moment = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(zoned) : Number.NaN;
    return Number.isNaN(moment) ? undefined : moment;
  }
  const number = Number(text);
  if (!Number.isFinite(number)) return undefined;
  return format === 'unix' ? Math.floor(number * 1_000) : number;
}

/** How a source is asked for what is after it: never later than it is. */
export function momentText(moment: number, format: SinceFormat = 'iso'): string {
  if (format === 'unix') return String(Math.floor(moment / 1_000));
  if (format === 'unix_ms' || format === 'number') return String(moment);
  const text = new Date(moment).toISOString();
  return format === 'date' ? text.slice(0, 10) : text;
}
