import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What brings rows by itself: collectors, where they are in their sources, and the runs in which they do it. */
export class Collectors1700000000014 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}

const STATEMENTS = [
  `CREATE TABLE headgate.collector (
    name text PRIMARY KEY,
    spec jsonb NOT NULL,
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
  )`,
  // The truth of what was collected: it moves in the transaction that holds the rows, and consumption starts from it.
  `CREATE TABLE headgate.collector_position (
    collector text NOT NULL REFERENCES headgate.collector ON DELETE CASCADE,
    partition text COLLATE "C" NOT NULL,
    position jsonb NOT NULL,
    -- How far behind its source it was when that was last known.
    lag_messages bigint,
    lag_seconds double precision,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (collector, partition)
  )`,
  'ALTER TABLE headgate.run ADD COLUMN collector text, ADD COLUMN partition text COLLATE "C", ADD COLUMN parent_id uuid',
  // Of one collector, one run at a time takes a partition.
  `CREATE UNIQUE INDEX run_of_partition ON headgate.run (collector, partition) WHERE collector IS NOT NULL AND status IN ('QUEUED', 'RUNNING')`,
  'CREATE INDEX run_of_collector ON headgate.run (collector, partition, created_at DESC, id DESC) WHERE collector IS NOT NULL',
  // Where a row was, beyond its line: a place in a stream, a file, a page.
  'ALTER TABLE headgate.quarantined_row ADD COLUMN position text',
];
