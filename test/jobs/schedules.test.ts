import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cronProblem, dueNow, isTimeZone, saveSchedule, ScheduleShape, scheduleOf, Schedules, schedulesOf, timeAfter } from '../../src/jobs/index.js';
import { newId, silentLog } from '../../src/kernel/index.js';
import { Database } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';

/** The next times after a moment, in UTC to the minute. */
function times(cron: string, timeZone: string, after: string, n: number): string[] {
  const found: Date[] = [];
  for (let at = new Date(after); found.length < n; found.push(at)) at = timeAfter({ cron, timeZone }, at);
  return found.map((at) => at.toISOString().slice(0, 16));
}

describe('when clocks change', () => {
  test('a time of the day that does not exist is an hour later that day', () => {
    // Berlin puts the clocks forward on 2026-03-29 at 02:00, New York on 2026-03-08 at 02:00.
    expect(times('30 2 * * *', 'Europe/Berlin', '2026-03-27T12:00Z', 3)).toEqual(['2026-03-28T01:30', '2026-03-29T01:30', '2026-03-30T00:30']);
    expect(times('30 2 * * *', 'America/New_York', '2026-03-06T12:00Z', 3)).toEqual(['2026-03-07T07:30', '2026-03-08T07:30', '2026-03-09T06:30']);
  });

  test('a time of the day that comes twice is the first one, and it is once', () => {
    expect(times('30 2 * * *', 'Europe/Berlin', '2026-10-23T12:00Z', 3)).toEqual(['2026-10-24T00:30', '2026-10-25T00:30', '2026-10-26T01:30']);
    expect(times('30 1 * * *', 'America/New_York', '2026-10-30T12:00Z', 3)).toEqual(['2026-10-31T05:30', '2026-11-01T05:30', '2026-11-02T06:30']);
  });

  test('what is each hour goes on as real time does', () => {
    const hourly = (from: string, n: number) => Array.from({ length: n }, (_, i) => new Date(Date.parse(from) + i * 3_600_000).toISOString().slice(0, 16));
    for (const [zone, from] of [
      ['Europe/Berlin', '2026-03-28T23:30Z'],
      ['Europe/Berlin', '2026-10-24T22:30Z'],
      ['America/New_York', '2026-03-08T05:30Z'],
      ['America/New_York', '2026-11-01T04:30Z'],
    ] as const) {
      expect(times('30 * * * *', zone, new Date(Date.parse(from) - 1).toISOString(), 5), `${zone} ${from}`).toEqual(hourly(from, 5));
    }
  });

  test('every time is later than the one before, whatever the expression, the place and the season', () => {
    const minute = fc.oneof(fc.integer({ min: 0, max: 59 }).map(String), fc.constantFrom('*/15', '*'));
    const hour = fc.oneof(fc.integer({ min: 0, max: 4 }).map(String), fc.constantFrom('*', '1-3'));
    const zone = fc.constantFrom('Europe/Berlin', 'America/New_York', 'UTC', 'America/Havana', 'Asia/Beirut');
    const from = fc.constantFrom('2026-03-28T20:00Z', '2026-10-24T20:00Z', '2026-03-08T03:00Z', '2026-11-01T03:00Z', '2026-04-04T10:00Z', '2026-10-03T10:00Z');
    fc.assert(
      fc.property(minute, hour, zone, from, (m, h, timeZone, start) => {
        const found = times(`${m} ${h} * * *`, timeZone, start, 20);
        expect(found).toEqual([...new Set(found)].toSorted());
      }),
      { numRuns: 60 },
    );
  });
});

test('what is no schedule is refused with what one is', () => {
  for (const bad of ['', 'hello', '* * * *', '0 0 3 * * *', '61 * * * *', '0 0 31 2 *', 'H 3 * * *', '@daily'])
    expect(cronProblem(bad), bad).toContain('five fields');
  for (const good of ['0 3 * * *', '*/5 8-18 * * MON-FRI', '0 0 1,15 * *']) expect(cronProblem(good), good).toBeUndefined();
  expect([isTimeZone('Europe/Berlin'), isTimeZone('UTC'), isTimeZone('Mars/Base'), isTimeZone('+02:00'), isTimeZone('Australia/LHI')]).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
  expect(ScheduleShape.safeParse({ cron: '0 3 * * *', timeZone: 'Mars/Base' }).success).toBe(false);
  expect(scheduleOf(ScheduleShape.parse('0 3 * * *'))).toEqual({ cron: '0 3 * * *', timeZone: 'UTC', catchUp: 'once' });
});

describe('times that were missed', () => {
  const hourly = { cron: '0 * * * *', timeZone: 'UTC' };
  const at = (time: string) => new Date(`2026-05-01T${time}Z`);

  test('are left out, or run once, or all run', () => {
    expect(dueNow({ ...hourly, catchUp: 'skip' }, at('03:00'), at('07:20'))).toEqual({ start: undefined, nextAt: at('08:00') });
    expect(dueNow({ ...hourly, catchUp: 'once' }, at('03:00'), at('07:20'))).toEqual({ start: at('07:00'), nextAt: at('08:00') });
    expect(dueNow({ ...hourly, catchUp: 'all' }, at('03:00'), at('07:20'))).toEqual({ start: at('03:00'), nextAt: at('04:00') });
  });

  test('are not those that are a moment late', () => {
    for (const catchUp of ['skip', 'once', 'all'] as const) {
      expect(dueNow({ ...hourly, catchUp }, at('03:00'), at('03:00:20'))).toEqual({ start: at('03:00'), nextAt: at('04:00') });
    }
  });
});

describe('several processes', () => {
  let database: Database;
  let drop: () => Promise<void>;
  const started: { owner: string; due: string }[] = [];

  beforeAll(async () => {
    const created = await createTestDatabase();
    drop = created.drop;
    database = await Database.open({ connection: created.connection, entities: [], statementTimeoutMs: 10_000 });
  });
  beforeEach(async () => {
    started.length = 0;
    await database.query('DELETE FROM headgate.schedule');
  });
  afterAll(async () => {
    await database?.close();
    await drop?.();
  });

  function process(): Schedules {
    const schedules = new Schedules({ database, log: silentLog });
    schedules.owner('Thing', async (_, owner, due) => {
      if (owner === 'broken') throw new Error('broken');
      started.push({ owner, due: due.toISOString() });
      return newId();
    });
    return schedules;
  }

  test('start each time once', async () => {
    for (let i = 0; i < 10; i++) await saveSchedule(database, 'Thing', `t${i}`, { cron: '* * * * *', timeZone: 'UTC', catchUp: 'all' });
    await saveSchedule(database, 'Other', 'o', { cron: '* * * * *', timeZone: 'UTC', catchUp: 'all' });
    await database.query("UPDATE headgate.schedule SET next_at = date_trunc('minute', now()) - interval '4 minutes'");
    await Promise.all(Array.from({ length: 4 }, () => process().look()));
    // A fifth, or a sixth when a minute began just now.
    const each = Map.groupBy(started, ({ owner }) => owner);
    expect([...each.keys()].toSorted()).toEqual(Array.from({ length: 10 }, (_, i) => `t${i}`));
    for (const [, starts] of each) {
      expect(new Set(starts.map(({ due }) => due)).size).toBe(starts.length);
      expect(starts.length).toBeGreaterThanOrEqual(5);
    }
    const [state] = (await schedulesOf(database, 'Thing')).values();
    expect(state?.nextAt.getTime()).toBeGreaterThan(Date.now() - 1_000);
    expect(state?.lastRun).not.toBeNull();
  });

  test('are not held up by one that can not be started, which is tried again', async () => {
    for (const owner of ['broken', 'whole']) await saveSchedule(database, 'Thing', owner, { cron: '0 3 * * *', timeZone: 'UTC', catchUp: 'once' });
    await database.query("UPDATE headgate.schedule SET next_at = now() - CASE owner WHEN 'broken' THEN interval '2 hours' ELSE interval '1 hour' END");
    await process().look();
    expect(started.map(({ owner }) => owner)).toEqual(['whole']);
    const [broken] = await database.query(
      "SELECT next_at < now() AS due, waits_until > now() AS rests, last_run FROM headgate.schedule WHERE owner = 'broken'",
    );
    expect(broken).toEqual({ due: true, rests: true, last_run: null });
  });

  test('keep the next time of a schedule that is saved as it was', async () => {
    const nightly = { cron: '0 3 * * *', timeZone: 'Europe/Berlin', catchUp: 'once' } as const;
    await saveSchedule(database, 'Thing', 't', nightly);
    await database.query("UPDATE headgate.schedule SET next_at = now() - interval '1 hour'");
    const before = (await schedulesOf(database, 'Thing')).get('t');
    await saveSchedule(database, 'Thing', 't', { ...nightly, catchUp: 'skip' });
    expect((await schedulesOf(database, 'Thing')).get('t')).toEqual({ ...before, catchUp: 'skip' });
    await saveSchedule(database, 'Thing', 't', { ...nightly, timeZone: 'UTC' });
    expect((await schedulesOf(database, 'Thing')).get('t')?.nextAt.getTime()).toBeGreaterThan(Date.now());
    await saveSchedule(database, 'Thing', 't', undefined);
    expect((await schedulesOf(database, 'Thing')).size).toBe(0);
  });
});
