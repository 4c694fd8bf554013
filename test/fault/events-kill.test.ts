import { join } from 'node:path';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyManifest, drained, ENV, EVENTS, sendOrder } from '../http/events-support.js';
import { until } from '../support/processes.js';
import { Served } from '../support/served.js';

let served: Served;
let child: ChildProcess;
let url: string;
const folder = import.meta.dirname;
/** An advisory lock by which the test stops the server at a point of its choice. */
const GATE = 4712;

beforeAll(async () => {
  served = await Served.start(ENV);
  await applyManifest(served, EVENTS);
  // From here on another process serves, and is killed.
  await served.app.close();
  await served.sql(
    `CREATE FUNCTION public.gate() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_lock(${GATE}); PERFORM pg_advisory_unlock(${GATE}); RETURN NULL; END'`,
  );
});
afterAll(async () => {
  child?.kill('SIGKILL');
  await served?.close();
});

async function start(): Promise<void> {
  const { user, password, host, port, database } = served.connection;
  const databaseUrl = `postgres://${user}:${encodeURIComponent(password)}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
  child = spawn(process.execPath, ['--import', join(folder, '../support/decorators.js'), join(folder, 'events-server.ts'), served.home, databaseUrl], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...ENV },
  });
  const [said] = child.stdout ? ((await once(child.stdout, 'data')) as [Buffer]) : [];
  url = (JSON.parse(String(said)) as { url: string }).url;
}

async function kill(): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function holding(work: () => Promise<void>): Promise<void> {
  const holder = new pg.Client(served.connection);
  await holder.connect();
  await holder.query('SELECT pg_advisory_lock($1)', [GATE]);
  try {
    await work();
  } finally {
    await holder.end();
  }
}

const waiting = async (query: string) =>
  until('the server stands at the gate', async () => {
    const rows = await served.sql(`SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database() AND query ~ '${query}'`);
    return rows.length > 0;
  });
const stored = () => served.sql('SELECT id, total::text FROM data.orders ORDER BY id');
/** As a sender does: until it is acknowledged. */
const sendUntilTaken = async (id: string) => {
  let answer: Awaited<ReturnType<typeof sendOrder>> | undefined;
  await until('it is acknowledged', async () => {
    answer = await sendOrder(url, id, { customer: 'c', total: 1 }).catch(() => undefined);
    return answer?.status === 202;
  });
  return answer;
};

test('a server that is killed before the commit has taken nothing; sent again the event is taken once', { timeout: 90_000 }, async () => {
  await start();
  await served.sql('CREATE TRIGGER gate AFTER INSERT ON headgate.inbox FOR EACH STATEMENT EXECUTE FUNCTION public.gate()');
  await holding(async () => {
    const asking = sendOrder(url, 'before', { customer: 'c', total: 1 }).then(
      () => 'answered',
      () => 'cut',
    );
    await waiting('turn AS MATERIALIZED');
    await served.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()");
    await kill();
    expect(await asking).toBe('cut');
  });
  await served.sql('DROP TRIGGER gate ON headgate.inbox');
  expect(await served.sql('SELECT 1 FROM headgate.inbox UNION ALL SELECT 1 FROM headgate.inbox_seen')).toEqual([]);
  await start();
  expect((await sendUntilTaken('before'))?.body).toEqual({ id: 'before', duplicate: false });
  await drained(served, 'shop');
  expect(await stored()).toEqual([{ id: 'before', total: '1' }]);
});

test('one that is killed between the commit and the answer has taken it; sent again it is known', { timeout: 90_000 }, async () => {
  await served.sql('CREATE TRIGGER gate AFTER INSERT ON headgate.inbox FOR EACH STATEMENT EXECUTE FUNCTION public.gate()');
  await holding(async () => {
    const asking = sendOrder(url, 'between', { customer: 'c', total: 1 }).then(
      () => 'answered',
      () => 'cut',
    );
    await waiting('turn AS MATERIALIZED');
    await kill();
    expect(await asking).toBe('cut');
  });
  // The statement goes on in the database, of which nobody hears any more.
  await until('it is committed', async () => (await served.sql('SELECT 1 FROM headgate.inbox')).length === 1);
  await served.sql('DROP TRIGGER gate ON headgate.inbox');
  await start();
  expect((await sendUntilTaken('between'))?.body).toEqual({ id: 'between', duplicate: true });
  await drained(served, 'shop');
  expect(await stored()).toEqual([
    { id: 'before', total: '1' },
    { id: 'between', total: '1' },
  ]);
});

test('one that is killed while events go into the dataset leaves them in the inbox, and they are loaded once', { timeout: 90_000 }, async () => {
  await served.sql('CREATE TRIGGER gate AFTER INSERT ON data.orders FOR EACH STATEMENT EXECUTE FUNCTION public.gate()');
  await holding(async () => {
    for (const id of ['x1', 'x2', 'x3']) await sendOrder(url, id, { customer: 'c', total: 1 });
    await waiting('data.*orders');
    await kill();
  });
  await until(
    'what it left has ended',
    async () => (await served.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()")).length === 0,
  );
  await served.sql('DROP TRIGGER gate ON data.orders');
  await start();
  for (const id of ['x2', 'x4']) await sendUntilTaken(id);
  await until('all are taken', async () => (await served.sql('SELECT 1 FROM headgate.inbox')).length === 0, 60_000);
  expect((await stored()).map((row) => (row as { id: string }).id)).toEqual(['before', 'between', 'x1', 'x2', 'x3', 'x4']);
  const [{ n } = { n: 0 }] = (await served.sql('SELECT count(*)::int AS n FROM headgate.quarantined_row')) as { n: number }[];
  expect(n).toBe(0);
});
