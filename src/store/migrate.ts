import { DataSource } from 'typeorm';
import { migrations } from '../../migrations/index.js';
import { withClient } from './client.js';
import { sessionConfig, typeormConnection, type Connection } from './connection.js';

/** Any number that is ours: two starting processes meet on it, in whichever database they share. */
const MIGRATION_LOCK = 4_830_911_001;

/** Runs the migrations that the database has not seen, in order, each in a transaction; a second process waits for the first. */
export async function migrate(connection: Connection): Promise<void> {
  await withClient(connection, async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await client.query('CREATE SCHEMA IF NOT EXISTS headgate');
    const source = new DataSource({
      type: 'postgres',
      ...typeormConnection(connection),
      schema: 'headgate',
      extra: { ...sessionConfig(connection), max: 2 },
      migrations: [...migrations],
      migrationsTableName: 'migration',
      migrationsTransactionMode: 'each',
    });
    await source.initialize();
    try {
      await source.runMigrations();
    } finally {
      await source.destroy();
    }
    // The lock ends with the session.
  });
}
