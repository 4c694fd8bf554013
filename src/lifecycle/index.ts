export { AttemptLostError, type Attempt } from './attempt.js';
export { CONTENT_DAYS, forgetContents, type RedriveFilter } from './dead-letters.js';
export { ERROR_CLASSES, mayPass } from './error-class.js';
export { RETRY_POLICY, waitMs, type RetryPolicy } from './retry-policy.js';
export type { RunError } from './run-error.js';
export { RunFeed, type RunFeedOptions } from './run-feed.js';
export { RunKeeper, type RunContext, type RunWork } from './run-keeper.js';
export { type RunFilter } from './run-list.js';
export {
  priorityOf,
  queueOf,
  RUN_PRIORITIES,
  RUN_QUEUES,
  STREAM_QUEUE,
  type Collected,
  type RunActor,
  type RunCounts,
  type RunPriority,
  type RunRequest,
} from './run-request.js';
export { RUN_EVENTS, RUN_TRANSITIONS, type RunEvent } from './run-states.js';
export { RunEntity, RunStepEntity, type RunKind, type RunStatus } from './run.entity.js';
export { LAPSE_SECONDS, MOST_ATTEMPTS, Runs, type RunsOptions } from './runs.js';
export { advanceStage, LIFECYCLE_STAGES, STAGE_EVENTS, STAGE_TRANSITIONS, WHOLE_LOAD, type StageEvent } from './stages.js';
export { Workers, type WorkerProcess, type WorkersOptions } from './workers.js';
