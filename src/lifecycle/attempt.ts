import type { RunEntity } from './run.entity.js';

/** One try at a run: what is written about it is fenced by both, so that a worker which lost its run writes nothing more. */
export type Attempt = Pick<RunEntity, 'id' | 'attempt'>;

/** The run went on without this worker: it was cancelled, or its heartbeat lapsed and another took it. Not for users. */
export class AttemptLostError extends Error {
  readonly runId: string;

  constructor(runId: string) {
    super('The run is no longer in the hands of this attempt.');
    this.name = 'AttemptLostError';
    this.runId = runId;
  }
}
