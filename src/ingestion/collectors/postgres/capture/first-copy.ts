import { HeadgateError, isHeadgateError } from '../../../../kernel/index.js';
import type { ReplicationSession } from '../../../../sources/index.js';
import { literal, sql } from '../../../../sql/index.js';
import type { CollectJob } from '../../collect-job.js';
import { copyAll } from '../full-copy.js';
import { collectedFields, type CollectedSources, type RemoteTableFacts } from '../remote-rows.js';
import type { PostgresPart } from '../../parts/postgres.js';
import type { CapturePosition } from './capture-position.js';
import type { CaptureNames } from '../../parts/capture-names.js';
import { dropSlot, idleSlotState, prepareSource } from './slot.js';

/**
 * Makes the slot anew, and copies the table as it was at the very moment from which on the slot has its changes: in one load, with the
 * position. What was in the dataset before is replaced.
 * @throws HeadgateError CONTRACT_VIOLATION when the source is not set up for it, as its message says
 */
export async function firstCopy(
  sources: CollectedSources,
  job: CollectJob,
  part: PostgresPart,
  facts: RemoteTableFacts,
  names: CaptureNames,
): Promise<CapturePosition> {
  const { source, signal, dataset } = job;
  const fields = collectedFields(part, dataset, facts);
  const key = dataset.key.flatMap((name) => fields.filter(({ field }) => field.name === name));
  const writer = await sources.open(source, signal, { writes: true });
  try {
    await prepareSource(writer, part, source.name, names, key);
    // One of the same name is of a run that did not come to its end, or was reset.
    if ((await idleSlotState(writer, names.slot, source.name, signal)) !== 'missing') await dropSlot(writer, names.slot);
  } finally {
    await writer.close();
  }
  const replication = await sources.openReplication(source, signal);
  const reader = await sources.open(source, signal);
  try {
    const { lsn, snapshot } = await makeSlot(replication, names.slot, source.name);
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await reader.query(sql`SET TRANSACTION SNAPSHOT ${literal(snapshot)}`);
    const position = { slot: names.slot, lsn };
    await copyAll(job, { session: reader, part, fields, version: facts.version, mode: 'replace', position, captured: true });
    return position;
  } finally {
    replication.close();
    await reader.close();
  }
}

async function makeSlot(session: ReplicationSession, slot: string, source: string): Promise<{ lsn: string; snapshot: string }> {
  try {
    const [made] = await session.command(`CREATE_REPLICATION_SLOT "${slot}" LOGICAL pgoutput EXPORT_SNAPSHOT`);
    return { lsn: made?.['consistent_point'] ?? '', snapshot: made?.['snapshot_name'] ?? '' };
  } catch (error) {
    const code = ((error as Error).cause as { code?: unknown } | undefined)?.code;
    const refused = (message: string) => new HeadgateError('CONTRACT_VIOLATION', message, { source });
    if (code === '42501')
      throw refused(
        `The user of ${source} may not follow changes. Its owner says ALTER ROLE ... REPLICATION (or GRANT rds_replication, where that is the way).`,
      );
    if (code === '53400') throw refused(`${source} has no replication slot left: its owner drops one that is not used, or raises max_replication_slots.`);
    if (isHeadgateError(error)) throw error;
    throw session.failure(error);
  }
}
