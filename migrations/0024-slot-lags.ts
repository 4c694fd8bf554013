import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How much of the log of a PostgreSQL a collector has not taken. */
export class SlotLags1700000000024 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE headgate.collector_position
      ADD COLUMN lag_bytes bigint,
      -- When the source was last asked, or is being asked.
      ADD COLUMN lag_bytes_at timestamptz`);
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}
