import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What tokens stand for, as far as it was asked for. The value is encrypted, and of no use without the master key. */
export class TokenVault1700000000007 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE headgate.token_vault (
      dataset_id uuid NOT NULL REFERENCES headgate.dataset ON DELETE CASCADE,
      field text NOT NULL,
      token bytea NOT NULL,
      scope text NOT NULL,
      value bytea NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (dataset_id, field, token)
    )`);
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}
