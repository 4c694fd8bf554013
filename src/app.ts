import 'reflect-metadata';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Reader } from './access/index.js';
import { AuditCheckpointEntity, AuditEntryEntity, AuditLog, exportAudit, Sealer, verifyAudit, type AuditVerification } from './audit/index.js';
import {
  applyManifests,
  catalogEntities,
  datasetKind,
  exportManifests,
  Live,
  loadCatalog,
  parseManifests,
  purposeKind,
  sourceKind,
  type ApplyOptions,
  type ApplyResult,
  type ManifestKind,
} from './catalog/index.js';
import type { Config } from './config/index.js';
import { AccessGrantEntity, Authorizer, grantKind, loadPolicy, maskKeys } from './governance/index.js';
import { buildControlSchema, createContext, Views, type ControlServices, type World } from './graphql/index.js';
import { Gateway, Metrics } from './http/index.js';
import { ApiKeyEntity, Authenticator, RevokedTokenEntity, type Principal } from './identity/index.js';
import { Ingestion, Loader, Quarantine, QuarantinedRowEntity } from './ingestion/index.js';
import { JobQueue } from './jobs/index.js';
import { Closing, createLog, HeadgateError, newId, type Log } from './kernel/index.js';
import { RUN_QUEUES, RunEntity, RunKeeper, Runs, RunStepEntity } from './lifecycle/index.js';
import { PipelineEntity, pipelineKind, Pipelines } from './processing/index.js';
import { checkQuality, QualityCheckEntity, QualityReportEntity, QualityReports } from './quality/index.js';
import { Sources } from './sources/index.js';
import { prepareParser } from './sql/index.js';
import { KeyRing, Notifications, openStore, type Database, type Transaction } from './store/index.js';

/** A running Headgate. */
export interface App {
  /** Where it answers; undefined without the role `gateway`. */
  readonly url: string | undefined;
  readonly keyRing: KeyRing;
  /** In order: HTTP drains, workers end or hand back, the audit is flushed, sealed and signed, the store closes. Twice is once. */
  close(): Promise<void>;
}

const ENTITIES = [
  ...catalogEntities,
  AccessGrantEntity,
  PipelineEntity,
  AuditEntryEntity,
  AuditCheckpointEntity,
  ApiKeyEntity,
  RevokedTokenEntity,
  QuarantinedRowEntity,
  RunEntity,
  RunStepEntity,
  QualityReportEntity,
  QualityCheckEntity,
];

/** In the order in which they depend on each other. */
const KINDS = [purposeKind, sourceKind, datasetKind, pipelineKind, grantKind] as unknown as readonly ManifestKind[];

/**
 * Opens the store and puts the rooms together, for the roles of the configuration. When it rejects, nothing stays open.
 * @throws HeadgateError CONFLICT for a home or port in use; UNAVAILABLE for a database that can't be used; BAD_USER_INPUT for a setting.
 */
export async function startApp(config: Config, { log = createLog(config.logLevel) }: { readonly log?: Log } = {}): Promise<App> {
  const closing = new Closing(log);
  try {
    return await wire(config, log, closing);
  } catch (error) {
    await closing.close();
    throw error;
  }
}

async function wire(config: Config, log: Log, closing: Closing): Promise<App> {
  await prepareParser();
  const keyRing = await KeyRing.open(config.home, config.masterKey);
  const { database, ...store } = await openStore(config, ENTITIES);
  closing.add('store', () => store.close());
  const notifications = new Notifications(database.connection, log);
  closing.add('notifications', () => notifications.close());
  await notifications.start();

  const metrics = new Metrics(database);
  const record = openRecord({ config, log, database, keyRing, metrics, closing });
  const live = await Live.start({ database, notifications, log, load: (tx) => loadWorld(tx, log) });
  closing.add('catalog', () => live.close());
  const sources = openSources(config, log, live, closing);
  const work = await openWork({ config, log, database, audit: record.audit, closing });
  const manifests = manifestService({ database, audit: record.audit, sources, refresh: () => live.refresh() });
  const services = controlServices({ database, audit: record.audit, manifests, sources, verify: () => record.verify(), ...work });

  const app = { keyRing, close: () => closing.close() };
  if (!config.roles.includes('gateway')) return { ...app, url: undefined };
  const views = new Views(buildControlSchema(), config.limits, log);
  closing.add('views', () => views.stop());
  const setting = { services, reader: new Reader(database.reader, sources), maskKeys: maskKeys(keyRing), limits: config.limits };
  const gateway = await Gateway.start({
    config,
    log,
    database,
    metrics,
    audit: record.audit,
    authenticator: new Authenticator({ config, keyRing, database }),
    world: () => live.current,
    views,
    contextOf: (facts) => createContext(setting, facts),
    load: (upload, principal, signal) => work.ingestion.loadNow({ ...upload, signal }, principal),
    manifests,
    record,
  });
  closing.add('gateway', () => gateway.close());
  return { ...app, url: gateway.url };
}

async function loadWorld(tx: Transaction, log: Log): Promise<World> {
  const catalog = await loadCatalog(tx);
  return { catalog, authorizer: new Authorizer(await loadPolicy(tx, catalog, log)) };
}

/** The sources of the current catalog. */
function openSources({ secrets }: Config, log: Log, live: Live<World>, closing: Closing): Sources {
  const sources = new Sources({ secrets, log });
  closing.add('sources', () => sources.close());
  sources.settle(live.current.catalog);
  live.subscribe(({ catalog }) => sources.settle(catalog));
  return sources;
}

type Audit = Pick<AuditLog, 'record' | 'recordIn'>;

interface Room {
  readonly config: Config;
  readonly log: Log;
  readonly database: Database;
  readonly closing: Closing;
}

/** Runs, and what does them: here at once for an upload, by the workers of any process for the rest. */
async function openWork({ config, log, database, audit, closing }: Room & { readonly audit: Audit }) {
  const jobs = await JobQueue.start({ connection: database.connection, log, queues: Object.values(RUN_QUEUES) });
  const runs = new Runs({ database, jobs, log });
  const keeper = new RunKeeper({ runs, worker: `${hostname()}/${process.pid}/${newId()}`, log });
  closing.add('runs', () => keeper.stop());
  closing.add('jobs', () => jobs.stop());
  keeper.start();

  const ingestion = new Ingestion({
    database,
    runs,
    keeper,
    audit,
    loader: new Loader({ database, config, log }),
    // The report belongs to the version that it speaks of, so it is committed with it.
    afterLoad: async (tx, dataset, run, { repeated }) => {
      if (!repeated) await checkQuality(tx, dataset, { runId: run.id });
    },
  });
  await ingestion.start();
  const pipelines = new Pipelines({ database, runs, keeper, audit, log });
  if (config.roles.includes('worker')) {
    await pipelines.sweep();
    jobs.work(RUN_QUEUES.INGESTION, ingestion.handler, { concurrency: 2 });
    jobs.work(RUN_QUEUES.PIPELINE, ({ id }, { signal }) => pipelines.perform(id, signal), { concurrency: 2 });
  }
  return { runs, ingestion, pipelines };
}

interface ManifestRoom {
  readonly database: Database;
  readonly audit: Audit;
  readonly sources: Sources;
  readonly refresh: () => Promise<unknown>;
}

/** Manifests in, manifests out. `refresh` resolves when this process sees what was applied. */
function manifestService({ database, audit, sources, refresh }: ManifestRoom) {
  return {
    parse: (files: NonNullable<ApplyOptions['files']>) => parseManifests(files, KINDS),
    apply: (
      documents: NonNullable<ApplyOptions['documents']>,
      actor: Principal,
      options: { readonly dryRun: boolean; readonly prune?: boolean },
    ): Promise<ApplyResult> => applyManifests({ database, kinds: KINDS, audit, sources, actor, documents, ...options, notify: refresh }),
    export: () => exportManifests(database, KINDS),
  };
}

interface Services extends Awaited<ReturnType<typeof openWork>> {
  readonly database: Database;
  readonly audit: Audit;
  readonly manifests: ReturnType<typeof manifestService>;
  readonly sources: Sources;
  readonly verify: () => Promise<AuditVerification>;
}

function controlServices({ database, audit, manifests, sources, verify, runs, ingestion, pipelines }: Services): ControlServices {
  return {
    database,
    audit,
    runs,
    kinds: KINDS,
    sources,
    reports: new QualityReports({ database, audit }),
    quarantine: new Quarantine(database),
    verifyAudit: verify,
    applyManifests: manifests.apply,
    submitIngest: (input, principal) => ingestion.submit(input, principal),
    submitPipeline: (name, principal) => pipelines.run(name, principal),
    retryRun: async (run, principal) => {
      if (run.status !== 'FAILED' && run.status !== 'CANCELLED') {
        throw new HeadgateError('CONFLICT', `Only a run that failed or was cancelled can be tried again; this one is ${run.status}.`, {
          run: run.id,
          status: run.status,
        });
      }
      if (run.pipeline !== null) return pipelines.run(run.pipeline, principal);
      const { source, mode, format, force } = run.input as { source?: string; mode?: string; format?: string; force?: boolean };
      if (run.kind !== 'INGESTION' || run.dataset === null || source === undefined || !run.resumable) {
        throw new HeadgateError('CONFLICT', 'What the run was given is no longer here: send it again.', { run: run.id });
      }
      return ingestion.submit({ dataset: run.dataset, source, mode, format, force }, principal);
    },
    pipelines: async () => (await pipelines.list()).map(({ inputs, output, ...pipeline }) => ({ ...pipeline, inputNames: inputs, outputName: output })),
  };
}

/** The audit: what writes entries, what seals them, and their proof. */
function openRecord({ config, log, database, keyRing, metrics, closing }: Room & { readonly keyRing: KeyRing; readonly metrics: Metrics }) {
  const key = keyRing.signingKey('audit');
  const checkpointsFile = join(config.home, 'audit-checkpoints.ndjson');
  const sealer = new Sealer({ database, log, key, checkpointsFile });
  sealer.start();
  closing.add('sealer', () => sealer.stop());
  const entries = new AuditLog({ database, log, mode: config.auditMode });
  // Before the sealer, so that what is written last gets its place as well.
  closing.add('audit', () => entries.close());
  const audit: Audit = {
    record: async (fact) => {
      metrics.count(fact);
      await entries.record(fact);
    },
    recordIn: async (tx, ...facts) => {
      metrics.count(...facts);
      await entries.recordIn(tx, ...facts);
    },
  };
  return {
    audit,
    /** @param file a checkpoints file that was kept elsewhere; ours when absent. */
    verify: async (file = checkpointsFile): Promise<AuditVerification> => {
      // So that it speaks of the last second too.
      await sealer.sealNow();
      return verifyAudit({ database, key, checkpointsFile: file });
    },
    export: () => exportAudit(database),
  };
}
