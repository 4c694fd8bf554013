import { afterEach, expect, test, vi } from 'vitest';
import { KnownPartitions } from '../../src/ingestion/collectors/streams/known-partitions.js';
import { until } from '../support/processes.js';

afterEach(() => vi.restoreAllMocks());

/** Later by so long. */
function later(ms: number): void {
  const now = performance.now();
  vi.spyOn(performance, 'now').mockReturnValue(now + ms);
}

/** What was asked, and is answered with what is next. */
function asked(...answers: readonly (readonly string[] | Error)[]) {
  const left = [...answers];
  return vi.fn<() => Promise<readonly string[]>>(async () => {
    const next = left.shift();
    if (next === undefined || next instanceof Error) throw next ?? new Error('asked once more');
    return next;
  });
}

test('partitions are asked for once, and again when they may have become more', async () => {
  const known = new KnownPartitions();
  const ask = asked(['0'], ['0', '1']);
  for (let again = 0; again < 3; again += 1) expect(await known.of('c', 'topic', ask)).toEqual(['0']);
  expect(ask).toHaveBeenCalledTimes(1);
  later(16_000);
  // Nobody waits for it.
  expect(await known.of('c', 'topic', ask)).toEqual(['0']);
  await until('they are known', async () => (await known.of('c', 'topic', ask)).length === 2);
  expect(ask).toHaveBeenCalledTimes(2);
});

test('those of another document are asked for anew, and those that were known outlast a failure', async () => {
  const known = new KnownPartitions();
  expect(await known.of('c', 'one topic', asked(['0']))).toEqual(['0']);
  const ask = asked(['0', '1', '2'], new Error('away'));
  expect(await known.of('c', 'another topic', ask)).toEqual(['0', '1', '2']);
  later(16_000);
  expect(await known.of('c', 'another topic', ask)).toEqual(['0', '1', '2']);
  await until('it was asked', () => ask.mock.calls.length === 2);
  expect(await known.of('c', 'another topic', ask)).toEqual(['0', '1', '2']);
});

test('a failure is told, and not asked for again at once; one that does not answer holds nobody up', async () => {
  const known = new KnownPartitions();
  const ask = asked(new Error('away'), ['0']);
  for (let again = 0; again < 2; again += 1) await expect(known.of('c', 'topic', ask)).rejects.toThrow('away');
  expect(ask).toHaveBeenCalledTimes(1);
  later(3_000);
  expect(await known.of('c', 'topic', ask)).toEqual(['0']);
  vi.restoreAllMocks();

  const answer = Promise.withResolvers<readonly string[]>();
  const began = Date.now();
  await expect(known.of('d', 'topic', () => answer.promise)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(Date.now() - began).toBeLessThan(5_000);
  answer.resolve(['7']);
  await until('it has answered', async () =>
    known
      .of('d', 'topic', asked())
      .then(([partition]) => partition === '7')
      .catch(() => false),
  );
});
