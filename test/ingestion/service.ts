import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditEntryEntity, AuditLog, type Actor } from '../../src/audit/index.js';
import { catalogEntities, saveDataset, type DatasetDocument } from '../../src/catalog/index.js';
import { Ingestion, Loader, QuarantinedRowEntity } from '../../src/ingestion/index.js';
import { JobQueue } from '../../src/jobs/index.js';
import { silentLog } from '../../src/kernel/index.js';
import { RunEntity, RunKeeper, Runs, RunStepEntity } from '../../src/lifecycle/index.js';
import { prepareParser } from '../../src/sql/index.js';
import { Database, type Connection } from '../../src/store/index.js';
import { LIMITS } from './setup.js';

export const ENGINEER: Actor = { subject: 'engineer@example.com', roles: ['engineer'], purpose: 'operations' };

/** Everything that a load with a run needs, on a database that is there. */
export async function openService(connection: Connection, home: string, worker = 'test') {
  await prepareParser();
  const entities = [...catalogEntities, QuarantinedRowEntity, RunEntity, RunStepEntity, AuditEntryEntity];
  const database = await Database.open({ connection, entities, statementTimeoutMs: 10_000 });
  const jobs = await JobQueue.start({ connection, log: silentLog, queues: ['ingestion', 'pipeline', 'quality'] });
  const runs = new Runs({ database, jobs, log: silentLog });
  const keeper = new RunKeeper({ runs, worker, log: silentLog });
  const audit = new AuditLog({ database, log: silentLog, mode: 'strict' });
  const loader = new Loader({ database, config: { home, filesDir: home, limits: LIMITS }, log: silentLog });
  const ingestion = new Ingestion({ database, loader, runs, keeper, audit });
  await ingestion.start();
  return {
    database,
    jobs,
    runs,
    keeper,
    ingestion,
    declare: (document: DatasetDocument) => database.transaction((tx) => saveDataset(tx, document, { appliedBy: 'test' })),
    entries: () =>
      database.query<{ principal: string; decision: string; rows: number | null; details: Record<string, unknown> }>(
        "SELECT principal, decision, row_count::int AS rows, details FROM headgate.audit_record WHERE action = 'ingest' ORDER BY at, id",
      ),
    close: async () => {
      await keeper.stop();
      await jobs.stop({ timeoutMs: 0 });
      await audit.close();
      await database.close();
    },
  };
}

export async function temporaryHome(): Promise<{ home: string; remove: () => Promise<void> }> {
  const home = await mkdtemp(join(tmpdir(), 'headgate-ingest-'));
  return { home, remove: () => rm(home, { recursive: true, force: true }) };
}
