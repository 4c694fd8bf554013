import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What purposes say for the record of processing; how the control plane may be changed; changes that wait for a second person. */
export class Review1700000000012 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE headgate.purpose ADD COLUMN processing jsonb NOT NULL DEFAULT '{}'");
    await runner.query(`CREATE TABLE headgate.change_policy (
      name text PRIMARY KEY,
      spec jsonb NOT NULL,
      updated_by text NOT NULL,
      updated_at timestamptz NOT NULL DEFAULT now()
    )`);
    // manifests: [{ kind, name, text }]; access_changes: what was found to change for whom, when it was asked for; changes and
    // base: what was found to change in the catalog, and a hash of what was in force of it.
    await runner.query(`CREATE TABLE headgate.change_request (
      id uuid PRIMARY KEY,
      status text NOT NULL,
      manifests jsonb NOT NULL,
      prune boolean NOT NULL,
      reason text,
      access_changes jsonb NOT NULL,
      changes jsonb NOT NULL,
      base text NOT NULL,
      requested_by text NOT NULL,
      requester jsonb NOT NULL,
      requested_at timestamptz NOT NULL DEFAULT now(),
      decided_by text,
      decided_at timestamptz,
      decision_reason text
    )`);
    await runner.query('CREATE INDEX change_request_recent ON headgate.change_request (requested_at DESC, id DESC)');
    await runner.query("CREATE INDEX change_request_open ON headgate.change_request (requested_at) WHERE status = 'PENDING'");
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}
