import type { RunStatus } from './run.entity.js';

/** What can happen to a run. SPEC.md says who causes it and what it writes. */
export const RUN_EVENTS = ['CLAIM', 'BEAT', 'FINISH', 'FAIL', 'RETRY', 'CANCEL', 'RELEASE', 'ABANDON', 'LAPSE_RESUMABLE', 'LAPSE_FINAL'] as const;
export type RunEvent = (typeof RUN_EVENTS)[number];

/** Every state and event: where it leads, or nothing where the event is refused and changes nothing. */
export const RUN_TRANSITIONS: Readonly<Record<RunStatus, Readonly<Record<RunEvent, RunStatus | undefined>>>> = {
  QUEUED: {
    CLAIM: 'RUNNING',
    BEAT: undefined,
    FINISH: undefined,
    FAIL: undefined,
    RETRY: undefined,
    CANCEL: 'CANCELLED',
    RELEASE: undefined,
    ABANDON: 'FAILED',
    LAPSE_RESUMABLE: undefined,
    LAPSE_FINAL: undefined,
  },
  RUNNING: {
    CLAIM: undefined,
    BEAT: 'RUNNING',
    FINISH: 'SUCCEEDED',
    FAIL: 'FAILED',
    RETRY: 'QUEUED',
    CANCEL: 'CANCELLED',
    RELEASE: 'QUEUED',
    ABANDON: undefined,
    LAPSE_RESUMABLE: 'QUEUED',
    LAPSE_FINAL: 'FAILED',
  },
  SUCCEEDED: final(),
  FAILED: final(),
  CANCELLED: final(),
};

function final(): Readonly<Record<RunEvent, undefined>> {
  return {
    CLAIM: undefined,
    BEAT: undefined,
    FINISH: undefined,
    FAIL: undefined,
    RETRY: undefined,
    CANCEL: undefined,
    RELEASE: undefined,
    ABANDON: undefined,
    LAPSE_RESUMABLE: undefined,
    LAPSE_FINAL: undefined,
  };
}

/** The states from which an event leads somewhere: what the fence of its statement asks for. */
export function statesBefore(event: RunEvent): RunStatus[] {
  return (Object.keys(RUN_TRANSITIONS) as RunStatus[]).filter((state) => RUN_TRANSITIONS[state][event] !== undefined);
}
