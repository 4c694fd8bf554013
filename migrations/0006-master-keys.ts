import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Which master key is active, so that all processes change from one to the next at one moment. The keys themselves are
 * nowhere in the database. Of each key that was replaced it keeps the public half of the pair that signed the audit's
 * checkpoints, signed by the key that came after it: so what an old key signed can be checked when nobody has it any more.
 */
export class MasterKeys1700000000006 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE headgate.master_key (
      key_id text PRIMARY KEY,
      activated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      activated_by text NOT NULL,
      -- Ed25519, SPKI in base64.
      audit_public_key text NOT NULL,
      replaced_at timestamptz,
      -- The key_id of the one that came after it, and its signature over this one's names and public half.
      endorsed_by text,
      endorsement text,
      retired_at timestamptz,
      retired_by text,
      CHECK ((replaced_at IS NULL) = (endorsed_by IS NULL)),
      CHECK ((replaced_at IS NULL) = (endorsement IS NULL)),
      CHECK (retired_at IS NULL OR replaced_at IS NOT NULL)
    )`);
    await runner.query('CREATE UNIQUE INDEX master_key_active ON headgate.master_key ((TRUE)) WHERE replaced_at IS NULL');
    await runner.query(`CREATE FUNCTION headgate.tell_master_keys() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM pg_notify('headgate_master_keys', 'changed');
        RETURN NULL;
      END $$`);
    await runner.query(`CREATE TRIGGER master_key_change AFTER INSERT OR UPDATE OR DELETE ON headgate.master_key
      FOR EACH STATEMENT EXECUTE FUNCTION headgate.tell_master_keys()`);
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}
