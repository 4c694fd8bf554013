import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { Database, EmbeddedPostgres, type Connection } from '../../src/store/index.js';

declare module 'vitest' {
  export interface ProvidedContext {
    readonly connection: Exclude<Connection, { connectionString: string }>;
  }
}

/** One PostgreSQL for the whole run, and in it a migrated database that every test file clones. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-test-'));
  const server = await EmbeddedPostgres.start({ folder, durable: false });
  const connection = server.connection as Exclude<Connection, { connectionString: string }>;
  const database = await Database.open({ connection, entities: [], statementTimeoutMs: 10_000 });
  await database.close();
  const client = new pg.Client({ ...connection, database: 'postgres' });
  await client.connect();
  await client.query('ALTER DATABASE headgate RENAME TO template_headgate');
  await client.end();
  project.provide('connection', connection);
  return async () => {
    await server.stop('immediate');
    await rm(folder, { recursive: true, force: true });
  };
}
