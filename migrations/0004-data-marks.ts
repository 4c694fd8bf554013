import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Each state of a dataset's rows gets a random mark, by which answers that were made from it can be kept. A version alone
 * would not do: after a restore the same number comes again with other rows, and a copy of the database goes on counting
 * from where the first one stood.
 */
export class DataMarks1700000000004 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE headgate.dataset ADD COLUMN data_mark uuid NOT NULL DEFAULT gen_random_uuid()');
    await runner.query(`CREATE FUNCTION headgate.mark_data_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        NEW.data_mark := gen_random_uuid();
        RETURN NEW;
      END $$`);
    await runner.query(`CREATE TRIGGER data_mark BEFORE UPDATE OF data_version ON headgate.dataset
      FOR EACH ROW WHEN (OLD.data_version IS DISTINCT FROM NEW.data_version) EXECUTE FUNCTION headgate.mark_data_change()`);
    await runner.query(`CREATE OR REPLACE FUNCTION headgate.tell_data_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM pg_notify('headgate_data',
          json_build_object('id', NEW.id, 'dataset', NEW.name, 'dataVersion', NEW.data_version, 'mark', NEW.data_mark)::text);
        RETURN NULL;
      END $$`);
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}
