import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which files collectors have loaded, so that each is loaded once. */
export class CollectedFiles1700000000020 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}

const STATEMENTS = [
  `CREATE TABLE headgate.collected_file (
    collector text NOT NULL REFERENCES headgate.collector ON DELETE CASCADE,
    name text COLLATE "C" NOT NULL,
    -- What is another when the content is: an ETag, or size and time.
    fingerprint text NOT NULL,
    run_id uuid NOT NULL,
    collected_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (collector, name)
  )`,
];
