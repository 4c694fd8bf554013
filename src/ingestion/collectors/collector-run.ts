import type { Actor, AuditLog } from '../../audit/index.js';
import { loadCatalog, refuseLive, type Dataset } from '../../catalog/index.js';
import { HeadgateError, isHeadgateError } from '../../kernel/index.js';
import { AttemptLostError, type RunContext, type RunEntity, type Runs } from '../../lifecycle/index.js';
import type { Database } from '../../store/index.js';
import { RunInput } from '../run-input.js';
import type { LoadCounts } from '../outcome.js';
import { isOutdated, type BatchLoads } from './batch-loads.js';
import type { CollectedBatch, CollectJob } from './collect-job.js';
import { CollectorEntity } from './collector.entity.js';
import type { CollectorType } from './collector-type.js';
import { readPosition, writeHealth, type PartitionHealth, type Place } from './positions.js';

/** A contract may change again while its batch is landed anew. */
const MOST_TRIES = 5;

export interface CollectorRunOptions {
  readonly database: Database;
  readonly runs: Runs;
  readonly batches: BatchLoads;
  readonly audit: Pick<AuditLog, 'record'>;
  /** How rows are collected, by the type of their source. */
  readonly types: ReadonlyMap<string, CollectorType>;
}

/**
 * The work of one run of a collector: from its position on, batch by batch.
 * @throws HeadgateError as the collector's type, and as Loader.load; NOT_FOUND when it was removed
 */
export async function performCollector(options: CollectorRunOptions, run: RunEntity, context: RunContext, stopped: AbortSignal): Promise<void> {
  const { runs, database, audit } = options;
  const place = { collector: run.collector ?? '', partition: run.partition ?? '' };
  const actor = actorOfRun(run);
  try {
    const { job, type } = await openJob(options, run, place, actor, AbortSignal.any([context.signal, stopped]));
    await type.collect(job).catch((error: unknown) => {
      // It was told to stop: whatever it threw, its batches that landed are all there.
      if (!stopped.aborted || context.signal.aborted || error instanceof AttemptLostError) throw error;
    });
    context.signal.throwIfAborted();
    await runs.finish(database, run);
  } catch (error) {
    // The run may be ours, and only its position was taken back: it goes on from there, here or elsewhere.
    if (error instanceof AttemptLostError) await runs.release(run);
    else if (!context.signal.aborted) {
      const code = isHeadgateError(error) ? error.code : 'INTERNAL_SERVER_ERROR';
      const details = { run: run.id, collector: place.collector, code };
      await audit.record({ actor, action: 'ingest', ...(run.dataset !== null && { dataset: run.dataset }), decision: 'FAILED', details });
    }
    throw error;
  }
}

async function openJob(
  options: CollectorRunOptions,
  run: RunEntity,
  place: Place,
  actor: Actor,
  signal: AbortSignal,
): Promise<{ job: CollectJob; type: CollectorType }> {
  const { database, batches } = options;
  const entity = await database.manager.findOneBy(CollectorEntity, { name: place.collector });
  if (!entity) throw new HeadgateError('NOT_FOUND', `There is no collector "${place.collector}" any more.`, { collector: place.collector });
  const collector = entity.spec;
  const read = async () => {
    const { sources, datasets } = await database.transaction(loadCatalog, 'REPEATABLE READ');
    const source = sources.get(collector.source);
    const dataset = datasets.get(collector.dataset);
    if (!source || !dataset)
      throw new HeadgateError('NOT_FOUND', `The source or the dataset of the collector ${collector.name} is not there any more.`, {
        collector: collector.name,
      });
    refuseLive(dataset, 'a load');
    return { source, dataset };
  };
  let { source, dataset } = await read();
  const type = options.types.get(source.type);
  if (!type) throw new HeadgateError('UNAVAILABLE', `This process can not collect from sources of type ${source.type}.`, { collector: collector.name });
  let position: { readonly value: unknown } | undefined;
  let health: PartitionHealth = {};
  let landing: Promise<unknown> = Promise.resolve();
  const positionNow = async () => (position ??= { value: await readPosition(database, place) }).value;

  const land = async (batch: CollectedBatch): Promise<LoadCounts> => {
    for (let tries = 1; ; tries += 1) {
      signal.throwIfAborted();
      const mode = batch.mode ?? collector.mode ?? 'append';
      try {
        const from = await positionNow();
        const counts = await batches.land({ run, dataset, place, mode, batch, from, health: { ...health, ...batch.health }, actor, signal });
        position = { value: batch.position };
        return counts;
      } catch (error) {
        // A commit whose answer was lost has happened all the same.
        position = undefined;
        if (tries === MOST_TRIES || !isOutdated(error) || (batch.source && !('content' in batch.source))) throw error;
        ({ source, dataset } = await read());
      }
    }
  };
  const job: CollectJob = {
    run,
    collector,
    source,
    get dataset(): Dataset {
      return dataset;
    },
    partition: place.partition,
    signal,
    position: positionNow,
    land(batch) {
      const landed = landing.then(() => land(batch));
      landing = landed.catch(() => undefined);
      return landed;
    },
    async lag(lag) {
      health = { ...health, lag };
      await writeHealth(database, place, { lag });
    },
    tell: (told) => writeHealth(database, place, told),
  };
  return { job, type };
}

/** Who asked for the run; a stream's batches are in the name of who applied its collector. */
function actorOfRun(run: RunEntity): Actor {
  const { actor } = RunInput.pick({ actor: true }).parse(run.input);
  return { subject: run.requestedBy, roles: actor.roles, ...(actor.purpose !== undefined && { purpose: actor.purpose }) };
}
