import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.js';
import { until } from '../support/processes.js';
import { ENGINEER, openService, temporaryHome } from '../ingestion/service.js';

const ROWS = 400_000;
let it: Awaited<ReturnType<typeof openService>>;
let home: string;
let connection: object;
const workers: ChildProcess[] = [];
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const created = await createTestDatabase();
  const temporary = await temporaryHome();
  home = temporary.home;
  connection = created.connection;
  it = await openService(created.connection, home);
  closers.push(it.close, created.drop, temporary.remove);
  await it.declare({
    name: 'events',
    key: ['id'],
    fields: [
      { name: 'id', type: 'bigint' },
      { name: 'at', type: 'timestamp' },
      { name: 'note', type: 'text' },
    ],
  });
  const file = createWriteStream(join(home, 'events.csv'));
  file.write('id,at,note\n');
  for (let i = 0; i < ROWS; i += 1) if (!file.write(`${i},2024-01-01T00:00:00Z,a note about the event ${i}\n`)) await once(file, 'drain');
  file.end();
  await once(file, 'close');
});

beforeEach(async () => {
  await it.ingestion.loadNow({ dataset: 'events', source: { content: 'id,at,note\n-1,,before\n' }, format: 'csv', mode: 'replace', force: true }, ENGINEER);
});

afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  for (const close of closers) await close();
});

const stored = async () => (await it.database.query<{ n: number; low: string }>('SELECT count(*)::int AS n, min(id) AS low FROM data.events'))[0];

/** The backend that is in the middle of a COPY. */
async function copying(): Promise<number> {
  let pid: number | undefined;
  await until('rows are copied', async () => {
    const [found] = await it.database.query<{ pid: number }>(
      'SELECT pid FROM pg_stat_progress_copy WHERE datname = current_database() AND tuples_processed > 0',
    );
    pid = found?.pid;
    return pid !== undefined;
  });
  return pid ?? 0;
}

test.each(['append', 'replace'])('a backend that is killed in the middle of a COPY leaves the dataset as it was (%s)', async (mode) => {
  const loading = it.ingestion.loadNow({ dataset: 'events', source: { path: join(home, 'events.csv') }, mode }, ENGINEER);
  // Seen at once: a rejection that nobody waits for yet would end the process.
  const refusal = loading.then(
    () => undefined,
    (error: unknown) => error,
  );
  await it.database.query('SELECT pg_terminate_backend($1)', [await copying()]);
  expect(await refusal).toMatchObject({ code: 'UNAVAILABLE' });
  expect(await stored()).toEqual({ n: 1, low: '-1' });
  expect(await readdir(join(home, 'spool'))).toEqual([]);
  expect(await it.database.query("SELECT count(*)::int AS n FROM pg_tables WHERE schemaname = 'work'")).toEqual([{ n: 0 }]);
});

test('a worker that is killed in the middle of a load leaves the dataset as it was, and another one does it once', { timeout: 90_000 }, async () => {
  const worker = spawn(
    process.execPath,
    ['--import', join(import.meta.dirname, '../support/decorators.js'), join(import.meta.dirname, 'load-worker.ts'), JSON.stringify(connection), home],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  workers.push(worker);
  if (worker.stdout) await once(worker.stdout, 'data');
  worker.stdin?.write('work\n');
  const { id } = await it.ingestion.submit({ dataset: 'events', source: 'events.csv', mode: 'merge' }, ENGINEER);
  await copying();
  worker.kill('SIGKILL');
  await once(worker, 'exit');
  expect(await stored()).toEqual({ n: 1, low: '-1' });
  expect(await readdir(join(home, 'spool'))).toHaveLength(1);

  await it.ingestion.start();
  expect(await readdir(join(home, 'spool'))).toEqual([]);
  it.keeper.start();
  it.jobs.work('ingestion', it.ingestion.handler);
  await until('the run is over', async () => (await it.runs.get(id)).status === 'SUCCEEDED', 60_000);
  expect(await it.runs.get(id)).toMatchObject({ attempt: 2, rowsRead: `${ROWS}`, rowsLoaded: `${ROWS}` });
  expect(await stored()).toEqual({ n: ROWS + 1, low: '-1' });
  const entries = (await it.entries()).filter(({ details }) => details.run === id);
  expect(entries).toHaveLength(1);
});
