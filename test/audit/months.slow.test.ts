import pg from 'pg';
import type { QueryRunner } from 'typeorm';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { migrations } from '../../migrations/index.js';
import { AuditCheckpointEntity, AuditEntryEntity, listAuditEntries, verifyAudit } from '../../src/audit/index.js';
import { AS_TEXT, canonicalEntry, chainHash, ENTRY_COLUMNS, type EntryText } from '../../src/audit/chain.js';
import { Database } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';
import { aRead, AuditWorld } from './support.js';

let world: AuditWorld;

beforeAll(async () => {
  world = await AuditWorld.open();
});
beforeEach(async () => await world.clear());
afterAll(async () => await world?.close());

const verify = async () => verifyAudit({ database: world.database, key: world.key });

/** An act of another time, as a clock that is wrong would have it. */
async function pendingAt(at: string, id: string): Promise<void> {
  const entry = { id, at, principal: 'x', roles: [], purpose: null, action: 'read', dataset: null, fields: [], masked: [] };
  const rest = { decision: 'ALLOWED', row_count: null, operation_hash: null, duration_ms: null, details: {} };
  await world.database.query('INSERT INTO headgate.audit_pending VALUES (gen_random_uuid(), 1, $1)', [JSON.stringify([{ ...entry, ...rest }])]);
}

async function partOf(id: string): Promise<string> {
  const [row] = await world.database.query<{ part: string }>(
    'SELECT relname AS part FROM headgate.audit_entry AS entry JOIN pg_class ON pg_class.oid = entry.tableoid WHERE entry.id = $1',
    [id],
  );
  return row?.part ?? '';
}

async function parts(): Promise<string[]> {
  const rows = await world.database.query<{ name: string }>(
    "SELECT relname AS name FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'headgate.audit_entry'::regclass ORDER BY 1",
  );
  return rows.map(({ name }) => name);
}

const ids = Array.from({ length: 5 }, (_, i) => `00000000-0000-4000-8000-00000000000${i}`);

test('each entry is in the part of its month, whatever its clock said, and the chain is one', async () => {
  const times = ['2031-02-28T23:59:59.999Z', '2031-03-01T00:00:00.000Z', '1999-12-31T00:00:00.000Z', '2400-01-01T00:00:00.000Z', '2031-02-01T00:00:00.000Z'];
  for (const [i, at] of times.entries()) await pendingAt(at, ids[i] ?? '');
  await world.audit.record(aRead(1));
  await world.sealer().sealNow();
  expect(await Promise.all(ids.map(partOf))).toEqual([
    'audit_entry_2031_02',
    'audit_entry_2031_03',
    'audit_entry_before',
    'audit_entry_late',
    'audit_entry_2031_02',
  ]);
  expect(await verify()).toMatchObject({ valid: true, entries: 6 });
});

test('the next month is there before its first entry', async () => {
  await world.audit.record(aRead(1));
  await world.sealer().sealNow();
  const now = new Date();
  for (const month of [0, 1]) {
    const first = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + month, 1)).toISOString();
    const name = `audit_entry_${first.slice(0, 7).replace('-', '_')}`;
    expect(await parts()).toContain(name);
  }
});

test('a month that was detached and kept does not stop entries of it', async () => {
  await pendingAt('2032-01-05T00:00:00.000Z', ids[0] ?? '');
  await world.sealer().sealNow();
  await world.stopSealers();
  await world.database.query('ALTER TABLE headgate.audit_entry DETACH PARTITION headgate.audit_entry_2032_01');
  expect(await verify()).toMatchObject({ valid: false, problem: { kind: 'truncated', seq: '1' } });
  await pendingAt('2032-01-06T00:00:00.000Z', ids[1] ?? '');
  await world.sealer().sealNow();
  expect(await partOf(ids[1] ?? '')).toBe('audit_entry_2032_01_2');
});

test('a new month is made while others read the record and write to it', async () => {
  await world.audit.record(aRead(1));
  const sealer = world.sealer();
  await sealer.sealNow();
  const reader = await world.database.pool.connect();
  try {
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await reader.query('SELECT count(*) FROM headgate.audit_record');
    await pendingAt('2033-05-05T00:00:00.000Z', ids[0] ?? '');
    await sealer.sealNow();
    expect(await partOf(ids[0] ?? '')).toBe('audit_entry_2033_05');
    const { rows } = await reader.query<{ n: number }>('SELECT count(*)::int AS n FROM headgate.audit_entry');
    expect(rows).toEqual([{ n: 1 }]);
  } finally {
    await reader.query('ROLLBACK');
    reader.release();
  }
});

test('a number that is in two months is found, and both entries can be told apart', async () => {
  await pendingAt('2031-02-03T00:00:00.000Z', ids[0] ?? '');
  await world.sealer().sealNow();
  await world.stopSealers();
  await world.database.query(
    "INSERT INTO headgate.audit_entry SELECT $1, at + interval '1 month', 'eve', roles, purpose, action, dataset, fields, masked, decision, row_count, operation_hash, duration_ms, details, seq, prev_hash, hash FROM headgate.audit_entry",
    [ids[1]],
  );
  const { valid, problem } = await verify();
  expect(valid).toBe(false);
  expect(problem).toMatchObject({ kind: 'inserted', seq: '1' });
  expect([ids[0], ids[1]]).toContain(problem?.entryId);
  expect(problem?.message).toContain('number 1');
});

test('a record from before there were months is kept where it is: no entry is lost, and the chain goes on', async () => {
  const { connection, drop } = await createTestDatabase();
  const admin = new pg.Client({ ...inject('connection'), database: 'postgres' });
  await admin.connect();
  const name = `${connection.database}_old`;
  await admin.query(`CREATE DATABASE ${name}`);
  const old = { ...connection, database: name };
  const client = new pg.Client(old);
  await client.connect();
  let database: Database | undefined;
  try {
    // As the program of before left it.
    const runner = { query: async (text: string) => (await client.query<Record<string, unknown>>(text)).rows } as unknown as QueryRunner;
    for (const Migration of migrations.slice(0, 4)) await new Migration().up(runner);
    await client.query('CREATE TABLE headgate.migration (id serial PRIMARY KEY, timestamp bigint NOT NULL, name varchar NOT NULL)');
    for (const [i, { name: of }] of migrations.slice(0, 4).entries()) {
      await client.query('INSERT INTO headgate.migration (timestamp, name) VALUES ($1, $2)', [String(1_700_000_000_001 + i), of]);
    }
    let prevHash = '0'.repeat(64);
    for (let i = 1; i <= 20; i++) {
      await client.query(
        "INSERT INTO headgate.audit_entry (id, at, principal, action, decision, seq) VALUES (gen_random_uuid(), now() - make_interval(days => $1), 'old', 'read', 'ALLOWED', $2)",
        [(20 - i) * 5, i],
      );
      await client.query('SET timezone = UTC');
      const text = `SELECT ${ENTRY_COLUMNS} FROM headgate.audit_entry WHERE seq = $1`;
      const { rows } = await client.query<EntryText & unknown[]>({ text, values: [i], ...AS_TEXT });
      const [row] = rows;
      if (!row) throw new Error('no row');
      const hash = chainHash(prevHash, canonicalEntry(row, String(i)));
      await client.query('UPDATE headgate.audit_entry SET prev_hash = $2, hash = $3 WHERE seq = $1', [i, prevHash, hash]);
      prevHash = hash;
    }
    database = await Database.open({ connection: old, entities: [AuditEntryEntity, AuditCheckpointEntity], statementTimeoutMs: 10_000 });
    expect(await verifyAudit({ database, key: world.key })).toMatchObject({ valid: true, entries: 20, head: { seq: '20', hash: prevHash } });
    expect(await listAuditEntries(database.dataSource, { first: 30, where: { principal: 'old' } })).toMatchObject({ hasNextPage: false });
    const [row] = await database.query<{ parts: string[] }>(
      'SELECT array_agg(DISTINCT relname::text) AS parts FROM headgate.audit_entry AS entry JOIN pg_class ON pg_class.oid = entry.tableoid',
    );
    expect(row?.parts).toEqual(['audit_entry_before']);
  } finally {
    await database?.close();
    await client.end();
    await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await admin.end();
    await drop();
  }
});
