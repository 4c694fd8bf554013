import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ANN, createWorld, type World } from '../processing/setup.js';

let world: World;
const workers: ChildProcess[] = [];

beforeAll(async () => {
  world = await createWorld();
  await world.apply(`
kind: Dataset
name: numbers
fields: [{ name: n, type: integer }]
---
kind: Pipeline
name: slow
steps:
  - { name: pairs, sql: 'SELECT count(*) AS n FROM numbers a, numbers b, numbers c WHERE a.n + b.n + c.n = 0' }
  - { publish: { to: slow } }
---
kind: Pipeline
name: quick
steps:
  - { name: counted, sql: 'SELECT count(*) AS n FROM numbers WHERE n < 10' }
  - { publish: { to: quick } }
`);
  await world.database.query('INSERT INTO data.numbers (n) SELECT generate_series(1, 3000)');
});
afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  await world?.close();
});

async function startWorker(): Promise<ChildProcess> {
  const folder = import.meta.dirname;
  const worker = spawn(
    process.execPath,
    ['--import', join(folder, '../support/decorators.js'), join(folder, '../processing/worker.ts'), JSON.stringify(world.connection)],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  workers.push(worker);
  const { stdout } = worker;
  const ended = once(worker, 'exit').then(() => Promise.reject(new Error('the worker ended before it was ready')));
  if (stdout) await Promise.race([once(stdout, 'data'), ended]);
  ended.catch(() => undefined);
  return worker;
}

const steps = async (id: string) => {
  const [found = []] = await world.runs.stepsOf([id]);
  return found.map(({ name, status, attempt }) => [name, status, attempt]);
};

test('a worker that is killed while it computes and while it publishes: both runs end as if nothing had been, within 15 s', { timeout: 90_000 }, async () => {
  const worker = await startWorker();
  // One run is in its statement; the other has computed, and can't publish while its dataset is held.
  const release = Promise.withResolvers<void>();
  const held = world.database.transaction(async (tx) => {
    await tx.query("SELECT FROM headgate.dataset WHERE name = 'quick' FOR UPDATE");
    await release.promise;
  });
  const slow = await world.pipelines.run('slow', ANN);
  const quick = await world.pipelines.run('quick', ANN);
  await expect.poll(() => steps(slow.id), { timeout: 20_000 }).toEqual([['pairs', 'RUNNING', 1]]);
  await expect
    .poll(() => steps(quick.id), { timeout: 20_000 })
    .toEqual([
      ['counted', 'SUCCEEDED', 1],
      ['publish', 'RUNNING', 1],
    ]);

  worker.kill('SIGKILL');
  await once(worker, 'exit');
  const killed = performance.now();
  release.resolve();
  await held;
  await world.database.query('DELETE FROM data.numbers WHERE n > 100');
  await startWorker();

  const ended = { status: 'SUCCEEDED', attempt: 2 };
  await expect.poll(() => world.runs.get(quick.id), { timeout: 30_000 }).toMatchObject(ended);
  await expect.poll(() => world.runs.get(slow.id), { timeout: 30_000 }).toMatchObject(ended);
  expect(performance.now() - killed).toBeLessThan(15_000);

  // What was computed before is not computed again.
  expect(await steps(quick.id)).toEqual([
    ['counted', 'SUCCEEDED', 1],
    ['publish', 'SUCCEEDED', 2],
  ]);
  expect(await steps(slow.id)).toEqual([
    ['pairs', 'SUCCEEDED', 2],
    ['publish', 'SUCCEEDED', 2],
  ]);
  expect(await world.database.query('SELECT n FROM data.quick UNION ALL SELECT n FROM data.slow')).toEqual([{ n: '9' }, { n: '0' }]);
  expect(await world.database.query("SELECT count(*)::int AS n FROM headgate.audit_record WHERE action = 'pipeline.run'")).toEqual([{ n: 2 }]);
  expect(await world.database.query("SELECT relname FROM pg_class WHERE relnamespace = 'work'::regnamespace")).toEqual([]);
});
