import { z } from 'zod';
import { durationUpTo, parseDuration, Pointer } from '../../../catalog/index.js';

/** How a moment is written: `2026-01-31T00:00:00.000Z`, seconds or milliseconds since 1970, `2026-01-31`; or a number that grows. */
export const SINCE_FORMATS = ['iso', 'unix', 'unix_ms', 'date', 'number'] as const;
export type SinceFormat = (typeof SINCE_FORMATS)[number];

/** Rows become visible at their source later than others that are younger: so much is asked for again. */
export const Lag = durationUpTo('90d');

/** What is asked for the first time. */
export const Start = z.union([z.string().min(1).max(100), z.number()]).transform(String);

export const DEFAULT_LAG = '10m';

/**
 * What is new since the last time: a member of the rows that grows, and what asks for rows that are after a value of it.
 * @param key of what asks: a parameter, or a variable of a query
 */
export function sinceBy<Key extends string, How extends z.ZodType>(key: Key, how: How) {
  const asked = { [key]: how } as Record<Key, How>;
  return z
    .strictObject({
      ...asked,
      /** Where it is in a row. */
      pointer: Pointer.refine((pointer) => pointer !== '', { error: 'expected a JSON pointer to a member of a row, such as /updated_at' }),
      format: z.enum(SINCE_FORMATS).optional(),
      /** What is asked for the first time; everything when absent. */
      start: Start.optional(),
      lag: Lag.optional(),
    })
    .superRefine((since, issues) => {
      const { format, start, lag } = since as Since;
      if (format === 'number' && lag !== undefined) issues.addIssue({ code: 'custom', path: ['lag'], message: 'a number has no lag; leave it out' });
      if (start === undefined || momentOf(start, format) !== undefined) return;
      const message = 'expected a value that the format can be: 2026-01-31T00:00:00Z for iso, 2026-01-31 for date, else a number';
      issues.addIssue({ code: 'custom', path: ['start'], message });
    });
}

/** What it says of the rows. */
export interface Since {
  readonly pointer: string;
  readonly format?: SinceFormat | undefined;
  readonly start?: string | undefined;
  readonly lag?: string | undefined;
}

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
