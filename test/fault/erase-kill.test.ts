import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/processes.js';
import { fill, openPeople, type People } from '../delivery/subjects/people.js';
import type { Served } from '../support/served.js';

let it: People;
let now: Served;
const children: ChildProcess[] = [];
/** An advisory lock by which the test stops an erasure at a point of its choice. */
const GATE = 4711;
const folder = import.meta.dirname;
/** Which the ledger's file is written under. */
const FILE_LOCK = 4_830_911_010;

beforeAll(async () => {
  it = await openPeople();
  now = it.served;
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await now?.app.close();
  await it?.served.close();
});

const rows = async () =>
  (await it.served.sql(
    "SELECT (SELECT count(*) FROM data.visits WHERE visitor = '7')::int AS visits, (SELECT count(*) FROM data.customers WHERE id = 7)::int AS customers, (SELECT count(*) FROM data.orders WHERE customer = 7)::int AS orders, (SELECT count(*) FROM headgate.erasure)::int AS ledger, (SELECT count(*) FROM headgate.audit_record WHERE action = 'subject.erase' AND dataset IS NULL)::int AS audit",
  )) as Record<string, number>[];
const lines = async () => (await readFile(join(it.served.home, 'erasures.ndjson'), 'utf8').catch(() => '')).split('\n').filter(Boolean).length;

/** Where an erasure is stopped: each a trigger that waits for the gate; and the file's own lock. */
const POINTS = {
  'while rows are deleted': 'CREATE TRIGGER gate AFTER DELETE ON data.visits FOR EACH STATEMENT EXECUTE FUNCTION public.gate()',
  'while rows are set to null': 'CREATE TRIGGER gate AFTER UPDATE ON data.orders FOR EACH STATEMENT EXECUTE FUNCTION public.gate()',
  'while quarantine is emptied': 'CREATE TRIGGER gate AFTER DELETE ON headgate.quarantined_row FOR EACH STATEMENT EXECUTE FUNCTION public.gate()',
  'while it is put on the record':
    "CREATE TRIGGER gate AFTER INSERT ON headgate.audit_pending FOR EACH ROW WHEN (NEW.entries::text LIKE '%subject.erase%') EXECUTE FUNCTION public.gate()",
  'before the commit': 'CREATE TRIGGER gate AFTER INSERT ON headgate.erasure FOR EACH STATEMENT EXECUTE FUNCTION public.gate()',
} as const;

async function killAt(lock: number): Promise<void> {
  const { connection, home } = it.served;
  await now.app.close();
  const url = `postgres://${connection.user}:${encodeURIComponent(connection.password)}@/${connection.database}?host=${encodeURIComponent(connection.host)}&port=${connection.port}`;
  const holder = new pg.Client(connection);
  await holder.connect();
  const child = spawn(process.execPath, ['--import', join(folder, '../support/decorators.js'), join(folder, '../delivery/subjects/server.ts'), home, url], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const [said] = child.stdout ? ((await once(child.stdout, 'data')) as [Buffer]) : [];
  const { url: served } = JSON.parse(String(said)) as { url: string };
  await holder.query('SELECT pg_advisory_lock($1)', [lock]);
  const asking = fetch(`${served}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${it.admin}` },
    body: JSON.stringify({ query: 'mutation { eraseSubject(subject: "7", reason: "request") { id } }' }),
  }).then(
    () => 'answered',
    () => 'cut',
  );
  await until(
    'the erasure stands at the point',
    async () => (await it.served.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()")).length === 1,
  );
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await asking).toBe('cut');
  await holder.end();
  await until(
    'what it left has ended',
    async () => (await it.served.sql('SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()')).length === 0,
  );
  now = await it.served.beside({ HEADGATE_HOME: home });
}

test.each(Object.entries(POINTS))('an erasure whose process is killed %s has done nothing', { timeout: 90_000 }, async (_where, trigger) => {
  // The rows are loaded by who is there now.
  await fill(now, it.admin);
  await it.served.sql(
    `CREATE OR REPLACE FUNCTION public.gate() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_lock(${GATE}); PERFORM pg_advisory_unlock(${GATE}); RETURN NULL; END'`,
  );
  await it.served.sql(trigger);
  const [before] = await rows();
  await killAt(GATE);
  await it.served.sql('DROP FUNCTION public.gate() CASCADE');
  expect(await rows()).toEqual([before]);
  expect(before).toMatchObject({ visits: 2, customers: 1, orders: 2, ledger: 0, audit: 0 });
  expect(await lines()).toBe(0);
});

test('one whose process is killed between the commit and the file is done, and the next start writes the file', { timeout: 90_000 }, async () => {
  await fill(now, it.admin);
  await killAt(FILE_LOCK);
  expect(await rows()).toEqual([{ visits: 0, customers: 0, orders: 0, ledger: 1, audit: 1 }]);
  expect(await lines()).toBe(1);
});
