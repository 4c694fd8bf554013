import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Legal holds, the ledger of erasures, and exports of what is known of a person that are waiting to be fetched. */
export class Subjects1700000000010 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE headgate.legal_hold (
      name text PRIMARY KEY,
      spec jsonb NOT NULL,
      updated_by text NOT NULL,
      updated_at timestamptz NOT NULL DEFAULT now()
    )`);
    // Of the person only a keyed hash: a ledger of those who are to be forgotten must not remember them.
    await runner.query(`CREATE TABLE headgate.erasure (
      id uuid PRIMARY KEY,
      reference text NOT NULL,
      at timestamptz(3) NOT NULL,
      by text NOT NULL,
      reason text NOT NULL,
      receipt jsonb NOT NULL,
      -- The id of the master key that the reference was made with.
      key_id text NOT NULL,
      -- Whether something that was read saw the database with it done.
      xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
      -- When the database was brought back to an earlier state and this was done again.
      replayed_at timestamptz
    )`);
    await runner.query('CREATE INDEX erasure_at ON headgate.erasure (at)');
    // subject: sealed with the master key, and gone with the row.
    await runner.query(`CREATE TABLE headgate.subject_export (
      id uuid PRIMARY KEY,
      subject bytea NOT NULL,
      requested_by text NOT NULL,
      requested_with text,
      created_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz NOT NULL
    )`);
    await runner.query('CREATE INDEX subject_export_expiry ON headgate.subject_export (expires_at)');
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}
