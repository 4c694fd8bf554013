import { randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { KeyRing, type Transaction } from '../../src/store/index.js';
import { until } from '../support/processes.js';
import { ADMIN, KeyWorld } from './support.js';

let world: KeyWorld;
let elsewhere: string;
const [first, second, third] = [randomBytes(32), randomBytes(32), randomBytes(32)];
const idOf = (key: Buffer): string => new KeyRing(key).keyId;
const rowsOf = async () => world.database.query<{ key_id: string }>('SELECT * FROM headgate.master_key ORDER BY activated_at');

beforeAll(async () => {
  world = await KeyWorld.open();
  elsewhere = await mkdtemp(join(tmpdir(), 'headgate-elsewhere-'));
});

afterEach(() => world.clear());

afterAll(async () => {
  await world.close();
  await rm(elsewhere, { recursive: true, force: true });
});

test('the first start makes the first key the active one, and nothing of a key is in the database', async () => {
  const processes = await Promise.all([1, 2, 3].map(() => world.process({ keys: [first, second] })));
  expect(processes.map(({ keyRing }) => keyRing.keyId)).toEqual([idOf(first), idOf(first), idOf(first)]);
  const rows = await rowsOf();
  expect(rows).toMatchObject([{ key_id: idOf(first), activated_by: 'headgate', replaced_at: null, retired_at: null }]);
  for (const secret of [first.toString('base64'), first.toString('hex'), new KeyRing(first).derive('audit').toString('hex')]) {
    expect(JSON.stringify(rows)).not.toContain(secret.slice(0, 20));
  }
});

test('a process that does not hold the active key does not start, and is told how to mend it', async () => {
  await world.process({ keys: [first] });
  await expect(world.process({ keys: [second] })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringMatching(new RegExp(`${idOf(first)}.*HEADGATE_MASTER_KEY.*${idOf(second)}.*Add the key`)),
  });
  await expect(world.process({ home: elsewhere })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining(join(elsewhere, 'master.key')),
  });
});

test('a rotation in a file makes a key there, and all processes of the home change to it; it is on the record', async () => {
  const one = await world.process();
  const two = await world.process();
  const old = one.keyRing.keyId;
  const sealed = one.keyRing.wrap('things', 'a', Buffer.from('secret'));
  const { from, to } = await one.keeper.rotate(ADMIN);
  expect(from).toMatchObject({ id: old, state: 'REPLACED', held: true });
  expect(to).toMatchObject({ state: 'ACTIVE', held: true, replacedAt: null });
  expect(one.keyRing.keyId).toBe(to.id);
  // By notification: nobody polls here.
  await until('the other process has heard', () => two.keyRing.keyId === to.id, 2_000);
  expect(two.keyRing.unwrap('things', 'a', sealed)).toEqual(Buffer.from('secret'));
  expect((await readFile(join(world.home, 'master.key'), 'utf8')).trim().split('\n')).toHaveLength(2);
  expect(await world.entries()).toEqual([{ action: 'keys.rotate', decision: 'ALLOWED', principal: 'ada', details: { from: old, to: to.id } }]);
  expect((await world.process()).keyRing.keyId).toBe(to.id);
});

test('a process that no notification reaches hears by looking', async () => {
  const one = await world.process({ keys: [first, second] });
  const deaf = await world.process({ keys: [first, second], pollMs: 100 });
  await world.database.query('ALTER TABLE headgate.master_key DISABLE TRIGGER master_key_change');
  try {
    await one.keeper.rotate(ADMIN);
    await until('it has looked', () => deaf.keyRing.keyId === idOf(second), 2_000);
  } finally {
    await world.database.query('ALTER TABLE headgate.master_key ENABLE TRIGGER master_key_change');
  }
});

test('a rotation of keys in the environment takes the newest that was never active, and there must be one', async () => {
  const one = await world.process({ keys: [first, second, third] });
  expect((await one.keeper.list()).map(({ id, state }) => [id, state])).toEqual([
    [idOf(first), 'ACTIVE'],
    [idOf(second), 'PENDING'],
    [idOf(third), 'PENDING'],
  ]);
  expect((await one.keeper.rotate(ADMIN)).to.id).toBe(idOf(third));
  expect((await one.keeper.rotate(ADMIN)).to.id).toBe(idOf(second));
  await expect(one.keeper.rotate(ADMIN)).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('openssl rand -base64 32') });
  expect(one.keyRing.keyId).toBe(idOf(second));
  expect((await world.entries()).map(({ decision, details }) => [decision, details])).toEqual([
    ['ALLOWED', { from: idOf(first), to: idOf(third) }],
    ['ALLOWED', { from: idOf(third), to: idOf(second) }],
    ['FAILED', { code: 'CONFLICT' }],
  ]);
});

test('a rotation leaves no process behind: while one does not hold the key, nothing changes', async () => {
  const one = await world.process({ keys: [first, second] });
  const old = await world.process({ keys: [first] });
  await expect(one.keeper.rotate(ADMIN)).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringMatching(/^1 of 2 processes .*Nothing was changed/),
    details: { keyId: idOf(second), processes: 2, without: 1 },
  });
  expect([one.keyRing.keyId, old.keyRing.keyId]).toEqual([idOf(first), idOf(first)]);
  await old.close();
  await until('it is gone', async () => (await one.keeper.rotate(ADMIN).catch(() => undefined)) !== undefined);
  expect(one.keyRing.keyId).toBe(idOf(second));
});

test('a cut connection of a process does not hide what it holds', async () => {
  const one = await world.process({ keys: [first, second] });
  await world.process({ keys: [first] });
  const holders = async (): Promise<number[]> => {
    const rows = await world.database.query<{ pid: number }>(
      "SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database WHERE datname = current_database() AND locktype = 'advisory' AND objsubid = 2",
    );
    return rows.map(({ pid }) => pid);
  };
  const before = await holders();
  // One key and itself, two keys and itself.
  expect(before).toHaveLength(5);
  await world.database.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [[...new Set(before)]]);
  await until('both have connected again', async () => {
    const now = await holders();
    return now.length === 5 && now.every((pid) => !before.includes(pid));
  });
  await expect(one.keeper.rotate(ADMIN)).rejects.toMatchObject({ details: { processes: 2, without: 1 } });
});

test('rotations at one time come one after the other', async () => {
  const one = await world.process();
  const two = await world.process();
  const made = await Promise.all([one, two, one, two].map(({ keeper }) => keeper.rotate(ADMIN)));
  expect(new Set(made.map(({ to }) => to.id)).size).toBe(4);
  const rows = await rowsOf();
  expect(rows).toHaveLength(5);
  expect(rows.filter((row) => (row as { replaced_at?: unknown }).replaced_at === null)).toHaveLength(1);
  expect((await readFile(join(world.home, 'master.key'), 'utf8')).trim().split('\n')).toHaveLength(5);
  await until('both know the last', () => [one, two].every(({ keyRing }) => keyRing.keyId === rows.at(-1)?.key_id));
});

test('a key that waits in the file, since a rotation was cut off, is the next one: no other is made', async () => {
  const one = await world.process();
  const waiting = await (await KeyRing.open(world.home)).add();
  expect((await one.keeper.rotate(ADMIN)).to.id).toBe(waiting.keyId);
  expect((await readFile(join(world.home, 'master.key'), 'utf8')).trim().split('\n')).toHaveLength(2);
});

test('a running process that loses the active key answers nothing with another, says so in its log, and goes on when it is back', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  const one = await world.process();
  await copyFile(join(world.home, 'master.key'), join(elsewhere, 'master.key'));
  const far = await world.process({ home: elsewhere, log });
  const old = one.keyRing.keyId;
  // As a rotation does that this process could not be seen by.
  const key = await one.keyRing.add();
  await world.database.transaction(async (tx: Transaction) => {
    await tx.query("UPDATE headgate.master_key SET replaced_at = now(), endorsed_by = $1, endorsement = 'x'", [key.keyId]);
    await tx.query("INSERT INTO headgate.master_key (key_id, activated_by, audit_public_key) VALUES ($1, 'test', 'x')", [key.keyId]);
  });
  await until('it has heard', () => far.keyRing.activeIfHeld === undefined, 2_000);
  expect(() => far.keyRing.derive('mask/x')).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }));
  await expect(far.keeper.rotate(ADMIN)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(lines.filter((line) => line.includes(key.keyId) && line.includes('answers no reads'))).toHaveLength(1);
  expect(lines.join('\n')).not.toContain((await readFile(join(world.home, 'master.key'), 'utf8')).trim().split('\n')[1]);
  expect(old).not.toBe(key.keyId);
  await copyFile(join(world.home, 'master.key'), join(elsewhere, 'master.key'));
  await far.masterKeys.refresh();
  expect(far.keyRing.keyId).toBe(key.keyId);
  expect(lines.at(-1)).toContain('is here again');
});

test('a key is retired when nothing depends on it, and goes from the file; twice is once', async () => {
  const one = await world.process();
  const two = await world.process();
  const old = one.keyRing.keyId;
  await expect(one.keeper.retire(old, ADMIN)).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('is the active master key') });
  await expect(one.keeper.retire('0123456789abcdef', ADMIN)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const { to } = await one.keeper.rotate(ADMIN);
  await expect(one.keeper.retire(old, ADMIN)).rejects.toMatchObject({ code: 'CONFLICT', details: { retryAfter: expect.any(Number) } });
  await world.waitLong();
  expect(await one.keeper.retire(old, ADMIN)).toMatchObject({ id: old, state: 'RETIRED' });
  expect(await one.keeper.retire(old, ADMIN)).toMatchObject({ id: old, state: 'RETIRED', held: false });
  await until('no process has it', () => [one, two].every(({ keyRing }) => keyRing.keys.length === 1));
  await until('nor the file', async () => (await KeyRing.open(world.home)).held.length === 1);
  expect((await KeyRing.open(world.home)).keyId).toBe(to.id);
  expect((await world.entries()).map(({ action, decision, details }) => [action, decision, details])).toEqual([
    ['keys.retire', 'FAILED', { key: old, code: 'CONFLICT' }],
    ['keys.retire', 'FAILED', { key: '0123456789abcdef', code: 'NOT_FOUND' }],
    ['keys.rotate', 'ALLOWED', { from: old, to: to.id }],
    ['keys.retire', 'FAILED', { key: old, code: 'CONFLICT' }],
    ['keys.retire', 'ALLOWED', { key: old }],
  ]);
});

test('a key is not retired while a transaction of before its replacement is open, which may have written with it', async () => {
  const one = await world.process();
  const old = one.keyRing.keyId;
  await world.database.query('CREATE TABLE IF NOT EXISTS work.long (at int)');
  await world.database.transaction(async (tx) => {
    await tx.query('INSERT INTO work.long VALUES (1)');
    await one.keeper.rotate(ADMIN);
    // Of before, however long ago that is.
    await world.database.query("UPDATE headgate.master_key SET replaced_at = now() - interval '6 seconds' WHERE replaced_at IS NOT NULL");
    await world.database.query('SELECT pg_sleep(0)');
    const [age] = await tx.query<{ start: Date }>('SELECT xact_start AS start FROM pg_stat_activity WHERE pid = pg_backend_pid()');
    await world.database.query("UPDATE headgate.master_key SET replaced_at = $1::timestamptz - interval '4 seconds' WHERE replaced_at IS NOT NULL", [
      age?.start,
    ]);
    await until('the first seconds are over', async () => {
      const refusal = await one.keeper.retire(old, ADMIN).catch((error: { details: object }) => error.details);
      return 'transactions' in refusal;
    });
  });
  expect(await one.keeper.retire(old, ADMIN)).toMatchObject({ state: 'RETIRED' });
});

test('damaged lines in the file stop no running process', async () => {
  const one = await world.process();
  const id = one.keyRing.keyId;
  const good = await readFile(join(world.home, 'master.key'), 'utf8');
  await writeFile(join(world.home, 'master.key'), `${good}broken\n`);
  await expect(one.keeper.rotate(ADMIN)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(one.keyRing.keyId).toBe(id);
  await writeFile(join(world.home, 'master.key'), good);
  await one.keeper.rotate(ADMIN);
  expect(one.keyRing.keyId).not.toBe(id);
});
