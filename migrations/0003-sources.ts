import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Sources whose rows stay where they are. The datasets in them are contracts like any other, without a table. */
export class Sources1700000000003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE headgate.source (
      name text PRIMARY KEY,
      -- The URL in it is the name of a variable of the server's environment, never a value.
      spec jsonb NOT NULL,
      updated_by text NOT NULL,
      updated_at timestamptz NOT NULL DEFAULT now()
    )`);
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}
