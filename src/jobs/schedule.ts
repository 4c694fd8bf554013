import { z } from 'zod';
import { cronProblem, isTimeZone, timeAfter, timeUntil, type CronTimes } from './cron.js';

/** What becomes of times that went by while nothing ran: nothing, one run for all of them, or a run for each. */
export const CATCH_UPS = ['skip', 'once', 'all'] as const;
export type CatchUp = (typeof CATCH_UPS)[number];

/** When something is started again and again. */
export interface Schedule extends CronTimes {
  readonly catchUp: CatchUp;
}

const Cron = z
  .string()
  .max(200)
  .superRefine((cron, issues) => {
    const message = cronProblem(cron);
    if (message !== undefined) issues.addIssue({ code: 'custom', message });
  })
  .transform((cron) => cron.trim().replaceAll(/\s+/g, ' '));

const DEFAULTS = { timeZone: 'UTC', catchUp: 'once' } as const;

const Said = z.union([
  Cron,
  z.strictObject({
    cron: Cron,
    timeZone: z.string().refine(isTimeZone, { error: 'expected a time zone of the IANA database, such as Europe/Berlin or UTC' }).optional(),
    catchUp: z.enum(CATCH_UPS, { error: `expected one of ${CATCH_UPS.join(', ')}` }).optional(),
  }),
]);

/** The key `schedule` of a manifest: a cron expression, alone or with its time zone and what is done about missed times. One form for one meaning. */
export const ScheduleShape = Said.transform((said) => {
  const { cron, timeZone, catchUp } = scheduleOf(said);
  const more = { ...(timeZone !== DEFAULTS.timeZone && { timeZone }), ...(catchUp !== DEFAULTS.catchUp && { catchUp }) };
  return Object.keys(more).length === 0 ? cron : { cron, ...more };
});
export type ScheduleShape = z.output<typeof ScheduleShape>;

/** A manifest's schedule with what it leaves out: UTC, and one run for all times that were missed. */
export function scheduleOf(shape: z.output<typeof Said>): Schedule {
  const { cron, timeZone = DEFAULTS.timeZone, catchUp = DEFAULTS.catchUp } = typeof shape === 'string' ? { cron: shape } : shape;
  return { cron, timeZone, catchUp };
}

/** A time counts as missed when it is later than this: a start that is a little late is not. */
const LATE_MS = 60_000;

/**
 * What is to be done of a schedule whose next time has come.
 * @returns the time for which it is started now, if any, and the next one; the next may be due as well
 */
export function dueNow(schedule: Schedule, nextAt: Date, now: Date): { readonly start: Date | undefined; readonly nextAt: Date } {
  if (schedule.catchUp === 'all') return { start: nextAt, nextAt: timeAfter(schedule, nextAt) };
  const last = timeUntil(schedule, now);
  const newest = last > nextAt ? last : nextAt;
  const isMissed = now.getTime() - newest.getTime() > LATE_MS;
  return { start: schedule.catchUp === 'skip' && isMissed ? undefined : newest, nextAt: timeAfter(schedule, now) };
}
