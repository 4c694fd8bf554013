import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What stewards say of columns, what is proposed to them, and when a dataset was last looked at for it. */
export class Classification1700000000008 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // By name and without a foreign key: what a steward decided outlives a dataset that is made anew, by a pipeline for one.
    await runner.query(`CREATE TABLE headgate.classification (
      name text PRIMARY KEY,
      spec jsonb NOT NULL,
      updated_by text NOT NULL,
      updated_at timestamptz NOT NULL DEFAULT now()
    )`);
    // Counts only: no value that was looked at is kept.
    await runner.query(`CREATE TABLE headgate.tag_proposal (
      id uuid PRIMARY KEY,
      dataset_id uuid NOT NULL REFERENCES headgate.dataset ON DELETE CASCADE,
      dataset text NOT NULL,
      field text NOT NULL,
      tag text NOT NULL,
      detector text NOT NULL,
      status text NOT NULL DEFAULT 'OPEN' CHECK (status IN ('OPEN', 'ACCEPTED', 'REFUSED')),
      score real NOT NULL,
      share real NOT NULL,
      sampled integer NOT NULL,
      matching integer NOT NULL,
      by_name boolean NOT NULL,
      run_id uuid,
      -- As exact as a cursor can tell.
      created_at timestamptz NOT NULL DEFAULT date_trunc('milliseconds', now()),
      decided_by text,
      decided_at timestamptz,
      reason text,
      UNIQUE (dataset_id, field, tag)
    )`);
    await runner.query('CREATE INDEX tag_proposal_recent ON headgate.tag_proposal (created_at DESC, id DESC)');
    await runner.query(`CREATE TABLE headgate.tag_scan (
      dataset_id uuid PRIMARY KEY REFERENCES headgate.dataset ON DELETE CASCADE,
      contract_version integer NOT NULL,
      row_count bigint NOT NULL,
      scanned_at timestamptz NOT NULL
    )`);
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}
