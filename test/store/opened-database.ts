import { afterAll, beforeAll } from 'vitest';
import { Database, type Connection } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';

/** A database of the test file's own, opened by its owner: there from the first test to the last. */
export function openedDatabase(): { readonly connection: Connection; readonly database: Database } {
  const made: { connection?: Connection; database?: Database; drop?: () => Promise<void> } = {};
  beforeAll(async () => {
    const { connection, drop } = await createTestDatabase();
    Object.assign(made, { connection, drop });
    made.database = await Database.open({ connection, entities: [], statementTimeoutMs: 10_000, poolSize: 2 });
  });
  afterAll(async () => {
    await made.database?.close();
    await made.drop?.();
  });
  return {
    get connection() {
      return there(made.connection);
    },
    get database() {
      return there(made.database);
    },
  };
}

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the database is there while tests run');
  return value;
}
