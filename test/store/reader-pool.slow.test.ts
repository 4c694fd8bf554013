import { beforeEach, afterEach, expect, test } from 'vitest';
import { ReaderPool } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';
import { until } from '../support/processes.js';
import { openedDatabase } from './opened-database.js';

const opened = openedDatabase();
let reader: ReaderPool;

beforeEach(() => {
  reader = new ReaderPool(opened.connection, { statementTimeoutMs: 400, size: 1, maxStatements: 3 });
});

afterEach(() => reader.close());

const numbered = (n: number) => ({ name: `s${n}`, text: `SELECT ${n}, $1::int`, values: [n] });

async function prepared(): Promise<string[]> {
  // Without a name it is not counted among the prepared statements itself.
  const rows = await reader.query<[string]>({ text: "SELECT name FROM pg_prepared_statements WHERE name <> '' ORDER BY prepare_time", values: [] });
  return rows.map(([name]) => name);
}

const backend = (): Promise<number> => reader.query<[string]>({ name: 'pid', text: 'SELECT pg_backend_pid()', values: [] }).then(([row]) => Number(row?.[0]));

test('a connection keeps at most so many statements: the least recently used one goes, and works when it comes again', async () => {
  for (const n of [1, 2, 3]) await reader.query(numbered(n));
  await reader.query(numbered(1));
  await reader.query(numbered(4));
  expect((await prepared()).toSorted()).toEqual(['s1', 's3', 's4']);
  expect(await reader.query(numbered(2))).toEqual([['2', '2']]);
  for (let n = 0; n < 20; n++) expect(await reader.query(numbered(n))).toEqual([[`${n}`, `${n}`]]);
  expect(await prepared()).toHaveLength(3);
});

test('a statement that could not be prepared does not fail a later one when its turn to go comes', async () => {
  await expect(reader.query({ name: 'bad', text: 'SELECT nothing_there', values: [] })).rejects.toThrow(/does not exist/);
  for (const n of [1, 2, 3, 4, 5]) expect(await reader.query(numbered(n))).toEqual([[`${n}`, `${n}`]]);
});

test('statements that fail when they are first run are kept within the bound as well', async () => {
  for (let n = 0; n < 20; n++) {
    await expect(reader.query({ name: `zero ${n}`, text: `SELECT ${n}, 1/$1::int`, values: [0] })).rejects.toMatchObject({ code: '22012' });
  }
  expect((await prepared()).length).toBeLessThanOrEqual(3);
});

test('a statement that runs too long is ended, and the connection goes on', async () => {
  const pid = await backend();
  await expect(reader.query({ name: 'slow', text: 'SELECT pg_sleep(30)', values: [] })).rejects.toThrow(/statement timeout/);
  expect(await backend()).toBe(pid);
});

test('after its backend was killed while idle, the next read is answered', async () => {
  const pid = await backend();
  await opened.database.query('SELECT pg_terminate_backend($1)', [pid]);
  expect(await reader.query(numbered(1))).toEqual([['1', '1']]);
  expect(await backend()).not.toBe(pid);
});

test('a read whose backend is killed meanwhile is tried once more', async () => {
  const pid = await backend();
  const answer = reader.query<[string]>({ name: 'nap', text: 'SELECT pg_sleep(0.3)', values: [] });
  await until(
    'the read runs',
    async () =>
      (await opened.database.query("SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND query LIKE '%pg_sleep%' AND state = 'active'", [pid])).length === 1,
  );
  await opened.database.query('SELECT pg_terminate_backend($1)', [pid]);
  expect(await answer).toEqual([['']]);
});

test('nothing can be written, not even a temporary table', async () => {
  await expect(reader.query({ name: 'w', text: 'CREATE TEMP TABLE mine ()', values: [] })).rejects.toThrow(/read-only|permission denied/);
});

test('more reads than connections all get their turn, and the next is not kept waiting by one that fails', async () => {
  const answers = await Promise.allSettled(
    Array.from({ length: 30 }, (_, n) => (n % 3 === 2 ? reader.query({ name: 'zero', text: 'SELECT 1/$1::int', values: [0] }) : reader.query(numbered(n % 3)))),
  );
  answers.forEach((answer, n) => expect(answer.status).toBe(n % 3 === 2 ? 'rejected' : 'fulfilled'));
  expect(await reader.query(numbered(1))).toEqual([['1', '1']]);
});

test('when all backends were killed at once, every read is answered', async () => {
  const wide = new ReaderPool(opened.connection, { statementTimeoutMs: 2_000, size: 5 });
  const many = async () => await Promise.all(Array.from({ length: 20 }, async (_, n) => await wide.query(numbered(n))));
  await many();
  await opened.database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT %, $1::int'");
  expect(await many()).toEqual(Array.from({ length: 20 }, (_, n) => [[`${n}`, `${n}`]]));
  await wide.close();
});

test('beside a server on the same machine few reads run at once, but a slow one holds nobody up for long', async () => {
  const few = new ReaderPool(opened.connection, { statementTimeoutMs: 5_000, size: 4, alone: 2 });
  const sleep = async (seconds: number) => few.query({ text: `SELECT 'few', pg_sleep(${seconds})`, values: [] });
  const running = async () => (await opened.database.query("SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT ''few''%'")).length;
  const quick = Promise.all(Array.from({ length: 20 }, () => sleep(0.02)));
  const seen: number[] = [];
  for (let i = 0; i < 5; i += 1) seen.push(await running());
  expect(Math.max(...seen)).toBeLessThanOrEqual(2);
  await quick;
  const slow = Promise.all([sleep(1.5), sleep(1.5)]);
  const began = performance.now();
  await Promise.all([sleep(0), sleep(0), sleep(0)]);
  expect(performance.now() - began).toBeLessThan(1_400);
  await slow;
  // All of its sessions can be used again.
  await Promise.all(Array.from({ length: 10 }, () => sleep(0)));
  await few.close();
});

test('closing waits for the reads that run, and ends every session', async () => {
  const wide = new ReaderPool(opened.connection, { statementTimeoutMs: 2_000, size: 3 });
  const nap = { name: 'nap', text: "SELECT pg_sleep(0.2), 'closing'", values: [] };
  const running = Promise.all([wide.query(nap), wide.query(nap), wide.query(nap), wide.query(nap)]);
  await until(
    'the reads run',
    async () =>
      (await opened.database.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE '%closing%' AND state = 'active' AND pid <> pg_backend_pid()")).length ===
      3,
  );
  await Promise.all([wide.close(), running]);
  await expect(wide.query(nap)).rejects.toThrow();
  await until(
    'the sessions are gone',
    async () => (await opened.database.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(0.2)%' AND pid <> pg_backend_pid()")).length === 0,
  );
});

test('without a database all reads are refused at once, those that wait for their turn too', async () => {
  const { connection: gone, drop: dropIt } = await createTestDatabase();
  await dropIt();
  const lost = new ReaderPool(gone, { statementTimeoutMs: 400, size: 2 });
  const began = performance.now();
  const answers = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => lost.query(numbered(n))));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 'rejected'));
  expect(performance.now() - began).toBeLessThan(5_000);
  await lost.close();
});
