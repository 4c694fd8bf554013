import { hostname } from 'node:os';
import type { AuditFact } from './audit/index.js';
import type { DataChanges } from './catalog/index.js';
import { TagDetection } from './classification/index.js';
import type { Config } from './config/index.js';
import type { Subjects } from './delivery/index.js';
import type { Authorizer, ContractKeeper } from './governance/index.js';
import type { Principal } from './identity/index.js';
import {
  BatchLoads,
  Collectors,
  EventsCollector,
  filesCollector,
  graphqlCollector,
  heldContents,
  httpCollector,
  InboxSweep,
  Ingestion,
  KafkaBroker,
  Loader,
  LoadPermission,
  NatsBroker,
  postgresCollector,
  QuarantineSweep,
  RedisBroker,
  SlotLags,
  SourceInference,
  streamType,
  type AfterBatch,
  type Broker,
  type CollectorType,
  type IngestInput,
  type SaidDialect,
} from './ingestion/index.js';
import { DEAD_JOBS, JobQueue, Schedules, type JobHandler } from './jobs/index.js';
import { HeadgateError, newId, type Closing, type Log } from './kernel/index.js';
import { RUN_QUEUES, RunKeeper, Runs, STREAM_QUEUE, Workers, type RedriveFilter, type RunEntity, type WorkerProcess } from './lifecycle/index.js';
import type { Outbound } from './outbound/index.js';
import { Pipelines } from './processing/index.js';
import { checkQuality } from './quality/index.js';
import type { Audit } from './record.js';
import type { HttpClients, Sources } from './sources/index.js';
import type { Database, Notifications } from './store/index.js';
import type { FieldCipher } from './vault/index.js';

/** Runs, and what does them: here at once for an upload, by the workers of any process for the rest. */
export interface Work {
  readonly runs: Runs;
  readonly ingestion: Ingestion;
  readonly collectors: Collectors;
  readonly pipelines: Pipelines;
  readonly inference: SourceInference;
  /** @throws HeadgateError CONFLICT for a run that is not over, or whose input is gone. */
  readonly retryRun: (run: RunEntity, principal: Principal) => Promise<RunEntity>;
  /** @throws HeadgateError BAD_USER_INPUT without a condition */
  readonly redriveRuns: (filter: RedriveFilter, principal: Principal) => Promise<RunEntity[]>;
  readonly workers: Workers;
}

/** Streams that one process follows. */
const STREAMS_AT_A_TIME = 64;
/** Between two checks of a dataset that streams go into: at least this long, and so many times as long as a check takes. */
const CHECK_EVERY_MS = 30_000;
const CHECK_SHARE = 30;

interface WorkRoom {
  readonly config: Config;
  readonly log: Log;
  readonly database: Database;
  readonly closing: Closing;
  readonly audit: Audit;
  readonly dataChanges: DataChanges;
  readonly subjects: Subjects;
  readonly outbound: Outbound;
  readonly cipher: FieldCipher;
  readonly sources: Sources;
  readonly notifications: Notifications;
  readonly clients: HttpClients;
  readonly contracts: ContractKeeper;
  /** Of the grants that are in force at the moment of the call. */
  readonly authorizer: () => Promise<Authorizer>;
}

/**
 * Starts the queue, the keeper of runs and, with the role `worker`, the workers.
 * @throws HeadgateError UNAVAILABLE for a database that can't be used.
 */
export async function openWork({
  config,
  log,
  database,
  audit,
  closing,
  dataChanges,
  cipher,
  subjects,
  clients,
  contracts,
  outbound,
  sources,
  notifications,
  authorizer,
}: WorkRoom): Promise<Work> {
  const jobs = await JobQueue.start({ connection: database.connection, log, queues: [...Object.values(RUN_QUEUES), STREAM_QUEUE] });
  const runs = new Runs({ database, jobs, log, heldContents: (tx, runIds) => heldContents(tx, cipher, runIds) });
  const self = processOf(config);
  const keeper = new RunKeeper({ runs, worker: self.name, log });
  const workers = new Workers({ database, log, self });
  closing.add('workers', () => workers.stop());
  closing.add('runs', () => keeper.stop());
  closing.add('jobs', () => jobs.stop());
  keeper.start();
  workers.start();

  const detection = new TagDetection({ audit, log });
  const loader = new Loader({ database, config, log, cipher, contracts, outbound });
  const ingestion = new Ingestion({
    database,
    runs,
    keeper,
    audit,
    cipher,
    loader,
    permission: new LoadPermission({ database, authorizer }),
    // The report belongs to the version that it speaks of, so it is committed with it.
    afterLoad: async (tx, dataset, run, outcome, actor) => {
      // Of whoever was erased since the rows were given none comes back, however often they are sent again.
      await subjects.afterLoad(tx, dataset, { id: run.id, createdAt: run.givenAt ?? run.createdAt });
      if (outcome.repeated) return;
      await checkQuality(tx, dataset, { runId: run.id });
      await detection.afterLoad(tx, dataset, { runId: run.id, outcome, actor });
    },
  });
  await ingestion.start();
  const afterBatch = afterBatches({ subjects, detection });
  const batches = new BatchLoads({ database, loader, runs, audit, afterBatch });
  const stream = (broker: Broker) => streamType({ broker, maxValueBytes: config.limits.maxValueBytes, log });
  const events = new EventsCollector({ database, notifications, cipher, log, maxValueBytes: config.limits.maxValueBytes });
  await events.start();
  closing.add('events', () => events.close());
  const types = new Map<string, CollectorType>([
    ['events', events],
    ['files', filesCollector({ database, config, outbound })],
    ['http', httpCollector(clients)],
    ['graphql', graphqlCollector(clients)],
    ['nats', stream(new NatsBroker(config.secrets, outbound))],
    ['redis', stream(new RedisBroker(config.secrets, outbound))],
    ['kafka', stream(new KafkaBroker(config.secrets, outbound))],
    ['postgres', postgresCollector(sources)],
  ]);
  const collectors = new Collectors({ database, runs, keeper, audit, batches, types, log });
  closing.add('collectors', () => collectors.close());
  const inference = new SourceInference({
    clients,
    sources,
    maxValueBytes: config.limits.maxValueBytes,
    collectors: async () => (await collectors.list()).map(({ spec }) => spec.name),
  });
  const pipelines = new Pipelines({ database, runs, keeper, audit, log, afterPublish: subjects.afterPublish });
  if (config.roles.includes('worker')) {
    const sweep = new QuarantineSweep({ database, audit, log });
    closing.add('quarantine', () => sweep.close());
    sweep.start();
    await pipelines.sweep();
    const ingest: JobHandler = async (job, context) => {
      const { collector } = await runs.get(job.id);
      await (collector === null ? ingestion : collectors).handler(job, context).finally(() => dataChanges.refresh());
    };
    jobs.work(RUN_QUEUES.INGESTION, ingest, { concurrency: 2, grouped: true });
    jobs.work(STREAM_QUEUE, ingest, { concurrency: () => Math.min(collectors.share, STREAMS_AT_A_TIME), grouped: true });
    collectors.start();
    const inboxSweep = new InboxSweep({ database, cipher, log });
    closing.add('sweep of the inbox', () => inboxSweep.close());
    inboxSweep.start();
    const slotLags = new SlotLags({ database, sources, log });
    closing.add('lags of slots', () => slotLags.close());
    slotLags.start();
    jobs.work(RUN_QUEUES.PIPELINE, ({ id }, { signal }) => pipelines.perform(id, signal).finally(() => dataChanges.refresh()), {
      concurrency: 2,
      grouped: true,
    });
    jobs.work(DEAD_JOBS, ({ id }) => runs.abandon(id));
    const schedules = new Schedules({ database, log });
    closing.add('schedules', () => schedules.stop());
    pipelines.schedule(schedules);
    collectors.schedule(schedules);
    schedules.start();
  }
  const redriveRuns: Work['redriveRuns'] = (filter, principal) => redrive(filter, principal, { database, runs, audit });
  return {
    runs,
    ingestion,
    collectors,
    pipelines,
    inference,
    workers,
    redriveRuns,
    retryRun: (run, principal) => retryRun(run, principal, { ingestion, collectors, pipelines, redriveRuns }),
  };
}

function processOf({ roles }: Config): Pick<WorkerProcess, 'id' | 'name' | 'host' | 'roles'> {
  const [id, host] = [newId(), hostname()];
  return { id, host, name: `${host}/${process.pid}/${id}`, roles };
}

/** Each is in the record: it is done again in the name of whoever asked for it first. */
async function redrive(filter: RedriveFilter, principal: Principal, { database, runs, audit }: Pick<WorkRoom, 'database' | 'audit'> & Pick<Work, 'runs'>) {
  return database.transaction(async (tx) => {
    const redriven = await runs.redrive(tx, filter);
    const facts = redriven.map((run): AuditFact => ({
      actor: principal,
      action: 'run.redrive',
      decision: 'ALLOWED',
      details: { run: run.id, repeats: run.parentId },
      ...(run.dataset !== null && { dataset: run.dataset }),
    }));
    if (facts.length > 0) await audit.recordIn(tx, ...facts);
    return redriven;
  });
}

/**
 * Batches follow each other in moments, and the checks of a dataset read all of its rows: they are made when their last time
 * is so long ago that they take a small share of it.
 */
function afterBatches({ subjects, detection }: { readonly subjects: Subjects; readonly detection: TagDetection }): AfterBatch {
  const due = new Map<string, number>();
  return async (tx, dataset, { run, outcome, receivedAt, actor }) => {
    await subjects.afterLoad(tx, dataset, { id: run.id, createdAt: receivedAt });
    const began = performance.now();
    if (began < (due.get(dataset.id) ?? 0)) return;
    await checkQuality(tx, dataset, { runId: run.id });
    await detection.afterLoad(tx, dataset, { runId: run.id, outcome, actor });
    const ended = performance.now();
    due.set(dataset.id, ended + Math.max(CHECK_EVERY_MS, CHECK_SHARE * (ended - began)));
  };
}

async function retryRun(
  run: RunEntity,
  principal: Principal,
  { ingestion, collectors, pipelines, redriveRuns }: Pick<Work, 'ingestion' | 'collectors' | 'pipelines' | 'redriveRuns'>,
): Promise<RunEntity> {
  if (run.status !== 'FAILED' && run.status !== 'CANCELLED') {
    throw new HeadgateError('CONFLICT', `Only a run that failed or was cancelled can be tried again; this one is ${run.status}.`, {
      run: run.id,
      status: run.status,
    });
  }
  const [again] = run.deadLetteredAt !== null && run.redrivenAs === null ? await redriveRuns({ ids: [run.id] }, principal) : [];
  if (again) return again;
  if (run.pipeline !== null) return pipelines.run(run.pipeline, principal);
  if (run.collector !== null) return collectors.run(run.collector, principal);
  const { source, mode, format, force, dialect, detect } = run.input as Omit<IngestInput, 'dataset'> & { readonly dialect?: SaidDialect };
  if (run.kind !== 'INGESTION' || run.dataset === null || source === undefined || !run.resumable) {
    throw new HeadgateError('CONFLICT', goneText(run), { run: run.id });
  }
  return ingestion.submit({ dataset: run.dataset, source, mode, format, force, ...dialect, detect }, principal);
}

/** Why what a load was given is not here any more, and what to do. */
function goneText({ input, resumable }: RunEntity): string {
  const { url, replay } = input as { readonly url?: string; readonly replay?: true };
  if (!resumable) return 'What an upload brings is not kept: send it again.';
  if (replay) return 'Which rows were to be replayed is kept until the run is over: ask for the replay again.';
  if (url !== undefined) return 'A URL is kept until its run is over, since what stands behind its "?" may be a secret: ask for the load again, with the URL.';
  return 'Inline content is kept until its run is over: send it again.';
}
