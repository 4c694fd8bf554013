export { LARGEST_GROUP, type JobGroup, type JobOptions } from './job-options.js';
export { DEAD_JOBS, JobQueue, type JobQueueOptions } from './job-queue.js';
export type { Queryable } from './queryable.js';
export type { JobData, JobHandler } from './worker.js';
