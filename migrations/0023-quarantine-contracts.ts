import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Under which contract a row was refused: what its values are called says something under that one only. */
export class QuarantineContracts1700000000023 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // Of rows that were refused before nobody knows: null.
    await runner.query('ALTER TABLE headgate.quarantined_row ADD COLUMN contract_version integer');
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}
