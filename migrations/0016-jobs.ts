import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Runs that are tried again, given up, redriven, ordered by priority and bounded by group; schedules; who works. */
export class Jobs1700000000016 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}

const STATEMENTS = [
  `ALTER TABLE headgate.run
    ADD COLUMN priority integer NOT NULL DEFAULT 0 CHECK (priority BETWEEN -100 AND 100),
    ADD COLUMN group_id text,
    ADD COLUMN group_limit integer CHECK (group_limit BETWEEN 1 AND 64),
    ADD COLUMN claimed_at timestamptz,
    ADD COLUMN tries integer NOT NULL DEFAULT 0,
    ADD COLUMN lapses integer NOT NULL DEFAULT 0,
    ADD COLUMN not_before timestamptz,
    ADD COLUMN last_error jsonb,
    ADD COLUMN dead_lettered_at timestamptz,
    ADD COLUMN redriven_as uuid,
    ADD COLUMN content_of uuid,
    ADD COLUMN given_at timestamptz,
    ADD CHECK ((group_id IS NULL) = (group_limit IS NULL)),
    ADD CHECK (dead_lettered_at IS NULL OR status = 'FAILED'),
    ADD CHECK (redriven_as IS NULL OR dead_lettered_at IS NOT NULL)`,
  "CREATE INDEX run_of_group ON headgate.run (group_id) WHERE status = 'RUNNING' AND group_id IS NOT NULL",
  "CREATE INDEX run_of_worker ON headgate.run (worker) WHERE status = 'RUNNING'",
  'CREATE INDEX run_dead_lettered ON headgate.run (created_at DESC, id DESC) WHERE dead_lettered_at IS NOT NULL',
  'CREATE INDEX run_content_of ON headgate.run (content_of) WHERE content_of IS NOT NULL',
  // Whoever watches a run hears of each of its heartbeats, states and steps.
  `CREATE FUNCTION headgate.tell_run() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_TABLE_NAME = 'run' THEN PERFORM pg_notify('headgate_run', NEW.id::text);
      ELSE PERFORM pg_notify('headgate_run', NEW.run_id::text);
      END IF;
      RETURN NULL;
    END
  $$`,
  'CREATE TRIGGER tell_run AFTER UPDATE ON headgate.run FOR EACH ROW EXECUTE FUNCTION headgate.tell_run()',
  'CREATE TRIGGER tell_run AFTER INSERT OR UPDATE ON headgate.run_step FOR EACH ROW EXECUTE FUNCTION headgate.tell_run()',
  // What is started at certain times: once for each, whichever process does it.
  `CREATE TABLE headgate.schedule (
    owner_kind text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    cron text NOT NULL,
    time_zone text NOT NULL,
    catch_up text NOT NULL CHECK (catch_up IN ('skip', 'once', 'all')),
    next_at timestamptz NOT NULL,
    -- After a start that failed: it is not tried before.
    waits_until timestamptz,
    last_due_at timestamptz,
    last_run uuid,
    PRIMARY KEY (owner_kind, owner)
  )`,
  'CREATE INDEX schedule_due ON headgate.schedule (next_at)',
  `CREATE TABLE headgate.worker (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    host text NOT NULL,
    roles text[] NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now()
  )`,
];
