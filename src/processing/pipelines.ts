import type { AuditLog } from '../audit/index.js';
import { schedulesOf, type Schedules, type ScheduleState } from '../jobs/index.js';
import { HeadgateError, type Log } from '../kernel/index.js';
import { RUN_PRIORITIES, type RunActor, type RunEntity, type RunKeeper, type RunPriority, type Runs } from '../lifecycle/index.js';
import { prepareParser } from '../sql/index.js';
import type { Database, Transaction } from '../store/index.js';
import { workTable } from './compute.js';
import { actorOf, PipelineRun, workTableSql, type AfterPublish } from './pipeline-run.js';
import { SCHEDULED } from './pipeline-kind.js';
import { PipelineEntity } from './pipeline.entity.js';
import type { StepSpec } from './pipeline-spec.js';

export interface PipelinesOptions {
  readonly database: Database;
  readonly runs: Runs;
  readonly keeper: RunKeeper;
  readonly audit: Pick<AuditLog, 'recordIn'>;
  readonly log: Log;
  /** How long the statement of one run may take, in milliseconds; an hour when it is not said. */
  readonly timeoutMs?: number;
  readonly afterPublish?: AfterPublish;
}

/** What a step declares to have made harmless. */
export interface Anonymisation {
  readonly tags: readonly string[];
  /** Its rows are about no person any more. */
  readonly subject: boolean;
  readonly reason: string;
}

/** A pipeline as it is shown. */
export interface Pipeline {
  readonly name: string;
  readonly description?: string;
  readonly steps: readonly { readonly name: string; readonly kind: string; readonly definition: unknown; readonly anonymises?: Anonymisation }[];
  /** The datasets that it reads. */
  readonly inputs: readonly string[];
  /** The dataset that it makes. */
  readonly output: string;
  readonly updatedBy: string;
  readonly updatedAt: Date;
}

const HOUR_MS = 3_600_000;

/** Who asks for a run whose time has come: nobody of those outside, and with no right of theirs. */
const SCHEDULE: RunActor = { subject: 'schedule', roles: [] };

/** The pipelines: listed, started, and, on a worker, run. */
export class Pipelines {
  readonly #options: PipelinesOptions;

  constructor(options: PipelinesOptions) {
    this.#options = options;
  }

  async list(): Promise<Pipeline[]> {
    const pipelines = await this.#options.database.manager.find(PipelineEntity, { order: { name: 'ASC' } });
    return pipelines.map(toPipeline);
  }

  async find(name: string): Promise<Pipeline | undefined> {
    const pipeline = await this.#options.database.manager.findOneBy(PipelineEntity, { name });
    return pipeline ? toPipeline(pipeline) : undefined;
  }

  /** The schedules of those that have one, by name. */
  async schedules(): Promise<ReadonlyMap<string, ScheduleState>> {
    return schedulesOf(this.#options.database, SCHEDULED);
  }

  /**
   * Queues a run; a worker does it. The request is in the audit with it.
   * @throws HeadgateError NOT_FOUND
   */
  async run(name: string, actor: RunActor, priority: RunPriority = 'NORMAL'): Promise<RunEntity> {
    return this.#options.database.transaction((tx) => this.#submit(tx, name, actor, { priority }));
  }

  /** Has those that are due started by `schedules`. */
  schedule(schedules: Pick<Schedules, 'owner'>): void {
    schedules.owner(SCHEDULED, async (tx, name, dueAt) => (await this.#submit(tx, name, SCHEDULE, { dueAt: dueAt.toISOString() })).id);
  }

  async #submit(
    tx: Transaction,
    name: string,
    actor: RunActor,
    { priority = 'NORMAL', ...due }: { readonly priority?: RunPriority; readonly dueAt?: string },
  ): Promise<RunEntity> {
    const { runs, audit } = this.#options;
    const pipeline = await tx.manager.findOneBy(PipelineEntity, { name });
    if (!pipeline) throw new HeadgateError('NOT_FOUND', `There is no pipeline "${name.slice(0, 64)}".`, { pipeline: name.slice(0, 64) });
    const { run } = await runs.submit(tx, {
      kind: 'PIPELINE',
      pipeline: name,
      dataset: pipeline.output,
      requestedBy: actor.subject,
      requestedWith: actor.credential,
      input: { roles: [...actor.roles], ...due },
      priority: RUN_PRIORITIES[priority],
      // Two would wait for each other at the row of the dataset that they make.
      group: { id: `dataset/${pipeline.output}`, limit: 1 },
    });
    const details = { pipeline: name, run: run.id, ...due };
    await audit.recordIn(tx, { actor, action: 'pipeline.start', dataset: pipeline.output, decision: 'ALLOWED', details });
    return run;
  }

  /** For a worker: does a queued run. What goes wrong is kept with the run; it rejects only when that can't be written. */
  async perform(runId: string, signal: AbortSignal): Promise<void> {
    const { database, runs, keeper, audit, timeoutMs = HOUR_MS, afterPublish } = this.#options;
    await prepareParser();
    const taken = await keeper.perform(runId, signal, (run, context) =>
      new PipelineRun({ database, runs, audit, timeoutMs, ...(afterPublish && { afterPublish }) }, run, context).perform(),
    );
    if (taken) await this.#settle(runId);
  }

  /** Drops the work tables of runs that are over: what a killed worker left, or a failed run. */
  async sweep(): Promise<void> {
    const { database } = this.#options;
    const tables = await database.query<{ id: string }>(
      `SELECT run.id FROM pg_catalog.pg_class c JOIN headgate.run ON c.relname = 'pipeline_' || replace(run.id::text, '-', '')
       WHERE c.relnamespace = 'work'::regnamespace AND run.status NOT IN ('QUEUED', 'RUNNING')`,
    );
    for (const { id } of tables) await database.query(`DROP TABLE IF EXISTS ${workTableSql(id)}`);
  }

  /** After a run that is over and did not succeed: its table goes, and the record says so. */
  async #settle(runId: string): Promise<void> {
    const { database, runs, audit, log } = this.#options;
    const run = await runs.get(runId);
    if (run.status !== 'FAILED' && run.status !== 'CANCELLED') return;
    await database.transaction(async (tx) => {
      await tx.query(`DROP TABLE IF EXISTS ${workTableSql(runId)}`);
      await audit.recordIn(tx, {
        actor: actorOf(run),
        action: 'pipeline.run',
        ...(run.dataset !== null && { dataset: run.dataset }),
        decision: 'FAILED',
        details: { pipeline: run.pipeline, run: run.id, status: run.status, ...(run.errorCode !== null && { code: run.errorCode }) },
      });
    });
    log.info({ run: runId, status: run.status, code: run.errorCode, table: workTable(runId) }, 'a pipeline run did not succeed');
  }
}

function toPipeline({ name, spec, inputs, output, updatedBy, updatedAt }: PipelineEntity): Pipeline {
  return {
    name,
    ...(spec.description !== undefined && { description: spec.description }),
    steps: spec.steps.map((step) => ({ name: step.name ?? 'publish', ...kindOf(step), ...anonymisationOf(step) })),
    inputs,
    output,
    updatedBy,
    updatedAt,
  };
}

function anonymisationOf({ anonymises }: StepSpec): { readonly anonymises?: Anonymisation } {
  if (!anonymises) return {};
  const { tags = [], subject = false, reason } = anonymises;
  return { anonymises: { tags, subject, reason } };
}

function kindOf(step: StepSpec): { readonly kind: string; readonly definition: unknown } {
  if (step.transform) return { kind: 'transform', definition: step.transform };
  if (step.aggregate) return { kind: 'aggregate', definition: step.aggregate };
  if (step.publish) return { kind: 'publish', definition: step.publish };
  return { kind: 'sql', definition: step.sql };
}
