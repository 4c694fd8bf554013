import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Whoever changes the rows of a dataset raises its data version, in the transaction that changes them. A trigger tells
 * all processes when that commits, so that no writer can forget to.
 */
export class DataChanges1700000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE FUNCTION headgate.tell_data_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM pg_notify('headgate_data', json_build_object('id', NEW.id, 'dataset', NEW.name, 'dataVersion', NEW.data_version)::text);
        RETURN NULL;
      END $$`);
    await runner.query(`CREATE TRIGGER data_change AFTER UPDATE OF data_version ON headgate.dataset
      FOR EACH ROW WHEN (OLD.data_version IS DISTINCT FROM NEW.data_version) EXECUTE FUNCTION headgate.tell_data_change()`);
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}
