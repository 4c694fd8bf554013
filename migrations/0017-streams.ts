import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How it goes with the partitions of streams, and the processes that share them. */
export class Streams1700000000017 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}

const STATEMENTS = [
  `ALTER TABLE headgate.collector_position
    -- Of one that was never reached there is something to tell, too.
    ALTER COLUMN position DROP NOT NULL,
    ADD COLUMN rows_per_second double precision,
    ADD COLUMN rows_total bigint NOT NULL DEFAULT 0,
    -- Messages that were gone before they were read.
    ADD COLUMN missed bigint NOT NULL DEFAULT 0,
    ADD COLUMN problem text`,
  // The processes that follow streams: each takes its share of the partitions.
  `CREATE TABLE headgate.stream_worker (
    worker text PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
  )`,
];
