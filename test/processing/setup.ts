import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import { AuditEntryEntity, AuditLog } from '../../src/audit/index.js';
import { applyManifests, catalogEntities, datasetKind, loadCatalog, purposeKind, type ApplyResult, type Catalog, type Dataset } from '../../src/catalog/index.js';
import { JobQueue } from '../../src/jobs/index.js';
import { silentLog } from '../../src/kernel/index.js';
import { RunEntity, RunKeeper, Runs, RunStepEntity } from '../../src/lifecycle/index.js';
import { PipelineEntity, pipelineKind, Pipelines } from '../../src/processing/index.js';
import { QualityCheckEntity, QualityReportEntity } from '../../src/quality/index.js';
import { prepareParser } from '../../src/sql/index.js';
import { Database, type Connection } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';

export const ANN = { subject: 'ann', roles: ['engineer'] };

export interface World {
  readonly database: Database;
  readonly connection: Connection;
  readonly runs: Runs;
  readonly keeper: RunKeeper;
  readonly pipelines: Pipelines;
  apply(manifest: string, options?: { readonly prune?: boolean }): Promise<ApplyResult>;
  catalog(): Promise<Catalog>;
  dataset(name: string): Promise<Dataset>;
  /** Starts a run and does it here. */
  run(pipeline: string): Promise<RunEntity>;
  close(): Promise<void>;
}

export async function createWorld(timeoutMs = 60_000): Promise<World> {
  const { connection, drop } = await createTestDatabase();
  const world = await openWorld(connection, timeoutMs);
  return {
    ...world,
    close: async () => {
      await world.close();
      await drop();
    },
  };
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
    runs,
    keeper,
    pipelines,
    catalog,
    apply: (content, options = {}) =>
      applyManifests({ database, audit, actor: ANN, kinds: [purposeKind, datasetKind, pipelineKind], files: [{ file: 'test.yaml', text: content }], ...options }),
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

export const FLIGHTS = `
kind: Dataset
name: airports
fields:
  - { name: iata, type: text }
  - { name: name, type: text }
  - { name: city, type: text }
  - { name: state, type: text }
  - { name: country, type: text }
  - { name: latitude, type: float }
  - { name: longitude, type: float }
key: [iata]
---
kind: Dataset
name: flights
fields:
  - { name: date, type: timestamp }
  - { name: delay, type: integer }
  - { name: distance, type: integer }
  - { name: origin, type: text }
  - { name: destination, type: text }
`;

/** The real airports (3,376) and flights (20,000) of the vega-datasets package. */
export async function loadFlights({ database }: World): Promise<void> {
  const file = (name: string) => readFile(new URL(`../../node_modules/vega-datasets/data/${name}`, import.meta.url), 'utf8');
  const airports = await file('airports.csv');
  const flights = await file('flights-20k.json');
  await database.transaction(async (tx) => {
    await pipeline(
      Readable.from([airports]),
      tx.client.query(copyFrom('COPY data.airports (iata, name, city, state, country, latitude, longitude) FROM STDIN WITH (FORMAT csv, HEADER true)')),
    );
    await tx.query(
      `INSERT INTO data.flights (date, delay, distance, origin, destination)
       SELECT to_timestamp(date, 'YYYY/MM/DD HH24:MI'), delay, distance, origin, destination
       FROM jsonb_to_recordset($1::jsonb) AS f(date text, delay integer, distance integer, origin text, destination text)`,
      [flights],
    );
    await tx.query("UPDATE headgate.dataset SET row_count = CASE name WHEN 'airports' THEN 3376 ELSE 20000 END, data_version = 1 WHERE name IN ('airports', 'flights')");
  });
}
