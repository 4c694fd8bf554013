import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.js';
import { until } from '../support/processes.js';
import { ENGINEER, openService, temporaryHome } from '../ingestion/service.js';
import { StatementRelay } from './statement-relay.js';

const LONG = Number(process.env['HEADGATE_TEST_LONG'] ?? 0);
/** Instants of a load at which its worker is killed, beside the boundaries of its steps. */
const INSTANTS = LONG > 0 ? 50 : 4;
/** Every boundary of a step in a long run; else every second one, and the last. */
const STRIDE = LONG > 0 ? 1 : 2;

let it: Awaited<ReturnType<typeof openService>>;
let relay: StatementRelay;
let home: string;
const closers: (() => void | Promise<void>)[] = [];
const workers = new Set<ChildProcess>();

beforeAll(async () => {
  const created = await createTestDatabase();
  const temporary = await temporaryHome();
  home = temporary.home;
  relay = await StatementRelay.to(created.connection);
  it = await openService(created.connection, home);
  closers.push(it.close, () => relay.close(), created.drop, temporary.remove);
  await it.declare({
    name: 'orders',
    key: ['id'],
    fields: [
      { name: 'id', type: 'bigint' },
      { name: 'note', type: 'text' },
      { name: 'amount', type: 'decimal', rules: [{ between: ['0', '100'] }] },
    ],
  });
  // Three rows are bad, one comes twice, five are there already with another content.
  const rows = Array.from({ length: 40 }, (_, i) => `${i},new ${i},${i % 13 === 7 ? (i === 7 ? 'many' : 900) : i}`);
  await writeFile(join(home, 'orders.csv'), ['id,note,amount', ...rows, rows[0]].join('\n'));
});

afterAll(async () => {
  await spare;
  for (const worker of workers) worker.kill('SIGKILL');
  for (const close of closers) await close();
});

/** A worker that is ready, and the next one, which gets ready meanwhile: to start one takes longer than a load. */
let spare: Promise<ChildProcess> | undefined;

/** A worker whose way to the database is the relay; it works until it is killed. */
async function startWorker(): Promise<ChildProcess> {
  const worker = await (spare ?? readyWorker());
  spare = readyWorker();
  worker.stdin?.write('work\n');
  return worker;
}

async function readyWorker(): Promise<ChildProcess> {
  const hooks = join(import.meta.dirname, '../support/decorators.js');
  const worker = spawn(process.execPath, ['--import', hooks, join(import.meta.dirname, 'load-worker.ts'), JSON.stringify(relay.connection), home], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  workers.add(worker);
  if (worker.stdout) await once(worker.stdout, 'data');
  return worker;
}

async function kill(worker: ChildProcess): Promise<void> {
  worker.kill('SIGKILL');
  if (worker.exitCode === null && worker.signalCode === null) await once(worker, 'exit');
  workers.delete(worker);
}

async function begin(): Promise<string> {
  await it.database.query('TRUNCATE data.orders, headgate.quarantined_row, headgate.ledger_entry');
  await it.ingestion.loadNow(
    { dataset: 'orders', source: { content: 'id,note,amount\n100,before,1\n0,before,1\n1,before,1\n' }, format: 'csv', mode: 'append' },
    ENGINEER,
  );
  return (await it.ingestion.submit({ dataset: 'orders', source: 'orders.csv', mode: 'merge' }, ENGINEER)).id;
}

/** What there must be in the end, whatever happened on the way. */
async function expectAllOnce(id: string): Promise<void> {
  expect(await it.runs.get(id)).toMatchObject({ status: 'SUCCEEDED', rowsRead: '41', rowsLoaded: '37', rowsQuarantined: '3', rowsDeduplicated: '1' });
  const [stored] = await it.database.query(
    "SELECT count(*)::int AS n, md5(string_agg(id || note || coalesce(amount::text, ''), ',' ORDER BY id)) AS sum FROM data.orders",
  );
  expect(stored).toEqual(whole);
  expect(await it.database.query('SELECT line::int, run_id AS run FROM headgate.quarantined_row ORDER BY line')).toEqual(
    [9, 22, 35].map((line) => ({ line, run: id })),
  );
  expect(await it.database.query('SELECT rows_loaded::int AS loaded FROM headgate.ledger_entry WHERE run_id = $1', [id])).toEqual([{ loaded: 37 }]);
  expect((await it.entries()).filter(({ details, decision }) => details['run'] === id && decision === 'ALLOWED')).toHaveLength(1);
  expect(await it.database.query("SELECT count(*)::int AS n FROM pg_tables WHERE schemaname = 'work'")).toEqual([{ n: 0 }]);
}

/** The sum of what a load that nothing befell leaves. */
let whole: unknown;
/** The statements of such a load, from the one that takes hold of the dataset to its commit. */
const steps: string[] = [];

const HOLDS = 'FROM headgate.dataset WHERE id = $1 FOR UPDATE';

/** Another worker finds the run without a sign of life, and does it. */
async function recover(id: string): Promise<void> {
  const [left] = await it.database.query<{ status: string }>('SELECT status FROM headgate.run WHERE id = $1', [id]);
  if (left?.status !== 'RUNNING' && left?.status !== 'QUEUED') return;
  // Ten seconds pass in a moment.
  await it.database.query("UPDATE headgate.run SET heartbeat_at = heartbeat_at - interval '11 seconds' WHERE id = $1 AND status = 'RUNNING'", [id]);
  await it.runs.recover();
  await it.ingestion.start();
  expect(await readdir(join(home, 'spool'))).toEqual([]);
  await it.ingestion.handler({ id }, { signal: new AbortController().signal });
}

test('a load that nothing befalls, to compare with', async () => {
  let loading: number | undefined;
  relay.judge = (text, connection) => {
    if (text.includes(HOLDS)) loading ??= connection;
    if (connection === loading) steps.push(text);
    if (connection === loading && text === 'COMMIT') loading = -1;
    return 'pass';
  };
  const worker = await startWorker();
  const id = await begin();
  await until('the load is over', async () => (await it.runs.get(id)).status === 'SUCCEEDED');
  await kill(worker);
  [whole] = await it.database.query(
    "SELECT count(*)::int AS n, md5(string_agg(id || note || coalesce(amount::text, ''), ',' ORDER BY id)) AS sum FROM data.orders",
  );
  await expectAllOnce(id);
  expect(steps.at(-1)).toBe('COMMIT');
  expect(steps.length).toBeGreaterThan(20);
});

test(
  'a worker that is killed before any statement of its load, or after its commit, leaves all or nothing, and another one does the rest once',
  { timeout: 300_000 },
  async () => {
    const committed = steps.length;
    const boundaries = Array.from({ length: committed + 1 }, (_, i) => i).filter((i) => i % STRIDE === 0 || i >= committed - 1);
    for (const at of boundaries) {
      const id = await begin();
      let loading: number | undefined;
      let seen = 0;
      const killed = new Promise<void>((resolve) => {
        relay.judge = (text, connection) => {
          if (text.includes(HOLDS)) loading ??= connection;
          if (connection !== loading) return 'pass';
          const isIt = seen === at;
          const isLast = text === 'COMMIT' && at === committed;
          seen += 1;
          if (!isIt && !isLast) return 'pass';
          resolve();
          return isLast ? 'cut-after' : 'hold';
        };
      });
      const worker = await startWorker();
      await killed;
      await kill(worker);
      relay.judge = () => 'pass';
      // The server hears of the end of its client a moment later; until then the dataset is held.
      await until('the killed session is over', async () => (await others()) === 0);
      const [row] = await it.database.query<{ n: number }>('SELECT count(*)::int AS n FROM data.orders');
      expect(row?.n, `killed at ${steps[at]?.slice(0, 60) ?? 'the end'}`).toBe(at === committed ? 38 : 3);
      await recover(id);
      await expectAllOnce(id);
    }
  },
);

/** Sessions that hold the dataset, but for ours. */
async function others(): Promise<number> {
  const [found] = await it.database.query<{ n: number }>(
    "SELECT count(*)::int AS n FROM pg_locks l WHERE l.relation = 'headgate.dataset'::regclass AND l.mode = 'RowShareLock' AND l.pid <> pg_backend_pid()",
  );
  return found?.n ?? 0;
}

test(
  `a worker that is killed at ${INSTANTS} random instants of its load leaves all or nothing, and another one does the rest once`,
  { timeout: 300_000 },
  async () => {
    relay.judge = () => 'pass';
    for (let i = 0; i < INSTANTS; i += 1) {
      const worker = await startWorker();
      const id = await begin();
      await delay((i / INSTANTS) * 80 * Math.random() + 1);
      await kill(worker);
      await until('the killed session is over', async () => (await others()) === 0);
      await recover(id);
      await expectAllOnce(id);
    }
  },
);
