import type { MigrationInterface, QueryRunner } from 'typeorm';

const STATEMENTS = [
  // Of rows that were refused before nobody knows: null.
  'ALTER TABLE headgate.quarantined_row ADD COLUMN contract_version integer',
  // Rows of a source whose changes are followed: a newer change of the same row takes their place.
  'ALTER TABLE headgate.quarantined_row ADD COLUMN captured boolean NOT NULL DEFAULT false',
  // Fields that such a source did not send, since they are as they were: they are in no value of the row.
  "ALTER TABLE headgate.quarantined_row ADD COLUMN unsent text[] NOT NULL DEFAULT '{}'",
  "CREATE INDEX quarantined_row_captured ON headgate.quarantined_row (dataset_id) WHERE captured AND state = 'OPEN'",
];

/** Under which contract a row was refused: what its values are called says something under that one only. And of what. */
export class QuarantineContracts1700000000023 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}
