import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AuditFact } from '../../src/audit/index.js';
import { PRINCIPALS } from '../cases/principals.js';
import { openFixture } from '../cases/open-fixture.js';
import { exportOf, rowsOf, startExport } from '../support/exports.js';
import type { House } from '../support/house.js';
import { until } from '../support/processes.js';

let house: House;
const { agent, analyst } = PRINCIPALS;

beforeAll(async () => {
  house = await openFixture();
  await house.database.query(
    "INSERT INTO data.orders (id, status, placed_at) SELECT g, repeat('x', 200), '294276-12-31' FROM generate_series(1000, 30999) AS g",
  );
});
afterAll(() => house?.close());

const ONLY_LATE = JSON.stringify({ id: { gte: '1000' } });
const NONE = JSON.stringify({ id: { lt: '0' } });

function arrayBuffer(bytes: Buffer): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
}

test('a file without rows is one all the same', async () => {
  const of = (format: 'csv' | 'json' | 'ndjson' | 'parquet') => exportOf(house, agent, 'orders', { format, where: NONE, fields: 'id,placedAt' });
  expect((await of('csv')).text).toBe('id,placedAt\n');
  expect(JSON.parse((await of('json')).text)).toEqual([]);
  expect((await of('ndjson')).text).toBe('');
  const { bytes } = await of('parquet');
  expect(await parquetReadObjects({ file: arrayBuffer(bytes) })).toEqual([]);
  expect(parquetMetadata(arrayBuffer(bytes)).schema.map(({ name }) => name)).toEqual(['root', 'id', 'placedAt']);
});

test('a Parquet file has groups of bounded size, and types that readers know', async () => {
  const { bytes } = await exportOf(house, agent, 'orders', { format: 'parquet' });
  const { row_groups: groups, schema, num_rows: rows } = parquetMetadata(arrayBuffer(bytes));
  expect(rows).toBe(30_005n);
  expect(groups.length).toBeGreaterThan(2);
  for (const group of groups) expect(group.num_rows).toBeLessThan(20_000n);
  const types = Object.fromEntries(schema.slice(1).map(({ name, type, logical_type }) => [name, logical_type?.type ?? type]));
  expect(types).toMatchObject({
    id: 'INT64',
    status: 'STRING',
    amount: 'STRING',
    weight: 'DOUBLE',
    quantity: 'INT32',
    paid: 'BOOLEAN',
    shipDate: 'DATE',
    shipTime: 'TIME',
    placedAt: 'TIMESTAMP',
    tracking: 'UUID',
    details: 'JSON',
    labels: 'LIST',
  });
});

test('a moment that 64 bits do not hold is null in Parquet, and in no other format', async () => {
  const query = { where: JSON.stringify({ id: { eq: '1000' } }), fields: 'placedAt' };
  expect(rowsOf(await exportOf(house, agent, 'orders', query))).toEqual([{ placedAt: '294276-12-31T00:00:00+00:00' }]);
  const { bytes } = await exportOf(house, agent, 'orders', { ...query, format: 'parquet' });
  expect(await parquetReadObjects({ file: arrayBuffer(bytes) })).toEqual([{ placedAt: null }]);
});

test('without fields all are there of which a cell can be seen; the rest is left out', async () => {
  const [row] = rowsOf(await exportOf(house, analyst, 'customers'));
  expect(Object.keys(row ?? {})).toEqual(['id', 'email', 'phone', 'birthDate', 'country', 'tier', 'balance']);
});

test('the short form of an order is that of GraphQL', async () => {
  const query = { fields: 'id,tier' };
  const long = await exportOf(house, analyst, 'customers', { ...query, orderBy: '[{ "tier": "DESC" }, { "country": "ASC" }]' });
  expect((await exportOf(house, analyst, 'customers', { ...query, orderBy: '-tier, country' })).text).toBe(long.text);
});

test('the record tells of the beginning before a byte leaves, and of the end with rows and bytes', async () => {
  const facts: AuditFact[] = [];
  const { body } = await startExport(
    house,
    analyst,
    'orders',
    { where: JSON.stringify({ customer: { tier: { eq: 1 } } }), fields: 'id', format: 'csv' },
    facts,
  );
  const started = { actor: { subject: 'analyst' }, action: 'export', decision: 'ALLOWED', details: { state: 'started', format: 'csv' } };
  expect(facts).toHaveLength(2);
  expect(facts.find(({ dataset }) => dataset === 'orders')).toMatchObject({ ...started, fields: expect.arrayContaining(['id', 'customer_id']), masked: [] });
  expect(facts.find(({ dataset }) => dataset === 'customers')).toMatchObject({ ...started, fields: expect.arrayContaining(['tier']) });
  const bytes = Buffer.concat((await body.toArray()) as Buffer[]);
  expect(bytes.toString().trimEnd().split('\n')).toHaveLength(3);
  expect(facts).toHaveLength(3);
  expect(facts[2]).toMatchObject({ ...started, dataset: 'orders', rowCount: 2, details: { state: 'finished', bytes: bytes.length } });
  expect(new Set(facts.map(({ details }) => details?.['export'])).size).toBe(1);
});

test('a refusal is on the record with the field as the contract names it', async () => {
  const facts: AuditFact[] = [];
  await expect(exportOf(house, analyst, 'customers', { fields: 'id,name' }, facts)).rejects.toMatchObject({
    code: 'FORBIDDEN',
    details: { dataset: 'customers', field: 'name' },
  });
  expect(facts).toMatchObject([{ action: 'export', decision: 'DENIED', dataset: 'customers', details: { code: 'FORBIDDEN', fields: ['name'] } }]);
});

test('a client that takes nothing for too long is given up, and its session with it', async () => {
  const facts: AuditFact[] = [];
  const { body } = await startExport(house, agent, 'orders', { where: ONLY_LATE }, facts, { stallMs: 300 });
  // As much as fits into what waits for it, and no more.
  await until('it is given up', () => facts.some(({ decision }) => decision === 'FAILED'));
  expect(facts.at(-1)).toMatchObject({ decision: 'FAILED', details: { state: 'failed', code: 'TIMEOUT' } });
  await expect(body.toArray()).rejects.toMatchObject({ code: 'TIMEOUT' });
  await until('its statement ended', async () => (await running(house)) === 0);
});

test('when the end can not be put on the record, the file does not end', async () => {
  const facts: AuditFact[] = [];
  const push = (fact: AuditFact) => {
    if (fact.details?.['state'] === 'finished') throw new Error('no room');
    return facts.push(fact);
  };
  const { body } = await startExport(house, agent, 'orders', { fields: 'id' }, { push: push as AuditFact[]['push'] });
  await expect(body.toArray()).rejects.toThrow('no room');
  expect(await running(house)).toBe(0);
});

async function running({ database }: House): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    "SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND query LIKE 'COPY (%'",
  );
  return row?.count ?? 0;
}
