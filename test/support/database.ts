import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import type { Connection } from '../../src/store/index.js';

/** A fresh, migrated database for one test file; `drop` it in `afterAll`. */
export async function createTestDatabase(): Promise<{ connection: Exclude<Connection, { connectionString: string }>; drop: () => Promise<void> }> {
  const server = inject('connection');
  const name = `test_${randomBytes(6).toString('hex')}`;
  await admin(`CREATE DATABASE ${name} TEMPLATE template_headgate`);
  return {
    connection: { ...server, database: name },
    drop: () => admin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

async function admin(statement: string): Promise<void> {
  const client = new pg.Client({ ...inject('connection'), database: 'postgres' });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
