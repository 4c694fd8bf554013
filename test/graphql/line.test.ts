import { expect, test } from 'vitest';
import { Line, type Transport } from '../../src/graphql/subscriptions/line.js';
import { SharedReads } from '../../src/graphql/subscriptions/shared-reads.js';
import type { PreparedRead } from '../../src/graphql/dataplane/prepared-read.js';
import { ANONYMOUS } from '../../src/identity/index.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

function line(): Line<string> {
  const transport: Transport = { principal: ANONYMOUS, holder: 'address', send: async () => undefined, holds: () => true };
  return new Line(transport);
}

test('while an event is on its way, all that wakes a subscription is one more event', async () => {
  const delivered: string[] = [];
  const onTheirWay: (() => void)[] = [];
  const deliver = (subscription: string) => {
    delivered.push(subscription);
    return new Promise<void>((resolve) => onTheirWay.push(resolve));
  };
  const slow = line();
  slow.wake('a', deliver);
  for (let i = 0; i < 100; i++) slow.wake('b', deliver);
  await turn();
  expect(delivered).toEqual(['a']);
  for (let i = 0; i < 100; i++) slow.wake('a', deliver);
  onTheirWay.shift()?.();
  await turn();
  onTheirWay.shift()?.();
  await turn();
  onTheirWay.shift()?.();
  await turn();
  expect(delivered).toEqual(['a', 'b', 'a']);
  expect(onTheirWay).toEqual([]);
  slow.wake('a', deliver);
  expect(delivered).toEqual(['a', 'b', 'a', 'a']);
});

test('who waits for the same read shares it; other values and other plans are read for themselves, a few at a time', async () => {
  const [plan, other] = [{} as PreparedRead, {} as PreparedRead];
  const reads = new SharedReads<string>();
  const running: { readonly name: string; readonly finish: (answer: string) => void }[] = [];
  const run = (name: string) => () => new Promise<string>((finish) => running.push({ name, finish }));
  const thousand = Array.from({ length: 1000 }, () => reads.get(plan, ['1', '2', null], 'ada', run('same')));
  const [apart, elsewhere] = [reads.get(plan, ['1', '2', 'DE'], 'bob', run('other values')), reads.get(other, ['1', '2', null], 'cleo', run('other plan'))];
  const more = Array.from({ length: 10 }, (_, i) => reads.get(plan, [i], `reader ${i}`, run(`more ${i}`)));
  await turn();
  expect(running.map(({ name }) => name)).toEqual(['same', 'other values', 'other plan', 'more 0']);
  running[0]?.finish('told');
  expect(new Set(await Promise.all(thousand))).toEqual(new Set(['told']));
  await turn();
  expect(running).toHaveLength(5);
  for (let done = 1; done < 13; done++) {
    running[done]?.finish(`answer ${done}`);
    await turn();
  }
  expect([await apart, await elsewhere, (await Promise.all(more)).length]).toEqual(['answer 1', 'answer 2', 10]);
  // Nothing is kept: the next one reads anew.
  const again = reads.get(plan, ['1', '2', null], 'ada', run('again'));
  await turn();
  expect(running.at(-1)?.name).toBe('again');
  running.at(-1)?.finish('new');
  expect(await again).toBe('new');
});

test('a read that fails is told to all who waited, and leaves its place', async () => {
  const plan = {} as PreparedRead;
  const reads = new SharedReads<string>();
  const failing = Array.from({ length: 20 }, (_, i) => reads.get(plan, [i % 10], 'ada', () => Promise.reject(new Error(`no ${i}`))));
  expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 'rejected'));
  expect(await reads.get(plan, [0], 'ada', async () => 'now')).toBe('now');
});

test('one principal has two of the four at a time, and who comes later does not wait for the rest of theirs', async () => {
  const reads = new SharedReads<string>();
  const running: { readonly name: string; readonly finish: (answer: string) => void }[] = [];
  const ask = (holder: string, i: number) =>
    reads.get({} as PreparedRead, [i], holder, () => new Promise<string>((finish) => running.push({ name: `${holder} ${i}`, finish })));
  const all = [...Array.from({ length: 5 }, (_, i) => ask('ada', i)), ask('bob', 0), ask('bob', 1), ask('bob', 2)];
  await turn();
  expect(running.map(({ name }) => name)).toEqual(['ada 0', 'ada 1', 'bob 0', 'bob 1']);
  running[3]?.finish('done');
  await turn();
  // Ada waits longer, and has hers.
  expect(running.slice(4).map(({ name }) => name)).toEqual(['bob 2']);
  for (let i = 0; i < 8; i++) {
    running[i]?.finish('done');
    await turn();
  }
  expect((await Promise.all(all)).length).toBe(8);
});

test('a read of the moment is shared until it begins, and by nobody who asks after that', async () => {
  const reads = new SharedReads<string>();
  const plan = { usesTime: true } as PreparedRead;
  const running: { readonly name: string; readonly finish: (answer: string) => void }[] = [];
  const ask = (name: string, holder = 'ada') => reads.get(plan, ['1', '2'], holder, () => new Promise<string>((finish) => running.push({ name, finish })));
  const begun = [ask('first'), ask('second')];
  await turn();
  // Two of one principal are under way, so these wait: for one read, that has yet to begin.
  const waiting = [ask('third'), ask('fourth'), ask('fifth')];
  await turn();
  expect(running.map(({ name }) => name)).toEqual(['first', 'second']);
  running[0]?.finish('before');
  await turn();
  expect(running.map(({ name }) => name)).toEqual(['first', 'second', 'third']);
  // It has begun: who asks now may not have what it saw.
  const late = [ask('late', 'bob'), ask('later', 'cleo')];
  await turn();
  expect(running.map(({ name }) => name)).toEqual(['first', 'second', 'third', 'late', 'later']);
  running.slice(1).forEach(({ name, finish }) => finish(name));
  expect(await Promise.all([...begun, ...waiting, ...late])).toEqual(['before', 'second', 'third', 'third', 'third', 'late', 'later']);
});
