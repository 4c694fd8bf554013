import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Events that were received and wait for their collectors, and which were received before. */
export class Inbox1700000000018 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}

const STATEMENTS = [
  // Numbers are given under a lock that is held until the commit: whoever has read one has missed none before it.
  `CREATE TABLE headgate.inbox (
    source text COLLATE "C" NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    -- A keyed hash of the event's id.
    key bytea NOT NULL,
    -- Always encrypted.
    content bytea NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (source, id)
  ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000)`,
  // Keyed hashes only: of ids, with that of what came under them, and of what was signed.
  `CREATE TABLE headgate.inbox_seen (
    key bytea PRIMARY KEY,
    hash bytea,
    expires_at timestamptz NOT NULL
  )`,
  'CREATE INDEX inbox_seen_expires_at ON headgate.inbox_seen (expires_at)',
];
