import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Consents of persons, a row a period, and nothing that was recorded is changed but for two ends: a withdrawal is written to
 * the row once, and where a person is erased a keyed hash takes the place of who it was. The schema `consent` holds the one
 * thing that reads of data may know: who has consented to what at this moment.
 */
export class Consents1700000000009 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}

const STATEMENTS = [
  `CREATE TABLE headgate.consent (
    id uuid PRIMARY KEY,
    -- The text of the value in the field that a contract calls its subject.
    subject text COLLATE "C",
    -- Of an erased person, whose subject is gone: what the audit calls them.
    subject_reference text,
    purpose text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    source text,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    withdrawn_by text,
    withdrawn_at timestamptz,
    CHECK ((subject IS NULL) <> (subject_reference IS NULL)),
    CHECK (valid_until > valid_from),
    CHECK ((withdrawn_by IS NULL) = (withdrawn_at IS NULL))
  )`,
  'CREATE INDEX consent_in_force ON headgate.consent (purpose, subject) INCLUDE (valid_from, valid_until) WHERE withdrawn_at IS NULL',
  'CREATE INDEX consent_subject ON headgate.consent (subject, recorded_at)',
  'CREATE INDEX consent_reference ON headgate.consent (subject_reference) WHERE subject_reference IS NOT NULL',
  `CREATE FUNCTION headgate.keep_consent() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'DELETE' THEN RAISE EXCEPTION 'consents are kept: withdraw it instead'; END IF;
      IF (NEW.id, NEW.purpose, NEW.valid_from, NEW.valid_until, NEW.recorded_by, NEW.recorded_at)
          IS DISTINCT FROM (OLD.id, OLD.purpose, OLD.valid_from, OLD.valid_until, OLD.recorded_by, OLD.recorded_at)
        OR (OLD.withdrawn_at IS NOT NULL AND (NEW.withdrawn_at, NEW.withdrawn_by) IS DISTINCT FROM (OLD.withdrawn_at, OLD.withdrawn_by))
        OR (NEW.subject IS DISTINCT FROM OLD.subject AND NEW.subject IS NOT NULL)
        OR (OLD.subject_reference IS NOT NULL AND NEW.subject_reference IS DISTINCT FROM OLD.subject_reference)
        OR (NEW.source IS DISTINCT FROM OLD.source AND NEW.source IS NOT NULL)
      THEN RAISE EXCEPTION 'what was recorded of a consent is not changed'; END IF;
      RETURN NEW;
    END $$`,
  'CREATE TRIGGER keep_consent BEFORE UPDATE OR DELETE ON headgate.consent FOR EACH ROW EXECUTE FUNCTION headgate.keep_consent()',
  'CREATE SCHEMA consent',
  // The moment of each statement, not of its transaction: a session may have begun one earlier.
  `CREATE VIEW consent.in_force AS SELECT subject, purpose FROM headgate.consent
    WHERE withdrawn_at IS NULL AND valid_from <= statement_timestamp() AND (valid_until IS NULL OR valid_until > statement_timestamp())`,
  'REVOKE ALL ON SCHEMA consent FROM PUBLIC',
  'GRANT USAGE ON SCHEMA consent TO headgate_reader',
  'GRANT SELECT ON consent.in_force TO headgate_reader',
];
