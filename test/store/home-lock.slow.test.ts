import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HomeLock } from '../../src/store/index.js';
import { Child } from '../support/child.js';

interface Outcome {
  readonly pid: number;
  readonly held: boolean;
  readonly code?: string;
  readonly message?: string;
}

let home: string;
const children: Child[] = [];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'headgate-lock-'));
});

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.end('SIGKILL')));
  await rm(home, { recursive: true, force: true });
});

const contend = (): Child => {
  const child = new Child(join(import.meta.dirname, 'hold-lock.ts'), [home]);
  children.push(child);
  return child;
};

test('a second process is refused with the number of the first', async () => {
  const first = await contend().answer<Outcome>();
  const second = await contend().answer<Outcome>();
  expect(first.held).toBe(true);
  expect(second).toMatchObject({ held: false, code: 'CONFLICT' });
  expect(second.message).toContain(`in use by process ${first.pid}`);
  expect(await HomeLock.holder(home)).toBe(first.pid);
  await expect(HomeLock.acquire(home)).rejects.toMatchObject({ code: 'CONFLICT', details: { home, pid: first.pid } });
});

test('released, it is free, and nothing of it stays', async () => {
  const lock = await HomeLock.acquire(home);
  expect((await stat(join(home, 'headgate.lock'))).mode & 0o777).toBe(0o600);
  await lock.release();
  expect(await HomeLock.holder(home)).toBeUndefined();
  expect(await readdir(home)).toEqual([]);
});

test('the lock of a killed process is taken over', async () => {
  const owner = contend();
  await owner.answer();
  await owner.end('SIGKILL');
  const lock = await HomeLock.acquire(home);
  expect(await HomeLock.holder(home)).toBe(process.pid);
  await lock.release();
});

test('a later process with the same number does not count as the owner', async () => {
  // Our own number, born at another time: as after a restart of the container.
  await writeFile(join(home, 'headgate.lock'), JSON.stringify({ pid: process.pid, born: '1' }));
  expect(await HomeLock.holder(home)).toBeUndefined();
  await (await HomeLock.acquire(home)).release();
});

test.each(['', '{"pid":', '{}', 'null', '[]'])("a damaged lock (%s) is nobody's", async (text) => {
  await writeFile(join(home, 'headgate.lock'), text);
  await (await HomeLock.acquire(home)).release();
  expect(await readdir(home)).toEqual([]);
});

test('of several that find the lock of a killed process at once, exactly one gets it', async () => {
  const owner = contend();
  await owner.answer();
  await owner.end('SIGKILL');
  const outcomes = await Promise.all(Array.from({ length: 6 }, () => contend().answer<Outcome>()));
  const [winner, ...others] = outcomes.toSorted((a, b) => Number(b.held) - Number(a.held));
  expect(winner?.held).toBe(true);
  for (const other of others) {
    expect(other).toMatchObject({ held: false, code: 'CONFLICT' });
    expect(other.message).toContain(`in use by process ${winner?.pid}`);
  }
});

test('a claim on the lock that was left by a killed process does not block the next', async () => {
  const dead = JSON.stringify({ pid: process.pid, born: '1' });
  await writeFile(join(home, 'headgate.lock'), dead);
  await writeFile(join(home, 'headgate.lock.takeover'), dead);
  await (await HomeLock.acquire(home)).release();
  expect(await readdir(home)).toEqual([]);
});

test('a data directory that can not be made is named', async () => {
  await writeFile(join(home, 'file'), '');
  await expect(HomeLock.acquire(join(home, 'file', 'inside'))).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/file\/inside can't be used: .*Set HEADGATE_HOME/),
  });
});
