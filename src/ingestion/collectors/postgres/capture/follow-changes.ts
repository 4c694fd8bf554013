import { HeadgateError } from '../../../../kernel/index.js';
import { lsnOf, type ReplicationSession } from '../../../../sources/index.js';
import type { CollectJob } from '../../collect-job.js';
import type { PostgresPart } from '../../parts/postgres.js';
import type { CollectedSources, RemoteTableFacts } from '../remote-rows.js';
import { capturePosition, type CapturePosition } from './capture-position.js';
import { ChangeLander } from './change-lander.js';
import { firstCopy } from './first-copy.js';
import { captureNames, dropText, type CaptureNames } from '../../parts/capture-names.js';
import { idleSlotState } from './slot.js';

/**
 * The table as it is, and from then on each of its changes, until the run is stopped.
 * @throws HeadgateError CONTRACT_VIOLATION when the source is not set up for it, has lost what the collector did not take in time, or
 *   its table does not fit the contract any more; UNAVAILABLE when it can't be reached
 */
export async function followChanges(sources: CollectedSources, job: CollectJob, part: PostgresPart, facts: RemoteTableFacts): Promise<void> {
  const names = captureNames(job.collector.name, part, job.dataset);
  const known = capturePosition(await job.position());
  const position = known ?? (await firstCopy(sources, job, part, facts, names));
  await checkSlot(sources, job, position, names);
  const session = await sources.openReplication(job.source, job.signal);
  try {
    await session.start(position.slot, names.publication, lsnOf(position.lsn));
    await follow(session, new ChangeLander({ job, part, facts, position, session }), job.signal);
  } catch (error) {
    // It was told to stop, and its session was cut.
    if (!job.signal.aborted) throw error;
  } finally {
    session.close();
  }
}

async function follow(session: ReplicationSession, lander: ChangeLander, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const next = await session.next(lander.patienceMs);
    if (!next) await lander.pause();
    else if ('message' in next) await lander.take(next.message, next.bytes);
    else await lander.heard(next.sentLsn, next.at);
  }
}

async function checkSlot(sources: CollectedSources, { source, signal }: CollectJob, position: CapturePosition, names: CaptureNames): Promise<void> {
  const session = await sources.open(source, signal);
  try {
    const state = position.slot === names.slot ? await idleSlotState(session, position.slot, source.name, signal) : 'missing';
    if (state === 'ready') return;
    const what = state === 'missing' ? 'is not there any more' : 'has lost changes that were not taken in time (max_slot_wal_keep_size)';
    throw new HeadgateError(
      'CONTRACT_VIOLATION',
      `The replication slot ${position.slot} at ${source.name} ${what}. Reset the collector: it copies the table anew, and follows from there. What is left at the source goes with: ${dropText(names)}`,
      { source: source.name, slot: position.slot },
    );
  } finally {
    await session.close();
  }
}
