import type { Actor, AuditLog } from '../../audit/index.js';
import { loadCatalog } from '../../catalog/index.js';
import { schedulesOf, type JobHandler, type Schedules, type ScheduleState } from '../../jobs/index.js';
import { HeadgateError, type Log } from '../../kernel/index.js';
import { queueOf, STREAM_QUEUE, type RunActor, type RunEntity, type RunKeeper, type Runs } from '../../lifecycle/index.js';
import type { Database, Transaction } from '../../store/index.js';
import { actorOf } from '../run-input.js';
import type { BatchLoads } from './batch-loads.js';
import { SCHEDULED } from './collector-kind.js';
import { CollectorEntity } from './collector.entity.js';
import type { Collector } from './collector.js';
import { performCollector } from './collector-run.js';
import { isStream } from './collector-shape.js';
import type { CollectorType } from './collector-type.js';
import { StreamKeeper, type RunningCollector } from './stream-keeper.js';
import { StreamShares } from './stream-shares.js';

/** Of one source, where its document does not say it, so many are collected at a time. */
const AT_A_TIME = 4;
/** In whose name a schedule collects. */
const SCHEDULE: Actor = { subject: 'schedule', roles: [] };

export interface CollectorsOptions {
  readonly database: Database;
  readonly runs: Runs;
  readonly keeper: RunKeeper;
  readonly audit: Pick<AuditLog, 'record' | 'recordIn'>;
  readonly batches: BatchLoads;
  /** How rows are collected, by the type of their source. */
  readonly types: ReadonlyMap<string, CollectorType>;
  readonly log: Log;
}

/** The collectors: listed, started, kept going, and, on a worker, done. */
export class Collectors {
  readonly #options: CollectorsOptions;
  readonly #streams: StreamKeeper;
  /** Runs that this process does now; aborted when their collector is to stop. */
  readonly #running = new Map<string, RunningCollector>();
  readonly #shares: StreamShares;
  readonly #closing = new AbortController();

  constructor(options: CollectorsOptions) {
    this.#options = options;
    this.#shares = new StreamShares({ database: options.database, worker: options.keeper.worker });
    this.#streams = new StreamKeeper({
      ...options,
      shares: this.#shares,
      list: () => this.list(),
      submit: (tx, collector, partition) => this.#submit(tx, collector, partition, { subject: collector.updatedBy, roles: ['engineer'] }),
      running: this.#running,
    });
  }

  async list(): Promise<Collector[]> {
    const { database } = this.#options;
    return database.transaction(async (tx) => {
      const { sources } = await loadCatalog(tx);
      const entities = await tx.manager.find(CollectorEntity, { order: { name: 'ASC' } });
      return entities.flatMap(({ spec, updatedBy, updatedAt }) => {
        const source = sources.get(spec.source);
        return source ? [{ spec, source, updatedBy, updatedAt }] : [];
      });
    }, 'REPEATABLE READ');
  }

  /** @throws HeadgateError NOT_FOUND */
  async get(name: string): Promise<Collector> {
    const collector = (await this.list()).find(({ spec }) => spec.name === name);
    if (!collector) throw new HeadgateError('NOT_FOUND', `There is no collector "${name.slice(0, 64)}".`, { collector: name.slice(0, 64) });
    return collector;
  }

  /**
   * Queues a run of each partition that has none; a worker does it. Of a collector that is under way the run that it has.
   * @throws HeadgateError NOT_FOUND; BAD_USER_INPUT for one that is paused; UNAVAILABLE when the source can't be asked for its partitions
   */
  async run(name: string, actor: RunActor): Promise<RunEntity> {
    const { database, audit } = this.#options;
    const collector = await this.get(name);
    if (collector.spec.paused) {
      throw new HeadgateError('BAD_USER_INPUT', `The collector ${name} is paused. Take "paused: true" out of its document first.`, { collector: name });
    }
    const partitions = await this.#streams.partitionsOf(collector);
    return database.transaction(async (tx) => {
      const runs: RunEntity[] = [];
      for (const partition of partitions) runs.push(await this.#submit(tx, collector, partition, actor));
      const [first] = runs;
      if (!first) throw new HeadgateError('UNAVAILABLE', `The source ${collector.spec.source} has no partition to collect from now.`, { collector: name });
      const { dataset } = collector.spec;
      await audit.recordIn(tx, {
        actor,
        action: 'collector.start',
        dataset,
        decision: 'ALLOWED',
        details: { collector: name, runs: runs.map(({ id }) => id) },
      });
      return first;
    });
  }

  /** The schedules of those that have one, by name. */
  async schedules(): Promise<ReadonlyMap<string, ScheduleState>> {
    return schedulesOf(this.#options.database, SCHEDULED);
  }

  /** Has those that are due started by `schedules`; one that is under way goes on, and is not started beside itself. */
  schedule(schedules: Pick<Schedules, 'owner'>): void {
    schedules.owner(SCHEDULED, async (tx, name, due) => {
      const collector = await this.get(name);
      const dueAt = due.toISOString();
      const { id } = await this.#submit(tx, collector, '', SCHEDULE, dueAt);
      const { dataset } = collector.spec;
      const details = { collector: name, runs: [id], dueAt };
      await this.#options.audit.recordIn(tx, { actor: SCHEDULE, action: 'collector.start', dataset, decision: 'ALLOWED', details });
      return id;
    });
  }

  /**
   * Forgets where a collector is, in one partition or all: it begins from the beginning, now if it is a stream. Rows that are there stay.
   * @throws HeadgateError NOT_FOUND for a collector, or a partition that it has no position in
   */
  async reset(name: string, actor: RunActor, partition?: string): Promise<void> {
    const { database, audit } = this.#options;
    const { spec } = await this.get(name);
    await database.transaction(async (tx) => {
      // A run that is under way fails at its next batch, and the next one begins anew.
      await tx.query('UPDATE headgate.collector SET updated_at = clock_timestamp() WHERE name = $1', [name]);
      const forgotten = await tx.query<{ partition: string }>(
        'DELETE FROM headgate.collector_position WHERE collector = $1 AND ($2::text IS NULL OR partition = $2) RETURNING partition',
        [name, partition ?? null],
      );
      if (partition !== undefined && forgotten.length === 0) {
        throw new HeadgateError('NOT_FOUND', `The collector ${name} has no position in a partition "${partition.slice(0, 200)}".`, { collector: name });
      }
      const details = { collector: name, partitions: forgotten.map((row) => row.partition) };
      await audit.recordIn(tx, { actor, action: 'collector.reset', dataset: spec.dataset, decision: 'ALLOWED', details });
    });
    this.wake();
  }

  /** For a worker of the queues `ingestion` and `stream`: does the run whose id the job carries. */
  get handler(): JobHandler {
    return async ({ id }, { signal }) => {
      const { keeper } = this.#options;
      const move = new AbortController();
      await keeper.perform(id, AbortSignal.any([signal, this.#closing.signal, move.signal]), async (run, context) => {
        const stop = new AbortController();
        const collector = run.collector ?? '';
        const version = await this.#versionOf(collector);
        this.#running.set(run.id, { collector, isStream: queueOf(run) === STREAM_QUEUE, version, stop, move });
        try {
          await performCollector(this.#options, run, context, stop.signal);
        } finally {
          this.#running.delete(run.id);
          // Where it was changed, the next one begins.
          this.#streams.wake();
        }
      });
    };
  }

  /** Runs of streams that this process may have now. */
  get share(): number {
    return this.#shares.share;
  }

  /** Keeps a run of each partition of each stream, in this process or another, until `close`. */
  start(): void {
    this.#streams.start();
  }

  /** Heeds a change of a document now, instead of soon. */
  wake(): void {
    this.#streams.wake();
  }

  /** Gives the runs of this process back; others go on with them. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('The process is stopping.'));
    await this.#streams.close();
  }

  async #versionOf(name: string): Promise<number> {
    const entity = await this.#options.database.manager.findOneBy(CollectorEntity, { name });
    return entity?.updatedAt.getTime() ?? 0;
  }

  async #submit(tx: Transaction, { spec, source }: Collector, partition: string, actor: RunActor | Actor, dueAt?: string): Promise<RunEntity> {
    const streams = isStream(spec, source.type);
    const { run } = await this.#options.runs.submit(tx, {
      kind: 'INGESTION',
      dataset: spec.dataset,
      collected: { collector: spec.name, partition, isStream: streams },
      input: { source: spec.source, mode: spec.mode ?? 'append', actor: actorOf(actor), ...(dueAt !== undefined && { dueAt }) },
      requestedBy: actor.subject,
      ...(!streams && { group: { id: `source/${spec.source}`, limit: source.concurrency ?? AT_A_TIME } }),
      requestedWith: 'credential' in actor ? actor.credential : undefined,
    });
    return run;
  }
}
