import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { verifyAudit, type AuditVerification, type Checkpoint } from '../../src/audit/index.js';
import { canonicalEntry, chainHash, AS_TEXT, ENTRY_COLUMNS, type EntryText } from '../../src/audit/chain.js';
import { KeyRing } from '../../src/store/index.js';
import { aRead, AuditWorld } from './support.js';

let world: AuditWorld;
let file: string;

beforeAll(async () => {
  world = await AuditWorld.open();
});
afterAll(async () => await world?.close());

/** Ten entries, with checkpoints of the fifth and the tenth. */
beforeEach(async () => {
  await world.clear();
  file = world.newFile();
  const sealer = world.sealer({ batch: 5, checkpointEveryEntries: 5, checkpointsFile: file });
  for (let i = 0; i < 10; i++) await world.audit.record(aRead(i));
  await sealer.sealNow();
  await sealer.stop();
});

test('an untouched chain is valid', async () => {
  expect(await verify()).toMatchObject({ valid: true, entries: 10, head: { seq: '10' }, checkpoints: 4 });
});

test('texts with what ends columns and lines, backslashes, and what stands for null are read back as they are', async () => {
  const texts = ['\\N', '\\\\N', 'a\tb\nc\rd\\', '\b\f\v', '\\.', '\u{1f600}\u2028é', '\\t', ''];
  for (const text of texts) {
    await world.audit.record({
      actor: { subject: text, roles: [text], purpose: text },
      action: 'read',
      dataset: text,
      fields: [text],
      decision: 'ALLOWED',
      details: { [text]: text },
    });
  }
  const sealer = world.sealer({ checkpointsFile: file });
  await sealer.sealNow();
  await sealer.stop();
  expect(await verify()).toMatchObject({ valid: true, entries: 10 + texts.length });
});

const verify = async (checkpointsFile: string | undefined = file): Promise<AuditVerification> =>
  await verifyAudit({ database: world.database, key: world.key, ...(checkpointsFile && { checkpointsFile }) });
const withoutFile = async (): Promise<AuditVerification> => await verifyAudit({ database: world.database, key: world.key });
const sql = async (text: string, ...values: unknown[]) => await world.database.query(text, values);

async function idAt(seq: number): Promise<string> {
  const [row] = await world.database.query<{ id: string }>('SELECT id FROM headgate.audit_entry WHERE seq = $1', [seq]);
  return row?.id ?? '';
}

/** What an owner of the database can do: give the entries from `seq` on new hashes, as if they had always been so. */
async function rehash(from: number, to = 1_000_000): Promise<void> {
  const text = `SELECT ${ENTRY_COLUMNS} FROM headgate.audit_entry WHERE seq >= $1 - 1 AND seq <= $2 ORDER BY audit_entry.seq`;
  const { rows } = await world.database.pool.query<EntryText & unknown[]>({ text, values: [from, to], ...AS_TEXT });
  let prevHash = from === 1 ? '0'.repeat(64) : (rows.shift()?.[16] ?? '');
  for (const row of rows) {
    const hash = chainHash(prevHash, canonicalEntry(row, row[14] ?? ''));
    await sql('UPDATE headgate.audit_entry SET prev_hash = $2, hash = $3 WHERE id = $1', row[0], prevHash, hash);
    prevHash = hash;
  }
}

test.each([
  "principal = 'someone else'",
  "roles = '{}'",
  'purpose = NULL',
  "action = 'look'",
  'dataset = NULL',
  "fields = '{id,email}'",
  "masked = '{}'",
  "decision = 'DENIED'",
  'row_count = row_count + 1',
  "operation_hash = 'x'",
  'duration_ms = 1.2500000000000002',
  'details = \'{"x": 1e400}\'',
  "at = at + interval '1 millisecond'",
  "hash = repeat('0', 64)",
  'id = gen_random_uuid()',
])('a changed entry is named: %s', async (change) => {
  await sql(`UPDATE headgate.audit_entry SET ${change} WHERE seq = 4`);
  const entryId = await idAt(4);
  const { valid, entries, problem } = await verify();
  expect({ valid, entries, problem }).toMatchObject({ valid: false, entries: 3, problem: { kind: 'changed', seq: '4', entryId } });
  expect(problem?.message).toContain(entryId);
});

test('an entry that was changed together with its hash is named by its follower, in the middle and before the last', async () => {
  for (const seq of [9, 4]) {
    await sql("UPDATE headgate.audit_entry SET principal = 'nobody' WHERE seq = $1", seq);
    await rehash(seq, seq);
    const { problem } = await withoutFile();
    // The fifth and the tenth were signed.
    expect(problem).toMatchObject({ kind: 'changed', seq: String(seq), entryId: await idAt(seq) });
  }
});

test('a removed entry is named by its place', async () => {
  await sql('DELETE FROM headgate.audit_entry WHERE seq = 4');
  expect(await verify()).toMatchObject({ valid: false, entries: 3, problem: { kind: 'removed', seq: '4' } });
  await sql('DELETE FROM headgate.audit_entry WHERE seq = 5');
  expect((await verify()).problem?.message).toContain('4 to 5');
});

test('the first entry removed is found', async () => {
  await sql('DELETE FROM headgate.audit_entry WHERE seq = 1');
  expect((await verify()).problem).toMatchObject({ kind: 'removed', seq: '1' });
});

test('a removed entry is named although the others were given other numbers', async () => {
  await sql('DELETE FROM headgate.audit_entry WHERE seq = 4');
  for (let seq = 5; seq <= 10; seq++) await sql('UPDATE headgate.audit_entry SET seq = seq - 1 WHERE seq = $1', seq);
  expect((await verify()).problem).toMatchObject({ kind: 'removed', seq: '4' });
});

test('a removed entry is found although the whole chain was computed again', async () => {
  await sql('DELETE FROM headgate.audit_entry WHERE seq = 4');
  for (let seq = 5; seq <= 10; seq++) await sql('UPDATE headgate.audit_entry SET seq = seq - 1 WHERE seq = $1', seq);
  await rehash(1);
  expect((await verify()).problem).toMatchObject({ kind: 'checkpoint', seq: '5', entryId: await idAt(5) });
  await sql('DELETE FROM headgate.audit_checkpoint');
  expect((await verify()).problem).toMatchObject({ kind: 'checkpoint', seq: '5' });
  // What the documentation says: without a checkpoint kept elsewhere, an owner of the database can rewrite the lot.
  expect(await withoutFile()).toMatchObject({ valid: true, entries: 9 });
});

test.each([false, true])('an inserted entry is named, with a hash that fits: %s', async (fits) => {
  for (let seq = 10; seq >= 4; seq--) await sql('UPDATE headgate.audit_entry SET seq = seq + 1 WHERE seq = $1', seq);
  await sql(
    "INSERT INTO headgate.audit_entry (id, at, principal, action, decision, seq, prev_hash, hash) VALUES (gen_random_uuid(), now(), 'eve', 'read', 'ALLOWED', 4, 'x', 'y')",
  );
  if (fits) await rehash(4, 4);
  expect((await verify()).problem).toMatchObject({ kind: 'inserted', seq: '4', entryId: await idAt(4) });
});

test('an entry put before the first is named', async () => {
  await sql("INSERT INTO headgate.audit_entry (id, at, principal, action, decision, seq) VALUES (gen_random_uuid(), now(), 'eve', 'read', 'ALLOWED', 0)");
  expect((await verify()).problem).toMatchObject({ kind: 'inserted', seq: '0', entryId: await idAt(0) });
});

test.each([
  [4, 5],
  [2, 8],
  [1, 10],
])('swapped entries are named: %i and %i', async (a, b) => {
  const entryId = await idAt(b);
  await sql('UPDATE headgate.audit_entry SET seq = -1 WHERE seq = $1', a);
  await sql('UPDATE headgate.audit_entry SET seq = $1 WHERE seq = $2', a, b);
  await sql('UPDATE headgate.audit_entry SET seq = $1 WHERE seq = -1', b);
  expect(await verify()).toMatchObject({ valid: false, entries: a - 1, problem: { kind: 'reordered', entryId, seq: String(a) } });
});

test('an entry moved behind the last is named', async () => {
  await sql('UPDATE headgate.audit_entry SET seq = 11 WHERE seq = 4');
  expect((await verify()).problem).toMatchObject({ kind: 'reordered', seq: '11', entryId: await idAt(11) });
});

test('a cut tail is found by the checkpoints, of the database and of the file', async () => {
  await sql('DELETE FROM headgate.audit_entry WHERE seq > 7');
  expect(await withoutFile()).toMatchObject({ valid: false, entries: 7, problem: { kind: 'truncated', seq: '8' } });
  await sql('DELETE FROM headgate.audit_checkpoint WHERE seq > 7');
  expect(await withoutFile()).toMatchObject({ valid: true });
  expect(await verify()).toMatchObject({ valid: false, entries: 7, problem: { kind: 'truncated', seq: '8' } });
  await sql('TRUNCATE headgate.audit_entry, headgate.audit_checkpoint');
  expect(await verify()).toMatchObject({ valid: false, entries: 0, head: null, problem: { kind: 'truncated', seq: '1' } });
});

test('a chain that grew again after its tail was cut keeps the hole', async () => {
  await sql('DELETE FROM headgate.audit_entry WHERE seq > 7');
  const sealer = world.sealer({ checkpointsFile: file });
  await world.audit.record(aRead());
  await sealer.sealNow();
  await sealer.stop();
  expect(await idAt(11)).not.toBe('');
  expect((await verify()).problem).toMatchObject({ kind: 'removed', seq: '8' });
});

test('a chain that grew again over a cut tail, checkpoints and all, is found by the file', async () => {
  await sql('DELETE FROM headgate.audit_entry WHERE seq > 7');
  await sql('DELETE FROM headgate.audit_checkpoint WHERE seq > 7');
  const sealer = world.sealer({ checkpointsFile: file });
  await Promise.all(Array.from({ length: 5 }, (_, i) => world.audit.record(aRead(i))));
  await sealer.sealNow();
  await sealer.stop();
  expect((await verify()).problem).toMatchObject({ kind: 'checkpoint', seq: '10', entryId: await idAt(10) });
});

test('a forged or altered checkpoint is named', async () => {
  await sql("UPDATE headgate.audit_checkpoint SET at = at + interval '1 minute' WHERE seq = 5");
  expect((await verify()).problem).toMatchObject({ kind: 'checkpoint', seq: '5' });
});

test('a checkpoint of another key is named', async () => {
  const key = new KeyRing(Buffer.alloc(32, 8)).signingKey('audit');
  const { problem } = await verifyAudit({ database: world.database, key });
  expect(problem).toMatchObject({ kind: 'checkpoint', seq: '5' });
  expect(problem?.message).toContain(world.key.keyId);
});

test('a checkpoint taken out of the database is missed by the next', async () => {
  await sql('DELETE FROM headgate.audit_checkpoint WHERE seq = 5');
  expect((await verify()).problem).toMatchObject({ kind: 'checkpoint', seq: '10' });
});

test('a checkpoints file that was altered, or is not one, is told', async () => {
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  const checkpoint = JSON.parse(lines[0] ?? '') as Checkpoint;
  await writeFile(file, `${JSON.stringify({ ...checkpoint, hash: '0'.repeat(64) })}\n${lines[1]}\n`);
  expect((await verify()).problem).toMatchObject({ kind: 'checkpoint', seq: '5' });
  await writeFile(file, `${lines[1]}\n${lines[0]}\n`);
  expect((await verify()).problem).toMatchObject({ kind: 'checkpoint', seq: '5' });
  await writeFile(file, `not JSON\n${lines[1]}\n`);
  await expect(verify()).rejects.toMatchObject({ code: 'BAD_USER_INPUT', details: { line: 1 } });
  await expect(verify(world.folder)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
});

test('entries that are not sealed yet are no part of it', async () => {
  await world.audit.record(aRead());
  expect(await verify()).toMatchObject({ valid: true, entries: 10 });
});
