import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { AuditEntryEntity, exportAudit, verifyAudit, type Checkpoint } from '../../src/audit/index.js';
import { canonicalJson } from '../../src/kernel/index.js';
import { aRead, AuditWorld, until } from './support.js';

let world: AuditWorld;

beforeAll(async () => {
  world = await AuditWorld.open();
});
beforeEach(async () => await world.clear());
afterAll(async () => await world?.close());

const verify = async (checkpointsFile?: string) => await verifyAudit({ database: world.database, key: world.key, ...(checkpointsFile && { checkpointsFile }) });

async function sealed(): Promise<number> {
  const [row] = await world.database.query<{ n: number }>('SELECT count(*)::int AS n FROM headgate.audit_entry');
  return row?.n ?? 0;
}

test('entries get their place in the order of their time, and each hash follows from the one before', async () => {
  for (let i = 0; i < 7; i++) await world.audit.record(aRead(i, { details: { z: i, a: ['ö', 1e21, 0.1] } }));
  await world.sealer({ batch: 3 }).sealNow();
  const entries = await world.database.manager.find(AuditEntryEntity, { order: { at: 'ASC', id: 'ASC' } });
  expect(entries.map((entry) => entry.seq)).toEqual(['1', '2', '3', '4', '5', '6', '7']);
  expect(await verify()).toMatchObject({ valid: true, entries: 7, head: { seq: '7', hash: entries[6]?.hash } });
});

test('anyone can compute the chain from the export', async () => {
  const strange = aRead(1, { actor: { subject: 'quote " and \u007f \u2028 \\', roles: [] }, details: { nested: { b: 1, a: '\u0001' } }, durationMs: 1e-7 });
  await Promise.all([world.audit.record(strange), world.audit.record({ actor: { subject: 'x', roles: [] }, action: 'login', decision: 'DENIED' })]);
  await world.sealer().sealNow();
  await world.audit.record(aRead(3));
  let previous = '0'.repeat(64);
  const lines: unknown[] = [];
  for await (const line of exportAudit(world.database)) {
    expect(line.endsWith('}\n')).toBe(true);
    const { prevHash, hash, ...entry } = JSON.parse(line) as Record<string, unknown>;
    expect(prevHash).toBe(previous);
    expect(hash).toBe(
      createHash('sha256')
        .update(`${previous}${canonicalJson(entry)}`)
        .digest('hex'),
    );
    previous = String(hash);
    lines.push(entry);
  }
  expect(lines).toMatchObject([{ seq: '1' }, { seq: '2' }]);
  for (const part of [{ from: 2n }, { to: 1n }]) {
    const numbers: string[] = [];
    for await (const line of exportAudit(world.database, part)) numbers.push((JSON.parse(line) as { seq: string }).seq);
    expect(numbers).toEqual(['from' in part ? '2' : '1']);
  }
});

test('a started sealer seals within a second of the commit', async () => {
  world.sealer().start();
  await world.audit.record(aRead(1));
  await until(async () => (await sealed()) === 1);
  expect(await verify()).toMatchObject({ valid: true, entries: 1 });
});

test('of two sealers one seals, the other takes over, and the chain never forks', async () => {
  const [first, second] = [world.sealer({ batch: 5 }), world.sealer({ batch: 5 })];
  first.start();
  second.start();
  const write = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await Promise.all([world.audit.record(aRead(i)), world.audit.record(aRead(i))]);
  };
  await Promise.all([write(), write(), first.sealNow(), second.sealNow()]);
  await second.sealNow();
  await first.sealNow();
  expect(first.leading).not.toBe(second.leading);
  expect(await sealed()).toBe(80);
  const [leader, other] = first.leading ? [first, second] : [second, first];
  await leader.stop();
  await world.audit.record(aRead());
  await until(() => other.leading);
  await until(async () => (await sealed()) === 81);
  await other.stop();
  expect(await verify()).toMatchObject({ valid: true, entries: 81 });
});

test('a sealer whose backend was killed connects again and goes on', async () => {
  const sealer = world.sealer();
  sealer.start();
  await world.audit.record(aRead(1));
  await until(async () => (await sealed()) === 1);
  for (let i = 2; i < 5; i++) {
    const killed = await world.database.query<{ pid: number }>(
      "SELECT pg_terminate_backend(pid, 5000), pid FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    expect(killed).toHaveLength(1);
    await world.audit.record(aRead(i));
    await until(async () => (await sealed()) === i);
  }
  await sealer.stop();
  expect(await verify()).toMatchObject({ valid: true, entries: 4 });
});

test('checkpoints are made at stop, by number and by time, and are in the file as well', async () => {
  const file = world.newFile();
  const byNumber = world.sealer({ batch: 5, checkpointEveryEntries: 10, checkpointsFile: file });
  for (let i = 0; i < 23; i++) await world.audit.record(aRead(i));
  await byNumber.sealNow();
  await byNumber.stop();
  const byTime = world.sealer({ checkpointEveryMs: 0, checkpointsFile: file });
  await world.audit.record(aRead());
  await byTime.sealNow();
  await byTime.sealNow();
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  const checkpoints = lines.map((line) => JSON.parse(line) as Checkpoint);
  expect(checkpoints.map(({ seq }) => seq)).toEqual(['10', '20', '23', '24']);
  expect(checkpoints.map(({ previous }) => previous)).toEqual([null, ...checkpoints.slice(0, -1).map(({ signature }) => signature)]);
  expect(await verify(file)).toMatchObject({ valid: true, entries: 24, checkpoints: 8 });
});

test('a line of the checkpoints file that a crash cut in half is passed over, and not continued', async () => {
  const file = world.newFile();
  await world.audit.record(aRead());
  const first = world.sealer({ checkpointsFile: file });
  await first.sealNow();
  await first.stop();
  await writeFile(file, '{"seq":"2","ha', { flag: 'a' });
  expect(await verify(file)).toMatchObject({ valid: true, checkpoints: 2 });
  await world.audit.record(aRead());
  const second = world.sealer({ checkpointsFile: file });
  await second.sealNow();
  await second.stop();
  expect(await verify(file)).toMatchObject({ valid: true, checkpoints: 4 });
});

test('sealNow without a database is UNAVAILABLE, and sealing goes on when it is back', async () => {
  await world.audit.record(aRead());
  const sealer = world.sealer();
  await world.database.query('ALTER TABLE headgate.audit_pending RENAME TO away');
  await expect(sealer.sealNow()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await world.database.query('ALTER TABLE headgate.away RENAME TO audit_pending');
  await sealer.sealNow();
  expect(await sealed()).toBe(1);
});

test('entries that were written twice, because the first answer was lost, are sealed once', async () => {
  const twice = async (): Promise<void> => {
    await world.database.query(
      `INSERT INTO headgate.audit_pending SELECT gen_random_uuid(), 3, json_agg(entry) FROM (
        SELECT id, at, principal, roles, purpose, action, dataset, fields, masked, decision, row_count, operation_hash, duration_ms, details
        FROM headgate.audit_record WHERE principal <> 'reader-9') AS entry`,
    );
  };
  await Promise.all([1, 2, 3].map(async (i) => await world.audit.record(aRead(i))));
  const sealer = world.sealer();
  await sealer.sealNow();
  await twice();
  await world.audit.record(aRead(9));
  await sealer.sealNow();
  expect(await sealed()).toBe(4);
  expect(await verify()).toMatchObject({ valid: true, entries: 4 });
  expect(await world.database.query('SELECT FROM headgate.audit_pending')).toEqual([]);
});

test.each([
  ['no entries', '{"x": 1}'],
  ['an entry without a time', '[{"id": "00000000-0000-4000-8000-000000000000"}]'],
  ['numbers for names', '[{"id": "00000000-0000-4000-8000-000000000000", "at": "2026-01-01T00:00:00.000Z", "principal": 1, "roles": [], "details": {}}]'],
  [
    'numbers for roles',
    '[{"id": "00000000-0000-4000-8000-000000000000", "at": "2026-01-01T00:00:00.000Z", "principal": "x", "roles": [1], "fields": [], "masked": [], "action": "a", "decision": "ALLOWED", "details": {}}]',
  ],
  ['no time', '[{"id": "00000000-0000-4000-8000-000000000000", "at": "soon", "principal": "x", "roles": [], "fields": [], "masked": [], "details": {}}]'],
])('what somebody wrote by hand, %s, keeps no other entry from its place', async (_what, entries) => {
  await world.audit.record(aRead(1));
  await world.database.query('INSERT INTO headgate.audit_pending VALUES (gen_random_uuid(), 1, $1)', [entries]);
  await world.audit.record(aRead(2));
  await world
    .sealer({ batch: 2 })
    .sealNow()
    .catch(() => undefined);
  expect(await sealed()).toBe(2);
  expect(await verify()).toMatchObject({ valid: true, entries: 2 });
});

test('an entry is in one place at every moment, while many are written and sealed', async () => {
  const sealer = world.sealer({ batch: 7, intervalMs: 1 });
  sealer.start();
  let written = 0;
  const write = async (): Promise<void> => {
    for (let i = 0; i < 100; i++) await world.audit.record(aRead(i)).then(() => written++);
  };
  const writing = Promise.all([write(), write(), write()]);
  let done = false;
  void writing.then(() => (done = true));
  while (!done) {
    const before = written;
    const [row] = await world.database.query<{ n: number; ids: number }>(
      'SELECT count(*)::int AS n, count(DISTINCT id)::int AS ids FROM headgate.audit_record',
    );
    expect(row?.n).toBe(row?.ids);
    expect(row?.n).toBeGreaterThanOrEqual(before);
  }
  await sealer.sealNow();
  expect(await sealed()).toBe(300);
});
