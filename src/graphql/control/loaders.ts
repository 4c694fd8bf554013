import DataLoader from 'dataloader';
import { In, type DataSource } from 'typeorm';
import { DatasetEntity } from '../../catalog/index.js';
import { partitionStates, QuarantinedRowEntity, type PartitionState } from '../../ingestion/index.js';
import type { RunEntity, Runs, RunStepEntity } from '../../lifecycle/index.js';
import { RunEntity as Run } from '../../lifecycle/index.js';
import type { QualityCheckEntity, QualityReportEntity, QualityReports } from '../../quality/index.js';

/** One batch a request and level of the answer, never a query a row. */
export interface Loaders {
  readonly dataset: DataLoader<string, DatasetEntity | undefined>;
  /** Bytes on disk, indexes included, by dataset name. */
  readonly bytes: DataLoader<string, string | null>;
  readonly quarantineCount: DataLoader<string, number>;
  readonly latestRuns: DataLoader<string, readonly RunEntity[]>;
  readonly partitions: DataLoader<string, readonly PartitionState[]>;
  readonly run: DataLoader<string, RunEntity | undefined>;
  readonly replays: DataLoader<string, readonly { readonly run: string; readonly of: string }[]>;
  readonly steps: DataLoader<string, readonly RunStepEntity[]>;
  readonly latestReport: DataLoader<string, QualityReportEntity | undefined>;
  readonly checks: DataLoader<string, readonly QualityCheckEntity[]>;
}

/** How many runs a dataset shows beside it; `runs(dataset:)` pages through all. */
const LATEST_RUNS = 10;

export function createLoaders(dataSource: DataSource, runs: Pick<Runs, 'stepsOf'>, reports: Pick<QualityReports, 'latest' | 'checksOf'>): Loaders {
  return {
    dataset: new DataLoader(async (names) => {
      const found = await dataSource.manager.findBy(DatasetEntity, { name: In([...names]) });
      const byName = new Map(found.map((dataset) => [dataset.name, dataset]));
      return names.map((name) => byName.get(name));
    }),
    bytes: new DataLoader(async (names) => {
      const rows = await dataSource.query<{ name: string; bytes: string }[]>(
        `SELECT c.relname AS name, pg_total_relation_size(c.oid) AS bytes FROM pg_class c
         WHERE c.relnamespace = 'data'::regnamespace AND c.relkind = 'r' AND c.relname = ANY($1)`,
        [[...names]],
      );
      const byName = new Map(rows.map((row) => [row.name, row.bytes]));
      return names.map((name) => byName.get(name) ?? null);
    }),
    quarantineCount: new DataLoader(async (ids) => {
      const rows = await dataSource
        .getRepository(QuarantinedRowEntity)
        .createQueryBuilder('q')
        .select('q.datasetId', 'id')
        .addSelect('count(*)::int', 'count')
        .where("q.datasetId = ANY(:ids) AND q.state = 'OPEN'", { ids: [...ids] })
        .groupBy('q.datasetId')
        .getRawMany<{ id: string; count: number }>();
      const byId = new Map(rows.map((row) => [row.id, row.count]));
      return ids.map((id) => byId.get(id) ?? 0);
    }),
    latestRuns: new DataLoader(async (datasets) => {
      const rows = await dataSource.query<{ id: string }[]>(
        `SELECT r.id FROM unnest($1::text[]) AS d (name)
         CROSS JOIN LATERAL (SELECT id FROM headgate.run WHERE dataset = d.name ORDER BY created_at DESC, id DESC LIMIT $2) AS r`,
        [[...datasets], LATEST_RUNS],
      );
      const found = await dataSource.manager.find(Run, { where: { id: In(rows.map((row) => row.id)) }, order: { createdAt: 'DESC', id: 'DESC' } });
      const byDataset = Map.groupBy(found, (run) => run.dataset);
      return datasets.map((name) => byDataset.get(name) ?? []);
    }),
    partitions: new DataLoader((names) => partitionStates(dataSource, names)),
    run: new DataLoader(async (ids) => {
      const found = await dataSource.manager.findBy(Run, { id: In([...ids]) });
      const byId = new Map(found.map((run) => [run.id, run]));
      return ids.map((id) => byId.get(id));
    }),
    replays: new DataLoader(async (ids) => {
      const found = await dataSource.query<{ run: string; of: string }[]>(
        'SELECT run_id AS run, of_run_id AS of FROM headgate.replay WHERE run_id = ANY ($1::uuid[]) OR of_run_id = ANY ($1::uuid[]) ORDER BY run_id, of_run_id',
        [[...ids]],
      );
      return ids.map((id) => found.filter(({ run, of }) => run === id || of === id));
    }),
    steps: new DataLoader((ids) => runs.stepsOf(ids)),
    latestReport: new DataLoader((names) => reports.latest(names)),
    checks: new DataLoader((ids) => reports.checksOf(ids)),
  };
}
