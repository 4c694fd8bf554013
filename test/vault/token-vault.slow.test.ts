import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KeyRing } from '../../src/store/index.js';
import { forgetTokens, TokenVault } from '../../src/vault/index.js';
import { House } from '../support/house.js';

let house: House;
let datasetId: string;
const vault = new TokenVault(new KeyRing(Buffer.alloc(32, 7)));

const tokenOf = (n: number): string => `tok_${n.toString(16).padStart(32, '0')}`;
const entry = (n: number, value = `value ${n}`, scope = 'people.email') => ({ token: tokenOf(n), scope, value });

beforeAll(async () => {
  house = await House.open();
  await house.apply('kind: Dataset\nname: people\nfields: [{ name: email, type: text }, { name: phone, type: text }]\n');
  const [found] = await house.database.query<{ id: string }>("SELECT id FROM headgate.dataset WHERE name = 'people'");
  datasetId = found?.id ?? '';
});
afterAll(() => house?.close());

const recall = (field: string, tokens: readonly string[], scopes = ['people.email'], from = vault) =>
  from.recall(house.database, { datasetId, field }, tokens, scopes);

test('what is remembered is recalled for its field and scope, and no other', async () => {
  await vault.remember(house.database, { datasetId, field: 'email' }, [entry(1), entry(2, 'grüße 😀')]);
  expect((await recall('email', [tokenOf(1), tokenOf(2), tokenOf(3)])).toSorted((a, b) => (a.token < b.token ? -1 : 1))).toEqual([
    entry(1),
    entry(2, 'grüße 😀'),
  ]);
  expect(await recall('phone', [tokenOf(1)])).toEqual([]);
  expect(await recall('email', [tokenOf(1)], ['another'])).toEqual([]);
  expect(await vault.recall(house.database, { datasetId: randomUUID(), field: 'email' }, [tokenOf(1)], ['people.email'])).toEqual([]);
  // The same again is no error, and the newer one stays.
  await vault.remember(house.database, { datasetId, field: 'email' }, [entry(1, 'newer')]);
  expect(await recall('email', [tokenOf(1)])).toEqual([entry(1, 'newer')]);
});

test('values are encrypted, and an entry that is moved to another token or read with another key is none', async () => {
  await vault.remember(house.database, { datasetId, field: 'email' }, [entry(10, 'canary-at-rest'), entry(11)]);
  const rows = await house.database.query<{ all: string; value: Buffer }>('SELECT t::text AS "all", value FROM headgate.token_vault AS t');
  for (const row of rows) {
    expect(row.all).not.toContain(Buffer.from('canary').toString('hex'));
    expect(row.value.includes('canary')).toBe(false);
  }
  await house.database.query('UPDATE headgate.token_vault SET value = (SELECT value FROM headgate.token_vault WHERE token = $1) WHERE token = $2', [
    Buffer.from(tokenOf(10).slice(4), 'hex'),
    Buffer.from(tokenOf(11).slice(4), 'hex'),
  ]);
  expect(await recall('email', [tokenOf(10), tokenOf(11)])).toEqual([entry(10, 'canary-at-rest')]);
  expect(await recall('email', [tokenOf(10)], undefined, new TokenVault(new KeyRing(Buffer.alloc(32, 8))))).toEqual([]);
});

test('a long value is not kept', async () => {
  await vault.remember(house.database, { datasetId, field: 'email' }, [entry(20, 'x'.repeat(5_000))]);
  expect(await recall('email', [tokenOf(20)])).toEqual([]);
});

test('entries are forgotten by token, by field, and with the dataset', async () => {
  await vault.remember(house.database, { datasetId, field: 'email' }, [entry(30), entry(31)]);
  await vault.remember(house.database, { datasetId, field: 'phone' }, [entry(30)]);
  expect(await forgetTokens(house.database, datasetId, { field: 'email', tokens: [tokenOf(30), tokenOf(99)] })).toBe(1);
  expect(await recall('email', [tokenOf(30), tokenOf(31)])).toEqual([entry(31)]);
  expect(await recall('phone', [tokenOf(30)])).toEqual([entry(30)]);
  expect(await forgetTokens(house.database, datasetId, { field: 'phone' })).toBe(1);
  expect(await forgetTokens(house.database, datasetId)).toBeGreaterThan(0);
  expect(await house.database.query('SELECT 1 FROM headgate.token_vault')).toEqual([]);
});

test.each(['headgate_reader', 'headgate_pipeline'])('%s can not read it', async (role) => {
  const client = new pg.Client(house.where);
  await client.connect();
  try {
    await client.query(`SET ROLE ${role}`);
    await expect(client.query('SELECT 1 FROM headgate.token_vault')).rejects.toMatchObject({ code: '42501' });
  } finally {
    await client.end();
  }
});

test('what is remembered goes with its dataset', async () => {
  await vault.remember(house.database, { datasetId, field: 'email' }, [entry(40)]);
  await house.apply('kind: Dataset\nname: people\nstate: absent\n');
  expect(await house.database.query('SELECT 1 FROM headgate.token_vault')).toEqual([]);
});
