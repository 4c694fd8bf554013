import type { MigrationInterface, QueryRunner } from 'typeorm';

const STATEMENTS = [
  // Open until it is loaded after all, which takes it away; discarded: it is not wanted any more, and its values are gone.
  `ALTER TABLE headgate.quarantined_row
    ADD COLUMN state text NOT NULL DEFAULT 'OPEN' CHECK (state IN ('OPEN', 'DISCARDED')),
    ADD COLUMN attempts integer NOT NULL DEFAULT 1,
    ADD COLUMN last_run_id uuid,
    ADD COLUMN discarded_by text,
    ADD COLUMN discarded_at timestamptz,
    ADD COLUMN discard_reason text`,
  'CREATE INDEX quarantined_row_of_run ON headgate.quarantined_row (run_id)',
  'CREATE INDEX quarantined_row_age ON headgate.quarantined_row (dataset_id, created_at)',
  // Which run tried rows again that which run had refused, and how many of them it loaded.
  `CREATE TABLE headgate.replay (
    run_id uuid NOT NULL,
    of_run_id uuid NOT NULL,
    rows bigint NOT NULL,
    passed bigint NOT NULL,
    PRIMARY KEY (run_id, of_run_id)
  )`,
  'CREATE INDEX replay_of_run ON headgate.replay (of_run_id)',
];

/** Rows that loads refused: tried again, discarded, and kept for so long. */
export class Quarantine1700000000015 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}
