import { AuditEntryEntity, AuditLog } from '../../src/audit/index.js';
import {
  applyManifests,
  catalogEntities,
  datasetKind,
  loadCatalog,
  purposeKind,
  type ApplyResult,
  type Catalog,
  type Dataset,
} from '../../src/catalog/index.js';
import { JobQueue } from '../../src/jobs/index.js';
import { silentLog } from '../../src/kernel/index.js';
import { RunEntity, RunKeeper, Runs, RunStepEntity } from '../../src/lifecycle/index.js';
import { PipelineEntity, pipelineKind, Pipelines } from '../../src/processing/index.js';
import { QualityCheckEntity, QualityReportEntity } from '../../src/quality/index.js';
import { prepareParser } from '../../src/sql/index.js';
import { Database, type Connection } from '../../src/store/index.js';

export const ANN = { subject: 'ann', roles: ['engineer'] };

export interface World {
  readonly database: Database;
  readonly connection: Connection;
  readonly jobs: JobQueue;
  readonly runs: Runs;
  readonly keeper: RunKeeper;
  readonly audit: AuditLog;
  readonly pipelines: Pipelines;
  apply(manifest: string, options?: { readonly prune?: boolean }): Promise<ApplyResult>;
  catalog(): Promise<Catalog>;
  dataset(name: string): Promise<Dataset>;
  /** Starts a run and does it here. */
  run(pipeline: string): Promise<RunEntity>;
  close(): Promise<void>;
}

/** The rooms that pipelines need, over a database that is there. */
export async function openWorld(connection: Connection, timeoutMs = 60_000): Promise<World> {
  await prepareParser();
  const entities = [...catalogEntities, AuditEntryEntity, RunEntity, RunStepEntity, QualityReportEntity, QualityCheckEntity, PipelineEntity];
  const database = await Database.open({ connection, entities, statementTimeoutMs: 10_000 });
  const jobs = await JobQueue.start({ connection, log: silentLog, queues: ['pipeline'] });
  const runs = new Runs({ database, jobs, log: silentLog });
  const keeper = new RunKeeper({ runs, worker: 'test', log: silentLog });
  const audit = new AuditLog({ database, log: silentLog, mode: 'strict' });
  const pipelines = new Pipelines({ database, runs, keeper, audit, log: silentLog, timeoutMs });
  const catalog = () => database.transaction((tx) => loadCatalog(tx));
  return {
    database,
    connection,
    jobs,
    audit,
    runs,
    keeper,
    pipelines,
    catalog,
    apply: (content, options = {}) =>
      applyManifests({
        database,
        audit,
        actor: ANN,
        kinds: [purposeKind, datasetKind, pipelineKind],
        files: [{ file: 'test.yaml', text: content }],
        ...options,
      }),
    dataset: async (name) => {
      const dataset = (await catalog()).datasets.get(name);
      if (!dataset) throw new Error(`no dataset ${name}`);
      return dataset;
    },
    run: async (name) => {
      const { id } = await pipelines.run(name, ANN);
      await pipelines.perform(id, new AbortController().signal);
      return runs.get(id);
    },
    close: async () => {
      await jobs.stop({ timeoutMs: 0 });
      await audit.close();
      await database.close();
    },
  };
}
