import { CronExpressionParser, type CronExpression } from 'cron-parser';

/** Times by the clock on the wall of a place. */
export interface CronTimes {
  /** Five fields: minute, hour, day of the month, month, day of the week. */
  readonly cron: string;
  /** A name of the IANA database, such as Europe/Berlin. */
  readonly timeZone: string;
}

const FIVE_FIELDS = /^\S+(\s+\S+){4}$/;
/** The library's own invention, a random value, which would be another one in each process. */
const RANDOM = /(^|[\s,])H/i;

/** What is wrong with an expression; undefined when it is one. */
export function cronProblem(cron: string): string | undefined {
  const expected = 'expected five fields: minute, hour, day of the month, month and day of the week, such as "30 3 * * MON-FRI"';
  if (!FIVE_FIELDS.test(cron.trim()) || RANDOM.test(cron)) return expected;
  try {
    timesAfter({ cron, timeZone: 'UTC' }, new Date(0)).next();
    return undefined;
  } catch {
    return `${expected}, and at least one time that there is`;
  }
}

/** Its clocks change by half an hour, as nowhere else, and the library finds no time in the night in which they are put back. */
const HALF_AN_HOUR = 'Australia/Lord_Howe';

export function isTimeZone(name: string): boolean {
  try {
    const { timeZone } = Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions();
    // An offset is none: it does not say when the clocks change.
    return /^[A-Za-z]/.test(name) && timeZone !== HALF_AN_HOUR;
  } catch {
    return false;
  }
}

/**
 * The first time after `after`. Where clocks are put forward, a time of the day that does not exist is an hour later; where they are put back, a
 * time of the day that comes twice is the first one. Times of every hour, or every few minutes, go on through both as real time does.
 */
export function timeAfter(times: CronTimes, after: Date): Date {
  return timesAfter(times, after).next().toDate();
}

/** The last time that is not after `until`. */
export function timeUntil(times: CronTimes, until: Date): Date {
  return timesAfter(times, new Date(until.getTime() + 1))
    .prev()
    .toDate();
}

function timesAfter({ cron, timeZone }: CronTimes, currentDate: Date): CronExpression {
  return CronExpressionParser.parse(cron.trim(), { tz: timeZone, currentDate });
}
