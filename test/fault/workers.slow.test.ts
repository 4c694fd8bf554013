import { once } from 'node:events';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { start } from '../cli/support.js';
import { Served } from '../support/served.js';

const MANIFESTS = `
kind: Dataset
name: numbers
fields: [{ name: id, type: bigint, required: true }]
key: [id]
---
kind: Pipeline
name: endless
steps:
  - { name: pairs, sql: 'SELECT count(*) AS n FROM numbers a, numbers b, numbers c, numbers d WHERE a.id + b.id + c.id + d.id = 0' }
  - { publish: { to: endless } }
`;
const COMPUTING = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE UNLOGGED%' AND state = 'active' AND datname = current_database()";

/** The gateway is here; each worker is a process of its own. */
let served: Served;
let admin: string;
const workers: ReturnType<typeof start>[] = [];

beforeAll(async () => {
  served = await Served.start({ HEADGATE_ROLES: 'gateway' });
  admin = await served.token('admin', ['admin']);
  expect((await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS })).errors).toBeUndefined();
  const rows = Array.from({ length: 2_000 }, (_, i) => `${i + 1}\n`).join('');
  expect((await served.upload(admin, 'numbers', `id\n${rows}`)).status).toBe(200);
});
afterAll(async () => {
  for (const { child } of workers) child.kill('SIGKILL');
  await served?.close();
});

async function startWorker(): Promise<ReturnType<typeof start>> {
  const { user, password, host, port, database } = served.connection;
  const url = `postgres://${user}:${encodeURIComponent(password)}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
  const worker = start(['serve', '--roles', 'worker'], { env: { HEADGATE_HOME: served.home, DATABASE_URL: url, LOG_LEVEL: 'silent' } });
  workers.push(worker);
  const early = worker.ended.then(({ stderr }) => Promise.reject(new Error(`the worker ended before it was ready: ${stderr}`)));
  await Promise.race([once(worker.child.stdout, 'data'), early]);
  early.catch(() => undefined);
  return worker;
}

async function shown(id: string): Promise<{ status: string; attempt: number }> {
  const { data } = await served.ask<{ run: { status: string; attempt: number } }>(admin, 'query ($id: ID!) { run(id: $id) { status attempt } }', { id });
  return data.run;
}

async function begun(): Promise<string> {
  const { data } = await served.ask<{ runPipeline: { id: string } }>(admin, 'mutation { runPipeline(name: "endless") { id } }');
  await vi.waitFor(async () => expect(await served.sql(COMPUTING)).toHaveLength(1), { timeout: 15_000, interval: 50 });
  return data.runPipeline.id;
}

async function cancelled(id: string): Promise<void> {
  expect((await served.ask(admin, 'mutation ($id: ID!) { cancelRun(id: $id) { status } }', { id })).errors).toBeUndefined();
  await vi.waitFor(async () => expect(await served.sql(COMPUTING)).toEqual([]), { timeout: 2_000, interval: 50 });
  expect(await shown(id)).toMatchObject({ status: 'CANCELLED' });
}

test('a run that is cancelled in one process ends its statement in another within 2 s', { timeout: 60_000 }, async () => {
  await startWorker();
  await cancelled(await begun());
});

test('a worker that is stopped ends what it can end, and gives back what it can not, which goes on elsewhere', { timeout: 60_000 }, async () => {
  const [worker] = workers;
  if (!worker) throw new Error('no worker');
  const endless = await begun();
  // This one ends when its dataset is let go, which is while the worker stops.
  const hold = served.sql("BEGIN; SELECT FROM headgate.dataset WHERE name = 'numbers' FOR UPDATE; SELECT pg_sleep(3); COMMIT");
  const { data } = await served.ask<{ ingest: { id: string } }>(
    admin,
    'mutation { ingest(input: { dataset: "numbers", content: "id\\n5001\\n", format: csv }) { id } }',
  );
  await vi.waitFor(async () => expect(await shown(data.ingest.id)).toMatchObject({ status: 'RUNNING' }), { timeout: 5_000, interval: 50 });
  worker.child.kill('SIGTERM');
  await hold;
  await startWorker();
  expect((await worker.ended).code).toBe(0);
  expect(await shown(data.ingest.id)).toEqual({ status: 'SUCCEEDED', attempt: 1 });
  await vi.waitFor(async () => expect(await shown(endless)).toEqual({ status: 'RUNNING', attempt: 2 }), { timeout: 10_000, interval: 50 });
  await vi.waitFor(async () => expect(await served.sql(COMPUTING)).toHaveLength(1), { timeout: 10_000, interval: 50 });
  await cancelled(endless);
  const [{ n }] = (await served.sql('SELECT count(*)::int AS n FROM headgate.worker')) as [{ n: number }];
  expect(n).toBe(2);
});
