import { appendFile, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EmbeddedPostgres } from '../../src/store/index.js';
import { processesIn } from '../support/processes.js';

let root: string;
const servers: EmbeddedPostgres[] = [];

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'headgate-embedded-')));
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop('immediate')));
  await rm(root, { recursive: true, force: true });
});

async function start(folder: string): Promise<EmbeddedPostgres> {
  const server = await EmbeddedPostgres.start({ folder, durable: false });
  servers.push(server);
  return server;
}

async function ask<Row extends pg.QueryResultRow>(server: EmbeddedPostgres, text: string): Promise<Row[]> {
  const client = new pg.Client(server.connection);
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

test('it orders text by code point, keeps it as UTF-8, checks its pages, and asks for the password', async () => {
  const server = await start(root);
  expect(await ask(server, "SELECT string_agg(t, '' ORDER BY t) AS ordered FROM unnest(ARRAY['b', 'a', 'B', 'é', 'Z']) t")).toEqual([{ ordered: 'BZabé' }]);
  expect(
    await ask(
      server,
      "SELECT datcollate, pg_encoding_to_char(encoding) AS encoding, current_setting('data_checksums') AS checksums FROM pg_database WHERE datname = 'headgate'",
    ),
  ).toEqual([{ datcollate: 'C', encoding: 'UTF8', checksums: 'on' }]);
  const stranger = new pg.Client({ ...server.connection, password: 'wrong' });
  await expect(stranger.connect()).rejects.toThrow(/password authentication failed/);
});

test('only its owner can enter its folder, and it listens on no port', async () => {
  const server = await start(join(root, 'postgres'));
  expect((await stat(join(root, 'postgres'))).mode & 0o077).toBe(0);
  expect((await stat(join(root, 'postgres/postgres.password'))).mode & 0o777).toBe(0o600);
  expect(await ask(server, "SELECT current_setting('listen_addresses') AS addresses")).toEqual([{ addresses: '' }]);
});

test('its processes give way to ours where processors are short', async () => {
  const [{ pid } = { pid: 0 }] = await ask<{ pid: number }>(await start(root), 'SELECT pid FROM pg_stat_activity WHERE backend_type = $$checkpointer$$');
  expect(getPriority(pid)).toBe(getPriority() + 5);
});

test('stopped, it leaves no process, even when a session is open', async () => {
  const server = await EmbeddedPostgres.start({ folder: root, durable: false });
  const client = new pg.Client(server.connection);
  client.on('error', () => undefined);
  await client.connect();
  expect(processesIn(root).length).toBeGreaterThan(1);
  await server.stop();
  expect(processesIn(root)).toEqual([]);
  // A second stop, after a crash say, has nothing to do.
  await server.stop();
});

test('a second start finds the data of the first', async () => {
  const first = await EmbeddedPostgres.start({ folder: root, durable: false });
  await ask(first, 'CREATE TABLE kept AS SELECT 1 AS id');
  await first.stop();
  expect(await ask(await start(root), 'SELECT id FROM kept')).toEqual([{ id: 1 }]);
});

test.each([
  ['spaces', 'a folder with spaces'],
  ['characters that a shell would read', `it's "$(touch pwned)" \`x\` & ; * , é`],
  ['a name too long for a socket', join('l'.repeat(100), 'o'.repeat(100), 'n'.repeat(100))],
])('the folder may have %s', async (_, name) => {
  const before = await temporaryFolders();
  const folder = join(root, name);
  await mkdir(folder, { recursive: true });
  const server = await EmbeddedPostgres.start({ folder, durable: false });
  expect(await ask(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await server.stop();
  expect(processesIn(folder)).toEqual([]);
  expect((await readdir(root)).length).toBe(1);
  expect(await temporaryFolders()).toEqual(before);
});

test('when it does not start, the error has the end of its log, and no process stays', async () => {
  await (await EmbeddedPostgres.start({ folder: root, durable: false })).stop();
  await appendFile(join(root, 'pgdata/postgresql.auto.conf'), "\nshared_buffers = 'plenty'\n");
  await expect(EmbeddedPostgres.start({ folder: root })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/did not start[\s\S]*postgres\.log[\s\S]*invalid value for parameter "shared_buffers": "plenty"/),
  });
  expect(processesIn(root)).toEqual([]);
});

test('half of a data directory is refused, and not deleted', async () => {
  await mkdir(join(root, 'pgdata/base'), { recursive: true });
  await expect(EmbeddedPostgres.start({ folder: root })).rejects.toMatchObject({ code: 'UNAVAILABLE', message: expect.stringMatching(/no PG_VERSION/) });
  expect(await readdir(join(root, 'pgdata'))).toEqual(['base']);
});

test('what a killed initdb left is no obstacle', async () => {
  await mkdir(join(root, 'pgdata.new/base'), { recursive: true });
  expect(await ask(await start(root), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('a stale postmaster.pid with the number of another program neither stops the start nor that program', async () => {
  await (await EmbeddedPostgres.start({ folder: root, durable: false })).stop();
  const data = join(root, 'pgdata');
  await writeFile(join(data, 'postmaster.pid'), [process.pid, data, 1700000000, 5432, join(root, 'socket'), '', '', 'ready', ''].join('\n'), { mode: 0o600 });
  // Had it signalled that number, this test would end here.
  expect(await ask(await start(root), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect(Number((await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')[0])).not.toBe(process.pid);
});

async function temporaryFolders(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => /^headgate-.{6}$/.test(name)).toSorted();
}
