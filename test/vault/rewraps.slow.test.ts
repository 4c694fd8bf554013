import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { KeyRing, wrappedBy } from '../../src/store/index.js';
import type { Rewrapper } from '../../src/vault/index.js';
import { until } from '../support/processes.js';
import { secrets, SECRETS_TABLE } from './secrets.js';
import { ADMIN, KeyWorld, type KeyProcess } from './support.js';

let world: KeyWorld;
const [first, second] = [randomBytes(32), randomBytes(32)];
const idOf = (key: Buffer): string => new KeyRing(key).keyId;

beforeAll(async () => {
  world = await KeyWorld.open();
  await world.database.query(SECRETS_TABLE);
});

afterEach(async () => {
  await world.clear();
  await world.database.query('TRUNCATE work.secret');
});

afterAll(() => world.close());

async function keep({ keyRing }: KeyProcess, count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, i) => `id-${i}`);
  await world.database.query('INSERT INTO work.secret SELECT * FROM unnest($1::text[], $2::bytea[])', [
    ids,
    ids.map((id) => keyRing.wrap('test', id, Buffer.from(`secret of ${id}`))),
  ]);
}

async function kept({ keyRing }: KeyProcess): Promise<{ keyId: string; secret: string | undefined }[]> {
  const rows = await world.database.query<{ id: string; wrapped: Buffer }>('SELECT id, wrapped FROM work.secret ORDER BY id');
  return rows.map(({ id, wrapped }) => ({
    keyId: wrappedBy(wrapped),
    secret: keyRing.unwrap('test', id, wrapped)?.toString().replace(`secret of ${id}`, 'right'),
  }));
}

const onlyWith = async (process: KeyProcess, keyId: string): Promise<boolean> =>
  (await kept(process)).every((one) => one.keyId === keyId && one.secret === 'right');

test('after a rotation what was wrapped is wrapped with the new key, in batches, and stays readable all the while', async () => {
  const one = await world.process({ keys: [first, second], rewrappers: [secrets] });
  await world.process({ keys: [first, second], rewrappers: [secrets] });
  await keep(one, 601);
  const { from } = await one.keeper.rotate(ADMIN);
  expect(from.dependents.every(({ name, count }) => name === secrets.name && count <= 601)).toBe(true);
  await until('all are wrapped again', async () => {
    expect((await kept(one)).every(({ secret }) => secret === 'right')).toBe(true);
    return onlyWith(one, idOf(second));
  });
  expect((await one.keeper.list()).map(({ state, dependents }) => [state, dependents])).toEqual([
    ['REPLACED', []],
    ['ACTIVE', [{ name: secrets.name, count: 601 }]],
  ]);
});

test('a process that starts goes on with what another left', async () => {
  const one = await world.process({ keys: [first, second] });
  await keep(one, 20);
  await one.keeper.rotate(ADMIN);
  expect(await onlyWith(one, idOf(first))).toBe(true);
  await world.process({ keys: [first, second], rewrappers: [secrets] });
  await until('all are wrapped again', () => onlyWith(one, idOf(second)));
});

test('a key is not retired while something that can not be wrapped again depends on it', async () => {
  const one = await world.process({ keys: [first, second], rewrappers: [secrets] });
  await keep(one, 3);
  await world.database.query("UPDATE work.secret SET wrapped = wrapped || '\\x00' WHERE id = 'id-1'");
  await one.keeper.rotate(ADMIN);
  await world.waitLong();
  await expect(one.keeper.retire(idOf(first), ADMIN)).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining('1 secrets of the test are still wrapped'),
    details: { dependents: [{ name: secrets.name, count: 1 }] },
  });
  expect((await kept(one)).map(({ keyId }) => keyId)).toEqual([idOf(second), idOf(first), idOf(second)]);
  await world.database.query("DELETE FROM work.secret WHERE id = 'id-1'");
  expect(await one.keeper.retire(idOf(first), ADMIN)).toMatchObject({ state: 'RETIRED' });
});

test('retiring does itself what is left to do', async () => {
  const lazy: Rewrapper = { ...secrets };
  const one = await world.process({ keys: [first, second] });
  await keep(one, 700);
  await one.keeper.rotate(ADMIN);
  await world.waitLong();
  const two = await world.process({ keys: [first, second], rewrappers: [lazy] });
  expect(await two.keeper.retire(idOf(first), ADMIN)).toMatchObject({ state: 'RETIRED', dependents: [] });
  expect(await onlyWith(two, idOf(second))).toBe(true);
});

test('a failure is tried again', async () => {
  let failures = 2;
  const moody: Rewrapper = {
    ...secrets,
    rewrap: async (tx, batch) => {
      if (failures-- > 0) throw new Error('not now');
      return secrets.rewrap(tx, batch);
    },
  };
  const one = await world.process({ keys: [first, second], rewrappers: [moody] });
  await keep(one, 5);
  await one.keeper.rotate(ADMIN);
  await world.waitLong();
  await until('it worked in the end', async () => (await one.keeper.retire(idOf(first), ADMIN).catch(() => undefined)) !== undefined);
  expect(await onlyWith(one, idOf(second))).toBe(true);
});
