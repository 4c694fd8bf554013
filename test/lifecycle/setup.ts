import { JobQueue } from '../../src/jobs/index.js';
import { silentLog } from '../../src/kernel/index.js';
import { RunEntity, RunKeeper, Runs, RunStepEntity } from '../../src/lifecycle/index.js';
import { Database } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';

export interface World {
  readonly database: Database;
  readonly jobs: JobQueue;
  readonly runs: Runs;
  readonly keeper: RunKeeper;
  close(): Promise<void>;
}

export async function createWorld(): Promise<World> {
  const { connection, drop } = await createTestDatabase();
  const database = await Database.open({ connection, entities: [RunEntity, RunStepEntity], statementTimeoutMs: 10_000 });
  const jobs = await JobQueue.start({ connection, log: silentLog, queues: ['ingestion', 'pipeline', 'quality', 'stream'] });
  // Waits of minutes: no test waits for one, each says when it is over.
  const retry = { mostTries: 4, firstMs: 600_000, longestMs: 3_600_000 };
  const runs = new Runs({ database, jobs, log: silentLog, retry });
  const keeper = new RunKeeper({ runs, worker: 'test', log: silentLog });
  return {
    database,
    jobs,
    runs,
    keeper,
    close: async () => {
      await jobs.stop({ timeoutMs: 0 });
      await database.close();
      await drop();
    },
  };
}
