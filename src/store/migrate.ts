import pg from 'pg';
import { DataSource } from 'typeorm';
import { HeadgateError } from '../kernel/index.js';
import { migrations } from '../../migrations/index.js';
import { withClient } from './client.js';
import { sessionConfig, typeormConnection, type Connection } from './connection.js';

/** Any number that is ours: two starting processes meet on it, in whichever database they share. */
const MIGRATION_LOCK = 4_830_911_001;

const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * Runs the migrations that the database has not seen, in order, each in a transaction; a second process waits for the first.
 * @throws HeadgateError UNAVAILABLE when our user may not create in the database; CONFLICT when a later Headgate was here.
 */
export async function migrate(connection: Connection): Promise<void> {
  await withClient(connection, async (client) => {
    // It ends with the session.
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await createSchema(client);
    const source = new DataSource({
      type: 'postgres',
      ...typeormConnection(connection),
      schema: 'headgate',
      extra: { ...sessionConfig(connection), max: 2 },
      migrations: [...migrations],
      migrationsTableName: 'migration',
      migrationsTransactionMode: 'each',
      poolErrorHandler: () => undefined,
    });
    await source.initialize();
    try {
      await source.runMigrations();
      await refuseLater(client);
    } finally {
      await source.destroy();
    }
  });
}

async function createSchema(client: pg.Client): Promise<void> {
  try {
    await client.query('CREATE SCHEMA IF NOT EXISTS headgate');
  } catch (cause) {
    if (!(cause instanceof pg.DatabaseError) || cause.code !== INSUFFICIENT_PRIVILEGE) throw cause;
    const { rows } = await client.query<{ user: string; database: string }>(
      'SELECT quote_ident(current_user) AS user, quote_ident(current_database()) AS database',
    );
    const { user, database } = rows[0] ?? { user: '<user>', database: '<database>' };
    throw new HeadgateError(
      'UNAVAILABLE',
      `The database's user ${user} may not create schemas in ${database}. As its owner run: GRANT CREATE ON DATABASE ${database} TO ${user};`,
      { user, database },
      { cause },
    );
  }
}

/** An older program on a newer schema would write rows that the newer one does not understand. */
async function refuseLater(client: pg.Client): Promise<void> {
  const known = migrations.map((migration) => migration.name);
  const { rows } = await client.query<{ name: string }>('SELECT name FROM headgate.migration WHERE name <> ALL ($1)', [known]);
  if (rows.length > 0) {
    throw new HeadgateError(
      'CONFLICT',
      `The database was brought up to date by a later Headgate (${rows.map(({ name }) => name).join(', ')}). Start that version, or a later one.`,
      {
        migrations: rows.map(({ name }) => name),
      },
    );
  }
}
