import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { DEAD_JOBS } from '../../src/jobs/index.js';
import { HeadgateError } from '../../src/kernel/index.js';
import { AttemptLostError, type RunEntity, type RunRequest } from '../../src/lifecycle/index.js';
import { timeCursor } from '../../src/store/index.js';
import { createWorld, type World } from './setup.js';

let world: World;
const request: RunRequest = { kind: 'INGESTION', dataset: 'flights', requestedBy: 'ann' };

beforeAll(async () => {
  world = await createWorld();
});
afterAll(async () => {
  await world?.close();
});

async function submit(extra: Partial<RunRequest> = {}): Promise<RunEntity> {
  const { run } = await world.database.transaction((tx) => world.runs.submit(tx, { ...request, ...extra }));
  return run;
}

async function running(extra: Partial<RunRequest> = {}): Promise<RunEntity> {
  const run = await world.runs.claim((await submit(extra)).id, 'w');
  if (!run) throw new Error('nothing to claim');
  return run;
}

async function silence(run: RunEntity): Promise<void> {
  await world.database.query("UPDATE headgate.run SET heartbeat_at = now() - interval '1 minute' WHERE id = $1", [run.id]);
}

test('a run and its job come together or not at all', async () => {
  let id = '';
  await expect(
    world.database.transaction(async (tx) => {
      ({
        run: { id },
      } = await world.runs.submit(tx, request));
      throw new Error('stop');
    }),
  ).rejects.toThrow('stop');
  await expect(world.runs.get(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(await world.database.query("SELECT id FROM pgboss.job WHERE data->>'id' = $1", [id])).toEqual([]);
  const { id: kept } = await submit();
  expect(await world.database.query("SELECT name FROM pgboss.job WHERE data->>'id' = $1", [kept])).toEqual([{ name: 'ingestion' }]);
});

test('only one of many claims takes a run', async () => {
  const { id } = await submit();
  const claims = await Promise.all(Array.from({ length: 8 }, (_, i) => world.runs.claim(id, `w${i}`)));
  expect(claims.filter(Boolean)).toHaveLength(1);
  expect(await world.runs.get(id)).toMatchObject({ status: 'RUNNING', attempt: 1 });
});

test('of the runs of a group no more run than its limit says, however many processes take them at once', async () => {
  const made = await Promise.all(Array.from({ length: 8 }, () => submit({ group: { id: 'g', limit: 2 } })));
  const taken = await Promise.all(made.map(({ id }, i) => world.runs.claim(id, `w${i}`)));
  const running = taken.filter((run) => run !== undefined);
  expect(running).toHaveLength(2);
  // Those that found no room have a job again, for a moment later.
  const [jobs] = await world.database.query<{ n: number }>(
    "SELECT count(*)::int AS n FROM pgboss.job WHERE group_id = 'g' AND group_tier = '2' AND start_after > created_on",
  );
  expect(jobs?.n).toBe(6);
  const [first] = running;
  if (first) await world.runs.finish(world.database, first);
  const waiting = made.find(({ id }) => !running.some((run) => run.id === id));
  expect(await world.runs.claim(waiting?.id ?? '', 'w')).toMatchObject({ status: 'RUNNING' });
  await expect(submit({ group: { id: 'g', limit: 0 } })).rejects.toThrow(TypeError);
});

test('a run whose job was rejected too often fails, and can be redriven', async () => {
  const { id } = await submit({ dataset: 'abandoned' });
  world.jobs.work(DEAD_JOBS, (job) => world.runs.abandon(job.id));
  // As if it had been tried twenty times; the keeper would have taken it, were the database there.
  world.jobs.work('ingestion', async (job) => {
    if (job.id === id) throw new Error('no database');
  });
  await vi.waitFor(
    async () => {
      await world.database.query("UPDATE pgboss.job SET retry_limit = 0 WHERE data->>'id' = $1", [id]);
      expect(await world.runs.get(id)).toMatchObject({ status: 'FAILED', errorCode: 'UNAVAILABLE' });
    },
    { timeout: 10_000 },
  );
  expect(await world.runs.count({ deadLetter: true, dataset: 'abandoned' })).toBe(1);
});

test('the outcome and the end of the run commit together', async () => {
  const run = await running();
  await world.database.transaction((tx) =>
    world.runs.finish(tx, run, { rowsRead: 10, rowsLoaded: 7, rowsQuarantined: 2, rowsDeduplicated: 1, bytesRead: 99n }),
  );
  expect(await world.runs.get(run.id)).toMatchObject({ status: 'SUCCEEDED', rowsRead: '10', rowsLoaded: '7', bytesRead: '99' });
});

test('rows of a load that do not add up are never committed', async () => {
  const run = await running();
  await expect(world.database.transaction((tx) => world.runs.finish(tx, run, { rowsRead: 10, rowsLoaded: 7 }))).rejects.toThrow(/check constraint/);
  expect(await world.runs.get(run.id)).toMatchObject({ status: 'RUNNING' });
});

test('a worker that lost its run can write nothing more about it', async () => {
  const old = await running();
  await silence(old);
  expect(await world.runs.recover()).toEqual({ requeued: 1, failed: 0 });
  const next = await world.runs.claim(old.id, 'w2');
  expect(next?.attempt).toBe(2);
  await expect(world.runs.beat(old)).rejects.toThrow(AttemptLostError);
  await expect(world.database.transaction((tx) => world.runs.finish(tx, old))).rejects.toThrow(AttemptLostError);
  await expect(world.runs.stepStarted(world.database, old, { position: 0, name: 'a', kind: 'sql' })).rejects.toThrow(AttemptLostError);
  expect(await world.runs.fail(old, new Error('late'))).toBe(false);
  expect(await world.runs.release(old)).toBe(false);
  expect(await world.runs.get(old.id)).toMatchObject({ status: 'RUNNING', attempt: 2, worker: 'w2' });
});

test('a run that is found without a worker is queued again with a job; an upload has failed', async () => {
  const resumable = await running();
  const { run: upload } = await world.database.transaction((tx) => world.runs.begin(tx, request, 'w'));
  await silence(resumable);
  await silence(upload);
  expect(await world.runs.recover()).toEqual({ requeued: 1, failed: 1 });
  expect(await world.database.query("SELECT count(*)::int AS jobs FROM pgboss.job WHERE data->>'id' = $1", [resumable.id])).toEqual([{ jobs: 2 }]);
  expect(await world.runs.get(upload.id)).toMatchObject({ status: 'FAILED', errorCode: 'UNAVAILABLE' });
});

test('a run that ends its workers again and again is given up', async () => {
  const { id } = await submit();
  for (let attempt = 1; attempt <= 5; attempt++) {
    const run = await world.runs.claim(id, 'w');
    expect(run?.attempt).toBe(attempt);
    if (run) await silence(run);
    await world.runs.recover();
  }
  expect(await world.runs.get(id)).toMatchObject({ status: 'FAILED', errorCode: 'UNAVAILABLE' });
});

describe('an error', () => {
  test('of ours is kept with its code, text and details', async () => {
    const run = await running();
    await world.runs.fail(run, new HeadgateError('DATA_REJECTED', 'Line 3 is torn.', { line: 3 }));
    expect(await world.runs.get(run.id)).toMatchObject({
      status: 'FAILED',
      errorCode: 'DATA_REJECTED',
      errorMessage: 'Line 3 is torn.',
      errorDetails: { line: 3 },
    });
  });

  test('of another kind shows nothing of itself but an id', async () => {
    const run = await running();
    await world.runs.fail(run, new Error('invalid input syntax: "secret"'));
    const { errorCode, errorMessage, errorDetails } = await world.runs.get(run.id);
    expect(errorCode).toBe('INTERNAL_SERVER_ERROR');
    expect(errorMessage).not.toContain('secret');
    expect(errorMessage).toContain(String(errorDetails?.errorId));
  });

  test('fails the step in which it happened', async () => {
    const run = await running();
    await world.runs.stepStarted(world.database, run, { position: 0, name: 'read', kind: 'sql', statement: 'SELECT 1' });
    await world.runs.stepFinished(world.database, run, 0, { rowsIn: 5, rowsOut: 4 });
    await world.runs.stepStarted(world.database, run, { position: 1, name: 'write', kind: 'publish' });
    await world.runs.fail(run, new Error('x'));
    const [steps] = await world.runs.stepsOf([run.id]);
    expect(steps).toMatchObject([
      { name: 'read', status: 'SUCCEEDED', rowsIn: '5', rowsOut: '4', statement: 'SELECT 1' },
      { name: 'write', status: 'FAILED' },
    ]);
  });
});

test('the same idempotency key gives the same run, until that has failed', async () => {
  const first = await running({ idempotencyKey: 'k1' });
  const again = await world.database.transaction((tx) => world.runs.submit(tx, { ...request, idempotencyKey: 'k1' }));
  expect(again).toMatchObject({ created: false, run: { id: first.id } });
  await world.runs.fail(first, new Error('x'));
  const third = await world.database.transaction((tx) => world.runs.submit(tx, { ...request, idempotencyKey: 'k1' }));
  expect(third.created).toBe(true);
});

test('the list goes from the newest to the oldest, page by page, without a gap', async () => {
  const made: string[] = [];
  for (let i = 0; i < 7; i++) made.unshift((await submit({ dataset: 'paged' })).id);
  const seen: string[] = [];
  const times: number[] = [];
  let after: string | undefined;
  do {
    const page = await world.runs.list({ dataset: 'paged', first: 3, after });
    seen.push(...page.nodes.map(({ id }) => id));
    times.push(...page.nodes.map(({ createdAt }) => createdAt.getTime()));
    const last = page.nodes.at(-1);
    after = page.hasNextPage && last ? timeCursor(last) : undefined;
  } while (after);
  expect(times).toEqual(times.toSorted((a, b) => b - a));
  expect(new Set(seen)).toEqual(new Set(made));
  expect(seen).toHaveLength(7);
  await expect(world.runs.list({ after: 'nonsense' })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  await expect(world.runs.list({ first: 0 })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
});

describe('the keeper', () => {
  test('tells the work that its run was cancelled', async () => {
    const { id } = await submit();
    const started = Promise.withResolvers<void>();
    const done = world.keeper.perform(id, new AbortController().signal, async (_, { signal }) => {
      started.resolve();
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('interrupted')), { once: true }));
    });
    await started.promise;
    await world.runs.cancel(id);
    await done;
    expect(await world.runs.get(id)).toMatchObject({ status: 'CANCELLED', errorCode: null });
    await expect(world.runs.cancel(id)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  test('writes progress with the heartbeat', async () => {
    const { id } = await submit();
    const release = Promise.withResolvers<void>();
    const done = world.keeper.perform(id, new AbortController().signal, async (run, { progress }) => {
      progress({ rowsRead: 5, bytesTotal: 100 });
      await release.promise;
      await world.runs.finish(world.database, run, { rowsRead: 5, rowsLoaded: 5 });
    });
    await vi.waitFor(async () => expect(await world.runs.get(id)).toMatchObject({ rowsRead: '5', bytesTotal: '100' }), 5_000);
    release.resolve();
    await done;
    expect(await world.runs.get(id)).toMatchObject({ status: 'SUCCEEDED' });
  });

  test('gives a run back when the process stops', async () => {
    const { id } = await submit();
    const stop = new AbortController();
    await world.keeper.perform(id, stop.signal, async (_, { signal }) => {
      stop.abort();
      signal.throwIfAborted();
    });
    expect(await world.runs.get(id)).toMatchObject({ status: 'QUEUED', worker: null });
  });

  test('does a run once, though its job comes twice', async () => {
    const { id } = await submit();
    let times = 0;
    const once = () =>
      world.keeper.perform(id, new AbortController().signal, async (run) => {
        times += 1;
        await world.runs.finish(world.database, run);
      });
    await Promise.all([once(), once()]);
    await once();
    expect(times).toBe(1);
  });
});
