import { afterAll, beforeAll, expect, test } from 'vitest';
import { Database } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';

let database: Database;
let drop: () => Promise<void>;

beforeAll(async () => {
  const created = await createTestDatabase();
  drop = created.drop;
  database = await Database.open({ connection: created.connection, entities: [], statementTimeoutMs: 300 });
  await database.query('CREATE TABLE data.things (id bigint)');
  await database.query('GRANT SELECT ON data.things TO headgate_reader');
  await database.query('INSERT INTO data.things VALUES (1), (2)');
});

afterAll(async () => {
  await database?.close();
  await drop?.();
});

test('a transaction that fails leaves nothing behind', async () => {
  await expect(
    database.transaction(async (tx) => {
      await tx.query('INSERT INTO data.things VALUES (3)');
      throw new Error('stop');
    }),
  ).rejects.toThrow('stop');
  expect(await database.query('SELECT count(*)::int AS n FROM data.things')).toEqual([{ n: 2 }]);
});

test('the reader sees data, and can neither write nor see the control schema', async () => {
  expect(await database.reader.query({ name: 'a', text: 'SELECT id FROM data.things ORDER BY id', values: [] })).toEqual([['1'], ['2']]);
  await expect(database.reader.query({ name: 'b', text: 'SELECT * FROM headgate.audit_entry', values: [] })).rejects.toThrow(/permission denied/);
  await expect(database.reader.query({ name: 'c', text: 'DELETE FROM data.things', values: [] })).rejects.toThrow(/permission denied|read-only/);
  await expect(database.reader.query({ name: 'd', text: 'SELECT pg_sleep(5)', values: [] })).rejects.toThrow(/statement timeout/);
  await expect(
    database.reader
      .query({ name: 'e', text: 'RESET ROLE', values: [] })
      .then(() => database.reader.query({ name: 'f', text: 'SELECT current_user', values: [] })),
  ).resolves.toEqual([['headgate_reader']]);
});
