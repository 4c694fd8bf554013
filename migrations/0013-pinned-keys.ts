import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keys that must stay what they are when the master key changes, each wrapped by it. They are part of a backup: what refers to people does by them. */
export class PinnedKeys1700000000013 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE headgate.pinned_key (
      label text COLLATE "C" PRIMARY KEY,
      wrapped bytea NOT NULL,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`);
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}
