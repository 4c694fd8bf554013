import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ReaderPool } from '../../src/store/index.js';
import { Sessions, sharedPool } from '../../src/store/sessions.js';
import { until } from '../support/processes.js';
import { openedDatabase } from './opened-database.js';
import { Relay } from './relay.js';

const opened = openedDatabase();
let reader: ReaderPool;

beforeEach(() => {
  reader = new ReaderPool(opened.connection, { statementTimeoutMs: 5_000, size: 6, alone: 4, shared: 1 });
});

afterEach(() => reader.close());

const ECHO = { name: 'echo', text: 'SELECT $1::text, pg_backend_pid()' };
const DIVIDE = { name: 'divide', text: 'SELECT 10 / $1::int' };
const NAP = { name: 'nap', text: 'SELECT pg_sleep($1::float8)' };

const echo = async (word: string) => await reader.query<[string, string]>({ ...ECHO, values: [word] });
const nap = async (seconds: number) => await reader.query({ ...NAP, values: [seconds] });

/** Runs it until it is known to be quick. */
async function makeKnown(run: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < 20; i++) await run();
}

const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

test('statements that nobody knows have a session each; quick ones share one, behind one another', async () => {
  const unknown = await Promise.all(times(4, () => reader.query<[string, string]>({ text: 'SELECT pg_sleep(0.2)::text, pg_backend_pid()', values: [] })));
  expect(new Set(unknown.map(([row]) => row?.[1])).size).toBe(4);
  await makeKnown(() => echo(''));
  const quick = await Promise.all(times(40, (i) => echo(`word ${i}`)));
  expect(new Set(quick.map(([row]) => row?.[1])).size).toBe(1);
});

test('each gets the answer to what it asked, and the error of what it asked', async () => {
  await makeKnown(() => echo(''));
  await makeKnown(() => reader.query({ ...DIVIDE, values: [1] }));
  const asked = fc.oneof(
    fc.string({ unit: 'grapheme' }).map((word) => ({ word: word.replaceAll('\0', '') })),
    fc.record({ divisor: fc.integer({ min: -3, max: 3 }) }),
    fc.record({ unwritable: fc.constant(true) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(asked, { maxLength: 60 }), async (all) => {
      const outcomes = await Promise.allSettled(
        all.map(async (one) => {
          if ('word' in one) return (await echo(one.word))[0]?.[0];
          if ('divisor' in one) return (await reader.query({ ...DIVIDE, values: [one.divisor] }))[0]?.[0];
          return await reader.query({
            ...ECHO,
            values: [
              {
                toPostgres: () => {
                  throw new Error('unwritable');
                },
              },
            ],
          });
        }),
      );
      all.forEach((one, i) => {
        if ('word' in one) expect(outcomes[i]).toEqual({ status: 'fulfilled', value: one.word });
        else if ('unwritable' in one) expect(outcomes[i]).toMatchObject({ status: 'rejected', reason: { message: 'unwritable' } });
        else if (one.divisor === 0) expect(outcomes[i]).toMatchObject({ status: 'rejected', reason: { code: '22012' } });
        else expect(outcomes[i]).toEqual({ status: 'fulfilled', value: String(Math.trunc(10 / one.divisor)) });
      });
    }),
    { numRuns: 40 },
  );
});

test('a quick statement that turns out slow holds up those behind it for a moment only', async () => {
  await makeKnown(() => nap(0));
  await makeKnown(() => echo(''));
  const slow = nap(2);
  const behind = timed(() => Promise.all([...times(5, () => nap(0)), ...times(5, () => echo('behind'))]));
  expect(await behind).toBeLessThan(1_500);
  // Whoever comes now is not sent behind it at all.
  expect(await timed(() => echo('later'))).toBeLessThan(1_000);
  await slow;
  expect(await echo('after')).toEqual([['after', expect.any(String)]]);
});

test('quick statements share another session while theirs is held up', async () => {
  await makeKnown(() => nap(0));
  await makeKnown(() => echo(''));
  const slow = nap(1.5);
  const HELD_UP =
    "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep($1%' AND state = 'active' AND clock_timestamp() - query_start > interval '40 ms'";
  await until('the slow one has run for a while', async () => (await opened.database.query(HELD_UP)).length === 1);
  const quick = await Promise.all(times(50, () => echo('on')));
  expect(new Set(quick.map(([row]) => row?.[1])).size).toBe(1);
  expect(await opened.database.query(HELD_UP)).not.toEqual([{ pid: Number(quick[0]?.[0]?.[1]) }]);
  await slow;
});

test('slow statements on all sessions: a quick one waits for its turn, and gets it', async () => {
  await makeKnown(() => echo(''));
  const slow = times(8, () => reader.query({ text: 'SELECT pg_sleep(0.4)', values: [] }));
  expect(await timed(() => echo('quick'))).toBeLessThan(1_500);
  await Promise.all(slow);
});

test('no more wait than may: whoever comes then is refused at once, and comes in when there is room again', async () => {
  const narrow = new ReaderPool(opened.connection, { statementTimeoutMs: 10_000, size: 1, maxWaiting: 3 });
  const sleep = async (seconds: number) => await narrow.query({ text: 'SELECT pg_sleep($1::float8)', values: [seconds] });
  try {
    await sleep(0);
    const running = sleep(1);
    const waiting = times(3, () => sleep(0));
    expect(narrow.isFull).toBe(true);
    await expect(sleep(0)).rejects.toMatchObject({ code: 'UNAVAILABLE', details: { reason: 'overload', retryAfter: 1 } });
    // It did not wait for any of these.
    expect(narrow.isFull).toBe(true);
    await Promise.all([running, ...waiting]);
    expect(narrow.isFull).toBe(false);
    await sleep(0);
  } finally {
    await narrow.close();
  }
});

test('whoever would wait until their time is over is refused at once, however few wait', async () => {
  const pool = sharedPool({ ...opened.connection, max: 1 });
  const sessions = new Sessions(pool, { size: 1, alone: 1, shared: 1, deadMs: 10_000, waitMs: 1_000, idleMs: 60_000, maxStatements: 10, maxWaiting: 1_000 });
  const sleep = async (seconds: number) => await sessions.run({ text: 'SELECT pg_sleep($1::float8)', values: [seconds] });
  try {
    const running = sleep(1.5);
    const waiting = sleep(0).catch((error: unknown) => error);
    expect(sessions.isFull).toBe(false);
    await until('the first has waited for half of its time', () => sessions.isFull);
    await expect(sleep(0)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await running;
    expect(String(await waiting)).toMatch(/timeout/);
    expect(sessions.isFull).toBe(false);
  } finally {
    sessions.close();
    await pool.end();
  }
});

test('quick statements without end let a slow one in, even where there is one session for all', async () => {
  const narrow = new ReaderPool(opened.connection, { statementTimeoutMs: 5_000, size: 1 });
  const ask = async () => await narrow.query({ ...ECHO, values: ['x'] });
  await makeKnown(ask);
  let isDone = false;
  const busy = times(8, async () => {
    while (!isDone) await ask();
  });
  await narrow.query({ text: 'SELECT pg_sleep(0.05)', values: [] });
  isDone = true;
  await Promise.all(busy);
  await narrow.close();
});

test('when the backend is killed under many statements, all are answered', async () => {
  await makeKnown(() => nap(0));
  const [[, pid] = []] = await echo('');
  const slow = nap(0.5);
  const behind = times(10, (i) => echo(`behind ${i}`));
  await until(
    'the slow one runs',
    async () => (await opened.database.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep($1%' AND state = 'active'")).length === 1,
  );
  await opened.database.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IS NOT NULL AND pid <> pg_backend_pid() AND datname = current_database() AND query LIKE '%pg_sleep($1%'",
  );
  expect((await Promise.all(behind)).map(([row]) => row?.[0])).toEqual(times(10, (i) => `behind ${i}`));
  expect(await slow).toEqual([['']]);
  expect(pid).toBeDefined();
});

test('a session that lost its prepared statements prepares them again', async () => {
  await makeKnown(() => echo(''));
  for (let i = 0; i < 6; i++) await reader.query({ text: 'DEALLOCATE ALL', values: [] });
  const answers = await Promise.all(times(20, (i) => echo(`${i}`)));
  expect(answers.map(([row]) => row?.[0])).toEqual(times(20, String));
});

test('a statement that fails when it is first run is prepared all the same, and runs with other values', async () => {
  await expect(reader.query({ ...DIVIDE, values: [0] })).rejects.toMatchObject({ code: '22012' });
  for (let i = 0; i < 5; i++) expect(await reader.query({ ...DIVIDE, values: [2] })).toEqual([['5']]);
});

test('texts and bytes come as they are kept when they are asked for so', async () => {
  const text = 'SELECT $1::text, textsend($1::text), NULL::text';
  const word = 'ä "quoted" \\ 漢字 \u{1F600}\n';
  expect(await reader.query({ text, values: [word], asKept: true })).toEqual([[word, word, null]]);
});

describe('a bad way to the database', () => {
  let relay: Relay;
  let far: ReaderPool;
  const farEcho = async (word: string) => await far.query<[string, string]>({ ...ECHO, values: [word] });

  beforeEach(async () => {
    relay = await Relay.to(opened.connection);
    far = new ReaderPool(relay.connection, { statementTimeoutMs: 400, graceMs: 300, size: 4, alone: 4, shared: 1 });
  });
  afterEach(async () => {
    await far.close();
    relay.close();
  });

  test('sessions that say nothing any more are given up, and their reads are answered by others', async () => {
    await makeKnown(() => farEcho(''));
    relay.silence();
    const words = times(10, (i) => `word ${i}`);
    const [first] = await Promise.all([Promise.all(words.map(farEcho)), farEcho('one more')]);
    expect(first.map(([row]) => row?.[0])).toEqual(words);
  });

  test('while one session works, others that can not be opened refuse nobody', async () => {
    await farEcho('');
    relay.isClosed = true;
    const words = times(5, (i) => `word ${i}`);
    const slow = far.query({ text: 'SELECT pg_sleep(0.3)', values: [] });
    const unknown = await Promise.all(words.map(async (word) => await far.query<[string]>({ text: `SELECT $1::text`, values: [word] })));
    expect(unknown.map(([row]) => row?.[0])).toEqual(words);
    await slow;
  });

  test('one statement that needs a session opens one, however many end meanwhile', async () => {
    await makeKnown(() => farEcho(''));
    relay.delayMs = 150;
    const before = relay.opened;
    let isDone = false;
    const quick = times(4, async () => {
      while (!isDone) await farEcho('x');
    });
    await far.query({ text: "SELECT 'unknown'", values: [] });
    isDone = true;
    await Promise.all(quick);
    expect(relay.opened - before).toBeLessThanOrEqual(1);
  });
});
