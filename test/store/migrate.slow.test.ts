import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { migrations } from '../../migrations/index.js';
import { Database, type Connection } from '../../src/store/index.js';

let connection: Exclude<Connection, { connectionString: string }>;

async function admin(text: string): Promise<void> {
  const client = new pg.Client({ ...inject('connection'), database: 'postgres' });
  await client.connect();
  await client.query(text);
  await client.end();
}

beforeEach(async () => {
  const database = `empty_${randomBytes(6).toString('hex')}`;
  await admin(`CREATE DATABASE ${database} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`);
  connection = { ...inject('connection'), database };
});

afterEach(() => admin(`DROP DATABASE IF EXISTS ${connection.database} WITH (FORCE)`));

const open = (): Promise<Database> => Database.open({ connection, entities: [], statementTimeoutMs: 1000, poolSize: 2 });

test('several that open an empty database at once migrate it once', async () => {
  const databases = await Promise.all([open(), open(), open(), open()]);
  const [one] = databases;
  expect(await one?.query('SELECT name FROM headgate.migration ORDER BY id')).toEqual(migrations.map(({ name }) => ({ name })));
  expect(await one?.query('SELECT version FROM headgate.catalog_version')).toEqual([{ version: '1' }]);
  await Promise.all(databases.map((database) => database.close()));
});

test('a database that a later Headgate has brought up to date is refused', async () => {
  const database = await open();
  await database.query("INSERT INTO headgate.migration (timestamp, name) VALUES (1900000000000, 'Later1900000000000')");
  await database.close();
  await expect(open()).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringMatching(/later Headgate \(Later1900000000000\)/) });
});
