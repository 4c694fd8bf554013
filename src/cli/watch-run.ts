import { SingleBar } from 'cli-progress';
import { setTimeout as delay } from 'node:timers/promises';
import { HeadgateError } from '../kernel/index.js';
import type { Client } from './client.js';
import { DOCUMENTS } from './documents.js';
import type { RunAnswer } from './run-lines.js';

const POLL_MS = 500;
/** Elsewhere than on a terminal a line comes with each new state, and else so often. */
const LINE_EVERY_MS = 5_000;

/** Shows how far a run is until it is over: a bar on a terminal, lines elsewhere, on standard error. Resolves with the run as it ended. */
export async function watchRun(client: Client, run: RunAnswer): Promise<RunAnswer> {
  const shown = process.stderr.isTTY ? bar(run) : lines();
  let now = run;
  try {
    for (;;) {
      shown.update(now);
      if (now.status !== 'QUEUED' && now.status !== 'RUNNING') return now;
      await delay(POLL_MS);
      const { found } = await client.graphql<{ found: RunAnswer | null }>(DOCUMENTS.showRun, { id: run.id });
      now = found ?? now;
    }
  } finally {
    shown.end();
  }
}

/** @throws HeadgateError with the code of the run's error; CONFLICT when it was cancelled */
export function throwUnlessGood({ id, status, error }: RunAnswer): void {
  if (status === 'FAILED' && error) throw new HeadgateError(error.code, `The run ${id} failed: ${error.message}`, { run: id });
  if (status === 'CANCELLED') throw new HeadgateError('CONFLICT', `The run ${id} was cancelled.`, { run: id });
}

interface Shown {
  update(run: RunAnswer): void;
  end(): void;
}

function bar(run: RunAnswer): Shown {
  const shown = new SingleBar({
    format: `${run.pipeline ?? run.kind} {bar} {percentage}% | {text}`,
    barCompleteChar: '=',
    barIncompleteChar: '-',
    hideCursor: true,
    stream: process.stderr,
  });
  shown.start(1, 0, { text: '' });
  return { update: (now) => shown.update(now.progress ?? 0, { text: stateText(now) }), end: () => shown.stop() };
}

function lines(): Shown {
  let last = 0;
  let before = '';
  return {
    update(run) {
      const state = `${run.status} ${run.attempt}`;
      if (state === before && Date.now() - last < LINE_EVERY_MS) return;
      last = Date.now();
      before = state;
      console.error(`${run.id}: ${stateText(run)}${run.progress === null ? '' : `, ${Math.floor(run.progress * 100)}%`}`);
    },
    end: () => undefined,
  };
}

function stateText({ status, rowsRead, throughput, nextAttemptAt, lastError, steps = [] }: RunAnswer): string {
  if (status === 'QUEUED' && nextAttemptAt) return `waits until ${nextAttemptAt} to be tried again (${lastError?.code ?? 'it failed'})`;
  if (status !== 'RUNNING') return status;
  const step = steps.find((candidate) => candidate.status === 'RUNNING');
  const pace = throughput === null || rowsRead === '0' ? '' : `, ${rowsRead} rows, ${Math.round(throughput)} a second`;
  return `RUNNING${step ? ` ${step.name}` : ''}${pace}`;
}
