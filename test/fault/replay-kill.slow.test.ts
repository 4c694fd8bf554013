import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.js';
import { until } from '../support/processes.js';
import { ENGINEER, openService, temporaryHome } from '../ingestion/service.js';
import { StatementRelay } from './statement-relay.js';

const LONG = Number(process.env['HEADGATE_TEST_LONG'] ?? 0);
/** Boundaries of its statements at which a replay is killed: all in a long run, else some, and those around the commit. */
const STRIDE = LONG > 0 ? 1 : 6;

let it: Awaited<ReturnType<typeof openService>>;
let relay: StatementRelay;
let home: string;
let spare: Promise<ChildProcess> | undefined;
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
      { name: 'note', type: 'text', rules: [{ length: [1, 20] }] },
      { name: 'amount', type: 'decimal', rules: [{ between: ['0', '100'] }] },
    ],
  });
});

afterAll(async () => {
  await spare;
  for (const worker of workers) worker.kill('SIGKILL');
  for (const close of closers) await close();
});

/** A worker whose way to the database is the relay, and the next one, which gets ready meanwhile. */
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

/** Four rows are refused: a patch mends two of them, one is there by then with the same content, and one stays bad. */
async function begin(): Promise<string> {
  await it.database.query('TRUNCATE data.orders, headgate.quarantined_row, headgate.ledger_entry, headgate.replay');
  const content = 'id,note,amount\n1,a,900\n2,b,many\n3,c,900\n4,a note that is far too long,-1\n';
  await it.ingestion.loadNow({ dataset: 'orders', source: { content }, format: 'csv' }, ENGINEER);
  await it.ingestion.loadNow({ dataset: 'orders', source: { content: 'id,note,amount\n3,c,7\n' }, format: 'csv' }, ENGINEER);
  return (await it.ingestion.submitReplay({ dataset: 'orders', patch: { amount: '7' } }, ENGINEER)).id;
}

async function expectAllOnce(id: string): Promise<void> {
  expect(await it.runs.get(id)).toMatchObject({ status: 'SUCCEEDED', rowsRead: '4', rowsLoaded: '2', rowsQuarantined: '1', rowsDeduplicated: '1' });
  expect(await it.database.query('SELECT id::int, amount::int FROM data.orders ORDER BY id')).toEqual([1, 2, 3].map((row) => ({ id: row, amount: 7 })));
  expect(await it.database.query("SELECT raw ->> 'id' AS id, attempts, last_run_id AS run FROM headgate.quarantined_row")).toEqual([
    { id: '4', attempts: 2, run: id },
  ]);
  expect(await it.database.query('SELECT rows::int, passed::int FROM headgate.replay WHERE run_id = $1', [id])).toEqual([{ rows: 4, passed: 3 }]);
  expect(
    await it.database.query(
      "SELECT count(*)::int AS n FROM headgate.audit_record WHERE action = 'quarantine.replay' AND decision = 'ALLOWED' AND details ->> 'run' = $1",
      [id],
    ),
  ).toEqual([{ n: 1 }]);
}

const HOLDS = 'FROM headgate.dataset WHERE id = $1 FOR UPDATE';

test('a worker that is killed between any statements of a replay leaves all or nothing, and another one does it once', { timeout: 200_000 }, async () => {
  const steps: string[] = [];
  let loading: number | undefined;
  const first = await begin();
  relay.judge = (text, connection) => {
    if (text.includes(HOLDS)) loading ??= connection;
    if (connection === loading) steps.push(text);
    if (connection === loading && text === 'COMMIT') loading = -1;
    return 'pass';
  };
  const untouched = await startWorker();
  await until('the replay is over', async () => (await it.runs.get(first)).status === 'SUCCEEDED');
  await kill(untouched);
  await expectAllOnce(first);
  expect(steps.at(-1)).toBe('COMMIT');

  const committed = steps.length;
  for (const at of Array.from({ length: committed + 1 }, (_, i) => i).filter((i) => i % STRIDE === 0 || i >= committed - 1)) {
    relay.judge = () => 'pass';
    const id = await begin();
    let seen = 0;
    let held: number | undefined;
    const killed = new Promise<void>((resolve) => {
      relay.judge = (text, connection) => {
        if (text.includes(HOLDS)) held ??= connection;
        if (connection !== held) return 'pass';
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
    await until('the killed session is over', async () => (await others()) === 0);
    const [row] = await it.database.query<{ n: number }>('SELECT count(*)::int AS n FROM headgate.quarantined_row');
    expect(row?.n, `killed at ${steps[at]?.slice(0, 60) ?? 'the end'}`).toBe(at === committed ? 1 : 4);
    await it.database.query("UPDATE headgate.run SET heartbeat_at = heartbeat_at - interval '11 seconds' WHERE id = $1 AND status = 'RUNNING'", [id]);
    await it.runs.recover();
    await it.ingestion.handler({ id }, { signal: new AbortController().signal });
    await expectAllOnce(id);
  }
});

/** Sessions that hold the dataset, but for ours. */
async function others(): Promise<number> {
  const [found] = await it.database.query<{ n: number }>(
    "SELECT count(*)::int AS n FROM pg_locks l WHERE l.relation = 'headgate.dataset'::regclass AND l.mode = 'RowShareLock' AND l.pid <> pg_backend_pid()",
  );
  return found?.n ?? 0;
}
