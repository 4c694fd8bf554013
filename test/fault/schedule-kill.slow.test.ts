import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { saveSchedule } from '../../src/jobs/index.js';
import { Database, type Connection } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';
import { until } from '../support/processes.js';

let database: Database;
let connection: Connection;
let drop: () => Promise<void>;
const workers = new Set<ChildProcess>();

beforeAll(async () => {
  ({ connection, drop } = await createTestDatabase());
  database = await Database.open({ connection, entities: [], statementTimeoutMs: 10_000 });
});
afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  await database?.close();
  await drop?.();
});

async function startWorker(): Promise<ChildProcess> {
  const folder = import.meta.dirname;
  const worker = spawn(
    process.execPath,
    ['--import', join(folder, '../support/decorators.js'), join(folder, 'schedule-worker.ts'), JSON.stringify(connection)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  workers.add(worker);
  if (worker.stdout) await once(worker.stdout, 'data');
  return worker;
}

const started = async () => (await database.query<{ n: number }>('SELECT count(*)::int AS n FROM started'))[0]?.n ?? 0;

test('processes that are killed while they start what is due: every time is started exactly once', { timeout: 90_000 }, async () => {
  // Without a constraint: were a time started twice, it would be seen.
  await database.query('CREATE TABLE started (owner text, due timestamptz)');
  await saveSchedule(database, 'Thing', 'minutes', { cron: '* * * * *', timeZone: 'UTC', catchUp: 'all' });
  await saveSchedule(database, 'Thing', 'quarters', { cron: '*/15 * * * *', timeZone: 'UTC', catchUp: 'all' });
  const [{ from } = { from: new Date() }] = await database.query<{ from: Date }>(
    "UPDATE headgate.schedule SET next_at = date_trunc('hour', now()) - interval '6 hours' RETURNING next_at AS from",
  );
  const alive = [await startWorker(), await startWorker()];
  for (let kills = 0; kills < 4; kills++) {
    const before = await started();
    await until('more was started', async () => (await started()) > before + 40, 20_000);
    const victim = alive.shift();
    victim?.kill('SIGKILL');
    if (victim) await once(victim, 'exit');
    alive.push(await startWorker());
  }
  await until('nothing is due', async () => (await database.query('SELECT FROM headgate.schedule WHERE next_at <= now()')).length === 0, 60_000);
  const missing = await database.query(
    `SELECT due FROM generate_series($1::timestamptz, now() - interval '1 minute', interval '1 minute') AS due
     EXCEPT SELECT due FROM started WHERE owner = 'minutes'`,
    [from],
  );
  expect(missing).toEqual([]);
  expect(await database.query('SELECT owner, due FROM started GROUP BY owner, due HAVING count(*) > 1')).toEqual([]);
  expect(await database.query("SELECT due FROM started WHERE owner = 'quarters' AND extract(minute FROM due)::int % 15 <> 0")).toEqual([]);
});
