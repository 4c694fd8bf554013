import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Child } from '../support/child.js';
import { processesIn, until } from '../support/processes.js';

interface Opened {
  readonly rows: number;
  readonly postmaster: number;
}

let home: string;
const children: Child[] = [];

beforeEach(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), 'headgate-kill-')));
});

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.end()));
  for (const pid of processesIn(home)) process.kill(pid, 'SIGKILL');
  await until('no process of the test is left', () => processesIn(home).length === 0);
  await rm(home, { recursive: true, force: true });
});

const open = (): Child => {
  const child = new Child(join(import.meta.dirname, '../support/own-store.ts'), [home]);
  children.push(child);
  return child;
};

const serversOn = (folder: string): number => processesIn(folder).length;

test('a store that is closed leaves neither process nor lock', async () => {
  const child = open();
  expect(await child.answer<Opened>()).toMatchObject({ rows: 1 });
  expect(serversOn(home)).toBeGreaterThan(0);
  expect(await child.end()).toEqual({ code: 0, signal: null });
  expect(serversOn(home)).toBe(0);
  expect(await readdir(home)).toEqual(['postgres']);
});

test('while a store is open, a second one is refused with the number of its process', async () => {
  const first = open();
  await first.answer();
  expect(await open().answer()).toEqual({ code: 'CONFLICT', message: expect.stringContaining(`in use by process ${first.process.pid}`) });
});

test('after the owner was killed the next start ends its server, and what was committed is there', async () => {
  const first = open();
  const { postmaster } = await first.answer<Opened>();
  await first.end('SIGKILL');
  expect(processesIn(home)).toContain(postmaster);

  const second = await open().answer<Opened>();
  expect(second.rows).toBe(2);
  expect(second.postmaster).not.toBe(postmaster);
  expect(processesIn(home)).not.toContain(postmaster);
});

test('after the server itself was killed, with sessions at work, the next start recovers', async () => {
  const first = open();
  const { postmaster } = await first.answer<Opened>();
  const password = (await readFile(join(home, 'postgres/postgres.password'), 'utf8')).trim();
  const client = new pg.Client({ host: join(home, 'postgres/socket'), user: 'headgate', password, database: 'headgate' });
  client.on('error', () => undefined);
  await client.connect();
  // A session in the middle of a statement does not see that the server is gone, and outlives it.
  const lost = client.query('SELECT sum(hashint8(n)) FROM generate_series(1, 1e12::bigint) n').catch((error: Error) => error.message);
  await until('the statement runs', async () => {
    const look = new pg.Client({ host: join(home, 'postgres/socket'), user: 'headgate', password, database: 'headgate' });
    await look.connect();
    const { rowCount } = await look.query("SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT sum(hashint8%'");
    await look.end();
    return rowCount === 1;
  });
  process.kill(postmaster, 'SIGKILL');
  await first.end('SIGKILL');
  expect(serversOn(home)).toBeGreaterThan(0);

  const second = await open().answer<Opened>();
  expect(second.rows).toBe(2);
  expect(await lost).toMatch(/terminat/i);
}, 60_000);

test('server and owner killed at one moment: the stale files are no obstacle', async () => {
  const first = open();
  const { postmaster } = await first.answer<Opened>();
  first.process.kill('SIGKILL');
  process.kill(postmaster, 'SIGKILL');
  await first.end('SIGKILL');
  expect((await open().answer<Opened>()).rows).toBe(2);
});

test('killed again and again in its start, it comes up in the end with all that was committed', async () => {
  await open().answer();
  for (let killed = 0; killed < 4; killed++) {
    await Promise.all(children.splice(0).map((child) => child.end('SIGKILL')));
    const starting = open();
    // At another moment of the start each time: the lock, the end of the left-over, the server.
    const sign = [() => serversOn(home) === 0, () => serversOn(home) > 0, () => serversOn(home) > 3, () => serversOn(home) > 5][killed];
    await until('the moment to kill has come', () => sign?.() ?? true);
    await starting.end('SIGKILL');
  }
  const { rows } = await open().answer<Opened>();
  expect(rows).toBeGreaterThanOrEqual(2);
  expect(rows).toBeLessThanOrEqual(6);
}, 90_000);
