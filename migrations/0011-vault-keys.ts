import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Keys of encrypted fields, each wrapped by the master key: of subjects, under keyed hashes of their names, and of datasets.
 * A schema of its own, so that the rest can be copied without them.
 */
export class VaultKeys1700000000011 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE SCHEMA IF NOT EXISTS vault');
    await runner.query('REVOKE ALL ON SCHEMA vault FROM PUBLIC');
    await runner.query(`CREATE TABLE vault.subject_key (
      reference text COLLATE "C" PRIMARY KEY,
      wrapped bytea NOT NULL,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`);
    await runner.query(`CREATE TABLE vault.data_key (
      name text COLLATE "C" PRIMARY KEY,
      wrapped bytea NOT NULL,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`);
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}
