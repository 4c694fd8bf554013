export { JobQueue, type JobQueueOptions } from './job-queue.js';
export type { Queryable } from './queryable.js';
export { Wake } from './wake.js';
export type { JobData, JobHandler } from './worker.js';
