import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import pg from 'pg';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { Database } from '../../src/store/index.js';
import { findOldServer } from '../support/old-server.js';

const open = (connectionString: string): Promise<Database> => Database.open({ connection: { connectionString }, entities: [], statementTimeoutMs: 1000 });

async function admin(text: string, database = 'postgres'): Promise<void> {
  const client = new pg.Client({ ...inject('connection'), database });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

/** The test server as a URL, as `user` where one is named. */
function urlOf(database: string, user?: { name: string; password: string }): string {
  const { host, user: owner, password } = inject('connection');
  return `postgres://${user?.name ?? owner}:${user?.password ?? password}@/${database}?host=${encodeURIComponent(host)}`;
}

describe('a database that can not be used is refused in one sentence', () => {
  test('nobody listens', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => closed.once('listening', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const error = await open(`postgres://me:s3cret@127.0.0.1:${port}/headgate`).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'UNAVAILABLE',
      message: `The database that DATABASE_URL names can't be reached: connect ECONNREFUSED 127.0.0.1:${port}.`,
    });
    expect(JSON.stringify(error)).not.toContain('s3cret');
  });

  test('no such host, no such database, a wrong password, something that is no URL', async () => {
    await expect(open('postgres://me:s3cret@nowhere.invalid/x')).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(/can't be reached: .*nowhere\.invalid/),
    });
    await expect(open(urlOf('nowhere'))).rejects.toMatchObject({ code: 'UNAVAILABLE', message: expect.stringMatching(/database "nowhere" does not exist/) });
    await expect(open(urlOf('postgres', { name: 'headgate', password: 'wrong' }))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(/password authentication failed/),
    });
    const error = await open('postgres://me:s3%cret@host:port/x').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringMatching(/^DATABASE_URL is not a URL that can be read: expected postgres:/) });
    expect((error as Error).message).not.toContain('cret');
    expect((error as Error).cause).toBeUndefined();
  });

  test('the server is too old', async ({ skip }) => {
    const old = await findOldServer();
    if ('reason' in old) {
      if (process.env['CI']) throw new Error(old.reason);
      return skip(old.reason);
    }
    await expect(open(old.url)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: `The database is PostgreSQL ${old.major}; Headgate needs 17 or later. Upgrade it, or unset DATABASE_URL to use the embedded one.`,
      details: { expected: 17, actual: old.major },
    });
  });

  test('it does not keep text as UTF-8', async () => {
    const name = `latin_${randomBytes(4).toString('hex')}`;
    await admin(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`);
    try {
      await expect(open(urlOf(name))).rejects.toMatchObject({ code: 'UNAVAILABLE', details: { expected: 'UTF8', actual: 'LATIN1' } });
    } finally {
      await admin(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  });
});

describe('a user without the rights', () => {
  const name = `weak_${randomBytes(4).toString('hex')}`;
  const user = { name, password: 'weak' };

  afterAll(async () => {
    await admin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await admin(`DROP ROLE IF EXISTS ${name}`);
  });

  test('is told which statements to run, and after them it works', async () => {
    await admin(`CREATE ROLE ${name} LOGIN PASSWORD 'weak'`);
    await admin(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`);
    await expect(open(urlOf(name, user))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(new RegExp(`user ${name} can't create the role headgate_reader.*As a superuser run: .*GRANT headgate_reader TO ${name};`)),
    });
    await admin(`GRANT headgate_reader TO ${name}; GRANT headgate_pipeline TO ${name}`);
    await expect(open(urlOf(name, user))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: `The database's user ${name} may not create schemas in ${name}. As its owner run: GRANT CREATE ON DATABASE ${name} TO ${name};`,
    });
    await admin(`GRANT CREATE ON DATABASE ${name} TO ${name}`);
    const database = await open(urlOf(name, user));
    expect(await database.reader.query({ name: 'who', text: 'SELECT current_user', values: [] })).toEqual([['headgate_reader']]);
    await database.close();
  });
});
