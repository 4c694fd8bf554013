import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ERROR_CODES, HeadgateError, type ErrorCode } from '../../src/kernel/index.js';
import { ERROR_CLASSES, mayPass, waitMs, type RunEntity, type RunRequest } from '../../src/lifecycle/index.js';
import { createWorld, type World } from './setup.js';

let world: World;
const request: RunRequest = { kind: 'INGESTION', dataset: 'flights', requestedBy: 'ann' };
const POLICY = { mostTries: 8, firstMs: 5_000, longestMs: 900_000 };
const away = new HeadgateError('UNAVAILABLE', 'It is away.');

beforeAll(async () => {
  world = await createWorld();
});
afterAll(async () => {
  await world?.close();
});

async function running(extra: Partial<RunRequest> = {}): Promise<RunEntity> {
  const { run } = await world.database.transaction((tx) => world.runs.submit(tx, { ...request, ...extra }));
  return claimed(run.id);
}

async function claimed(id: string): Promise<RunEntity> {
  await world.database.query('UPDATE headgate.run SET not_before = NULL WHERE id = $1', [id]);
  const run = await world.runs.claim(id, 'w');
  if (!run) throw new Error('nothing to claim');
  return run;
}

/** A run that was given up after its last try. */
async function dead(extra: Partial<RunRequest> = {}): Promise<RunEntity> {
  let run = await running(extra);
  while (await world.runs.retry(run, away)) run = await claimed(run.id);
  await world.runs.endTry(run, away);
  return world.runs.get(run.id);
}

describe('which errors are tried again', () => {
  const LATER: readonly ErrorCode[] = ['UNAVAILABLE', 'TIMEOUT', 'RATE_LIMITED'];
  const CONTRACT: readonly ErrorCode[] = ['CONFLICT'];

  test.each(Object.keys(ERROR_CODES) as ErrorCode[])('%s is in the table, and is what it should be', (code) => {
    expect(ERROR_CLASSES[code]).toBe(LATER.includes(code) ? 'LATER' : CONTRACT.includes(code) ? 'CONTRACT' : 'NEVER');
    expect(mayPass({ code, message: '', details: {} })).toBe(LATER.includes(code));
    expect(mayPass({ code, message: '', details: { contractChanged: true } })).toBe(LATER.includes(code) || CONTRACT.includes(code));
  });
});

describe('the wait', () => {
  const error = (details = {}) => ({ code: 'RATE_LIMITED' as const, message: '', details });

  test('is anything up to a bound that doubles and has an end', () => {
    const most = Array.from({ length: 12 }, (_, i) => waitMs(error(), i + 1, POLICY, () => 1));
    expect(most).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900].map((seconds) => seconds * 1000));
    expect(waitMs(error(), 7, POLICY, () => 0)).toBe(0);
    expect(new Set(Array.from({ length: 50 }, () => waitMs(error(), 5, POLICY))).size).toBeGreaterThan(40);
  });

  test('is behind what the other side asked for, within reason', () => {
    expect(waitMs(error({ retryAfter: 30 }), 1, POLICY, () => 0)).toBe(30_000);
    expect(waitMs(error({ retryAfter: 30 }), 1, POLICY, () => 1)).toBe(35_000);
    expect(waitMs(error({ retryAfter: 1e9 }), 1, POLICY, () => 0)).toBe(3_600_000);
    expect(waitMs(error({ retryAfter: 'soon' }), 1, POLICY, () => 0)).toBe(0);
  });
});

test('a run that failed of what may pass waits with its reason, and neither its job nor a claim comes before its time', async () => {
  const run = await running();
  await world.runs.stepStarted(world.database, run, { position: 0, name: 'read', kind: 'sql' });
  expect(await world.runs.endTry(run, new HeadgateError('RATE_LIMITED', 'Slower.', { retryAfter: 60 }))).toBe(true);
  const waiting = await world.runs.get(run.id);
  expect(waiting).toMatchObject({ status: 'QUEUED', attempt: 1, tries: 1, errorCode: null, lastError: { code: 'RATE_LIMITED', message: 'Slower.' } });
  expect(waiting.notBefore?.getTime()).toBeGreaterThan(Date.now() + 50_000);
  expect(await world.runs.claim(run.id, 'w')).toBeUndefined();
  const [job] = await world.database.query<{ at: Date }>("SELECT max(start_after) AS at FROM pgboss.job WHERE data->>'id' = $1", [run.id]);
  expect(job?.at).toEqual(waiting.notBefore);
  expect((await world.runs.stepsOf([run.id]))[0]).toMatchObject([{ status: 'FAILED' }]);
  await expect(world.runs.cancel(run.id)).resolves.toMatchObject({ status: 'CANCELLED' });
});

test('an error that would be the same again fails the run at once, and it is no dead letter', async () => {
  const run = await running();
  await world.runs.endTry(run, new HeadgateError('DATA_REJECTED', 'Line 3 is torn.'));
  expect(await world.runs.get(run.id)).toMatchObject({ status: 'FAILED', errorCode: 'DATA_REJECTED', tries: 0, deadLetteredAt: null });
});

test('what the database could not do at the moment is tried again', async () => {
  const run = await running();
  await world.runs.endTry(run, Object.assign(new Error('deadlock detected'), { code: '40P01' }));
  expect(await world.runs.get(run.id)).toMatchObject({ status: 'QUEUED', lastError: { code: 'UNAVAILABLE', details: { sqlState: '40P01' } } });
});

test('an upload is never tried again', async () => {
  const { run } = await world.database.transaction((tx) => world.runs.begin(tx, request, 'w'));
  await world.runs.endTry(run, away);
  expect(await world.runs.get(run.id)).toMatchObject({ status: 'FAILED', errorCode: 'UNAVAILABLE', deadLetteredAt: null });
});

test('after its last try a run has failed and is a dead letter; what lasts lets the count begin anew', async () => {
  const run = await dead();
  expect(run).toMatchObject({ status: 'FAILED', attempt: 4, tries: 3, errorCode: 'UNAVAILABLE' });
  expect(run.deadLetteredAt).not.toBeNull();
  let endless = await running();
  for (let round = 0; round < 6; round++) {
    await world.runs.advance(world.database, endless);
    expect(await world.runs.endTry(endless, away)).toBe(true);
    endless = await claimed(endless.id);
  }
  expect(endless).toMatchObject({ status: 'RUNNING', tries: 1 });
});

describe('dead letters', () => {
  const redrive = (filter: Parameters<World['runs']['redrive']>[1]) => world.database.transaction((tx) => world.runs.redrive(tx, filter));
  const keep = (id: string) => world.database.query("INSERT INTO headgate.run_content (run_id, content) VALUES ($1, 'rows')", [id]);
  const contents = async (id: string) => (await world.database.query('SELECT FROM headgate.run_content WHERE run_id = $1', [id])).length;

  test('are redriven once each, by a new run that says which it repeats and has its content', async () => {
    const old = await dead({ dataset: 'dead_a', input: { mode: 'append' }, priority: 50 });
    await keep(old.id);
    expect((await world.runs.list({ deadLetter: true, dataset: 'dead_a' })).nodes.map(({ id }) => id)).toEqual([old.id]);
    const both = await Promise.all([redrive({ dataset: 'dead_a' }), redrive({ dataset: 'dead_a' })]);
    const [again, ...others] = both.flat();
    expect(others).toEqual([]);
    expect(again).toMatchObject({ status: 'QUEUED', parentId: old.id, contentOf: old.id, requestedBy: 'ann', input: { mode: 'append' }, priority: 50 });
    expect(again?.givenAt).toEqual(old.createdAt);
    expect(await world.runs.get(old.id)).toMatchObject({ status: 'FAILED', redrivenAs: again?.id });
    expect(await world.runs.count({ deadLetter: true, dataset: 'dead_a' })).toBe(0);
    const run = await claimed(again?.id ?? '');
    expect(await contents(old.id)).toBe(1);
    await world.runs.finish(world.database, run);
    expect(await contents(old.id)).toBe(0);
  });

  test('are found by each condition, and never all by mistake', async () => {
    const old = await dead({ dataset: 'dead_b' });
    expect(await redrive({ dataset: 'dead_b', kind: 'PIPELINE' })).toEqual([]);
    expect(await redrive({ dataset: 'dead_b', since: new Date(Date.now() + 60_000) })).toEqual([]);
    await expect(redrive({})).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
    await expect(redrive({ ids: ['x'] })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
    expect(await redrive({ ids: [old.id] })).toMatchObject([{ parentId: old.id }]);
  });

  test('keep their inline content for seven days, and are none any more without it', async () => {
    const [old, fresh] = [await dead({ dataset: 'dead_c' }), await dead({ dataset: 'dead_c' })];
    await keep(old.id);
    await keep(fresh.id);
    await world.database.query("UPDATE headgate.run SET dead_lettered_at = now() - interval '8 days' WHERE id = $1", [old.id]);
    await world.runs.sweep();
    expect([await contents(old.id), await contents(fresh.id)]).toEqual([0, 1]);
    expect(await world.runs.get(old.id)).toMatchObject({ status: 'FAILED', deadLetteredAt: null });
    expect(await world.runs.count({ deadLetter: true, dataset: 'dead_c' })).toBe(1);
  });

  test('are also runs that ended their worker again and again', async () => {
    const { id } = await running({ dataset: 'dead_d' });
    for (let lapse = 1; lapse <= 5; lapse++) {
      await world.database.query("UPDATE headgate.run SET heartbeat_at = now() - interval '1 minute' WHERE id = $1", [id]);
      await world.runs.recover();
      if (lapse < 5) await claimed(id);
    }
    expect(await world.runs.count({ deadLetter: true, dataset: 'dead_d' })).toBe(1);
  });
});
