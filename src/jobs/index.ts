export { LARGEST_GROUP, type JobGroup, type JobOptions } from './job-options.js';
export { DEAD_JOBS, JobQueue, type JobQueueOptions } from './job-queue.js';
export type { Queryable } from './queryable.js';
export { Wake } from './wake.js';
export type { JobData, JobHandler } from './worker.js';
export { CATCH_UPS, dueNow, scheduleOf, ScheduleShape, type CatchUp, type Schedule } from './schedule.js';
export { saveSchedule, Schedules, schedulesOf, type ScheduleState, type StartScheduled } from './schedules.js';
export { cronProblem, isTimeZone, timeAfter, timeUntil, type CronTimes } from './cron.js';
