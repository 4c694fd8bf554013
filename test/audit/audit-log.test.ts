import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { AuditEntryEntity, AuditLog } from '../../src/audit/index.js';
import { silentLog } from '../../src/kernel/index.js';
import { Database } from '../../src/store/index.js';
import { aRead, AuditWorld, until } from './support.js';

let world: AuditWorld;
const count = async (): Promise<number> => await world.database.manager.count(AuditEntryEntity);

beforeAll(async () => {
  world = await AuditWorld.open();
});
beforeEach(async () => await world.clear());
afterAll(async () => await world?.close());

test('an entry holds what the fact says, and is there when record resolves', async () => {
  await world.audit.record(aRead(3, { details: { run: 'r1', n: [1, { deep: null }] } }));
  const [entry] = await world.database.manager.find(AuditEntryEntity);
  expect(entry).toMatchObject({
    principal: 'reader-3',
    roles: ['analyst'],
    purpose: 'analytics',
    action: 'read',
    dataset: 'passengers',
    fields: ['id', 'country'],
    masked: ['email'],
    decision: 'ALLOWED',
    rowCount: '3',
    operationHash: 'ab'.repeat(32),
    durationMs: 1.25,
    details: { run: 'r1', n: [1, { deep: null }] },
    seq: null,
    prevHash: null,
    hash: null,
  });
});

test('a thousand concurrent reads cost a few commits', async () => {
  await Promise.all(Array.from({ length: 1000 }, (_, i) => world.audit.record(aRead(i))));
  const [commits] = await world.database.query('SELECT sum(size)::int AS entries, count(DISTINCT xmin::text)::int AS transactions FROM headgate.audit_pending');
  expect(commits).toEqual({ entries: 1000, transactions: 1 });

  const small = new AuditLog({ database: world.database, log: silentLog, mode: 'strict', maxBatch: 300 });
  await Promise.all(Array.from({ length: 1000 }, (_, i) => small.record(aRead(i))));
  const [bounded] = await world.database.query('SELECT sum(size)::int AS entries, count(DISTINCT xmin::text)::int AS transactions FROM headgate.audit_pending');
  expect(bounded).toEqual({ entries: 2000, transactions: 1 + 4 });
});

test('an entry in a transaction comes and goes with it', async () => {
  await world.database.transaction(async (tx) => await world.audit.recordIn(tx, aRead(1), aRead(2)));
  expect(await count()).toBe(2);
  const rolledBack = world.database.transaction(async (tx) => {
    await world.audit.recordIn(tx, aRead(3));
    throw new Error('the load failed');
  });
  await expect(rolledBack).rejects.toThrow('the load failed');
  expect(await count()).toBe(2);
});

test('strict: what cannot be recorded is refused with UNAVAILABLE, and works again afterwards', async () => {
  await world.database.query('ALTER TABLE headgate.audit_pending RENAME TO away');
  const refused = await Promise.allSettled([world.audit.record(aRead(1)), world.audit.record(aRead(2))]);
  await world.database.query('ALTER TABLE headgate.away RENAME TO audit_pending');
  for (const { status, ...rest } of refused) {
    expect(status).toBe('rejected');
    expect(rest).toMatchObject({ reason: { code: 'UNAVAILABLE', message: expect.not.stringContaining('relation') as string } });
  }
  await world.audit.record(aRead(3));
  expect(await count()).toBe(1);
});

test('strict: a killed backend costs no request its answer', async () => {
  await world.audit.record(aRead());
  await killOtherBackends();
  await Promise.all([world.audit.record(aRead()), world.audit.record(aRead())]);
  expect(await count()).toBe(3);
});

test('strict: a write that takes too long is refused in time', async () => {
  const quick = new AuditLog({ database: world.database, log: silentLog, mode: 'strict', timeoutMs: 150 });
  await world.database.transaction(async (tx) => {
    await tx.query('LOCK TABLE headgate.audit_pending IN ACCESS EXCLUSIVE MODE');
    await expect(quick.record(aRead())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
  await quick.close();
});

test('text that PostgreSQL cannot store is recorded all the same, and harms no other entry', async () => {
  const strange = aRead(1, { actor: { subject: 'a\0b\ud800', roles: ['\0'] }, details: { 'k\0': '\udc00' }, durationMs: Number.NaN });
  await Promise.all([world.audit.record(aRead(0)), world.audit.record(strange), world.audit.record(aRead(2))]);
  const entries = await world.database.manager.find(AuditEntryEntity);
  expect(entries.map((entry) => entry.principal).sort()).toEqual(['a\u{FFFD}b\u{FFFD}', 'reader-0', 'reader-2']);
});

test('a count that is none, and a name that no index could hold, are recorded as far as they can be', async () => {
  await Promise.all([1, 1e30, Number.NaN].map(async (rowCount) => await world.audit.record(aRead(0, { rowCount }))));
  await world.audit.record(aRead(0, { actor: { subject: 'ö'.repeat(5_000), roles: [] } }));
  await world.sealer().sealNow();
  const entries = await world.database.manager.find(AuditEntryEntity, { order: { seq: 'ASC' } });
  expect(entries.map(({ rowCount }) => rowCount)).toEqual(expect.arrayContaining(['0', '1', null, null]));
  expect(entries.map(({ principal }) => principal)).toContainEqual(expect.stringMatching(/^ö{200}\.\.\. sha256:[0-9a-f]{64}$/));
});

test('async: record resolves at once, entries outlast a failure, and close writes the rest', async () => {
  const audit = new AuditLog({ database: world.database, log: silentLog, mode: 'async' });
  await world.database.query('ALTER TABLE headgate.audit_pending RENAME TO away');
  await Promise.all(Array.from({ length: 10 }, (_, i) => audit.record(aRead(i))));
  await world.database.query('ALTER TABLE headgate.away RENAME TO audit_pending');
  await until(async () => (await count()) === 10);
  await audit.record(aRead());
  await audit.close();
  expect(await count()).toBe(11);
  await expect(audit.record(aRead())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

test('async: a full buffer refuses, and close ends although the database is away', async () => {
  const { connection } = world.database;
  const gone = await Database.open({ connection, entities: [], statementTimeoutMs: 1000 });
  await gone.close();
  const audit = new AuditLog({ database: gone, log: silentLog, mode: 'async', maxWaiting: 5, timeoutMs: 100 });
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => audit.record(aRead())));
  expect(outcomes.filter(({ status }) => status === 'rejected').length).toBe(15);
  expect(outcomes[19]).toMatchObject({ reason: { code: 'UNAVAILABLE' } });
  await audit.close();
  expect(await count()).toBe(0);
});

async function killOtherBackends(): Promise<void> {
  await world.database.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
}
