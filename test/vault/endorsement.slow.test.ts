import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Sealer, verifyAudit, type AuditVerification } from '../../src/audit/index.js';
import { signCheckpoint } from '../../src/audit/checkpoint.js';
import { silentLog } from '../../src/kernel/index.js';
import { KeyRing } from '../../src/store/index.js';
import { auditPublicKey, endorse, verifyingKeys } from '../../src/vault/endorsement.js';
import { readKeys, type KeyRow } from '../../src/vault/master-key-table.js';
import { aRead } from '../audit/support.js';
import { until } from '../support/processes.js';
import { ADMIN, KeyWorld, type KeyProcess } from './support.js';

let world: KeyWorld;
const keys = [randomBytes(32), randomBytes(32), randomBytes(32)];
const ringOf = (...held: readonly (Buffer | undefined)[]): KeyRing => new KeyRing(held.flatMap((key) => key ?? []));
const [one, two, three] = keys.map((key) => ringOf(key).active);

beforeAll(async () => {
  world = await KeyWorld.open();
});

afterEach(() => world.clear());

afterAll(() => world.close());

/** Seals what is there, and signs it. */
async function seal({ masterKeys }: KeyProcess, file = join(world.home, 'unused')): Promise<void> {
  const sealer = new Sealer({ database: world.database, log: silentLog, key: masterKeys, checkpointsFile: file });
  await sealer.sealNow();
  await sealer.stop();
}

async function signersInOrder(): Promise<string[]> {
  const rows = await world.database.query<{ key: string }>('SELECT key_id AS key FROM headgate.audit_checkpoint ORDER BY seq');
  return rows.map(({ key }) => key);
}

const verify = async (keyRing: KeyRing, checkpointsFile?: string): Promise<AuditVerification> =>
  verifyAudit({ database: world.database, key: verifyingKeys(await readKeys(world.database), keyRing), ...(checkpointsFile && { checkpointsFile }) });

/** Three keys one after the other, each with entries and a checkpoint of its own. */
async function past(): Promise<KeyProcess> {
  const process = await world.process({ keys });
  for (let round = 0; ; round++) {
    await world.audit.record(aRead(round));
    await seal(process);
    if (round === 2) return process;
    await process.keeper.rotate(ADMIN);
  }
}

test('checkpoints are signed by the key that is active, and the record is good across rotations, with the newest key alone too', async () => {
  const process = await past();
  // The keys of the environment come in the order newest first.
  const signers = await signersInOrder();
  expect(signers).toEqual([one, three, two].map((key) => key?.signingKey('audit').keyId));
  expect(await verify(process.keyRing)).toMatchObject({ valid: true, checkpoints: 3 });
  expect(await verify(ringOf(keys[1]))).toMatchObject({ valid: true, checkpoints: 3 });
});

test('an older key whose endorsement was changed, removed or made by another is not believed', async () => {
  await past();
  const alone = ringOf(keys[1]);
  const change = async (sql: string, values: unknown[] = []): Promise<AuditVerification> =>
    world.database.transaction(async (tx) => {
      await tx.query(sql, values);
      const rows = await readKeys(tx);
      await tx.query('SELECT 1');
      return verifyAudit({ database: world.database, key: verifyingKeys(rows, alone) }).finally(() => tx.query('ROLLBACK'));
    });
  const forger = ringOf(randomBytes(32)).active;
  for (const [sql, values] of [
    ['UPDATE headgate.master_key SET audit_public_key = $1 WHERE key_id = $2', [auditPublicKey(forger), one?.keyId]],
    ["UPDATE headgate.master_key SET endorsement = 'AAAA' WHERE key_id = $1", [one?.keyId]],
    ["UPDATE headgate.master_key SET audit_public_key = 'nonsense' WHERE key_id = $1", [one?.keyId]],
    ['DELETE FROM headgate.master_key WHERE key_id = $1', [one?.keyId]],
    [
      'UPDATE headgate.master_key SET endorsement = $2 WHERE key_id = $1',
      [one?.keyId, endorse(forger, { keyId: one?.keyId ?? '', auditPublicKey: one ? auditPublicKey(one) : '' })],
    ],
  ] as const) {
    expect(await change(sql, [...values]), sql).toMatchObject({
      valid: false,
      problem: { kind: 'checkpoint', message: expect.stringContaining(String(one?.signingKey('audit').keyId)) },
    });
  }
});

test('the list of keys goes from the oldest to the newest, whatever order they are held in; one of the future comes last', () => {
  if (!one || !two || !three) throw new Error('keys');
  const row = (key: typeof one, newer?: typeof one): KeyRow => ({
    keyId: key.keyId,
    auditPublicKey: auditPublicKey(key),
    activatedAt: new Date(),
    retiredAt: null,
    replacedAt: newer ? new Date() : null,
    endorsedBy: newer?.keyId ?? null,
    endorsement: newer ? endorse(newer, { keyId: key.keyId, auditPublicKey: auditPublicKey(key) }) : null,
  });
  const ids = (rows: readonly KeyRow[], held: KeyRing): string[] => verifyingKeys(rows, held).map(({ keyId }) => keyId);
  const names = (...of: (typeof one)[]): string[] => of.map((key) => key.signingKey('audit').keyId);
  expect(ids([row(three), row(one, two), row(two, three)], ringOf(...keys))).toEqual(names(one, two, three));
  expect(ids([row(one)], ringOf(keys[2], keys[0]))).toEqual(names(one, three));
  expect(ids([row(two), row(one, two)], ringOf(keys[2], keys[1]))).toEqual(names(one, two, three));
  // Circles end.
  expect(ids([row(three), row(three, three)], ringOf(keys[2]))).toContain(names(three)[0]);
  expect(ids([], ringOf(keys[0]))).toEqual(names(one));
});

test('whoever has an old key can not sign what came after it', async () => {
  const process = await past();
  const [last] = await world.database.query<{ signature: string; seq: string }>(
    'SELECT signature, seq FROM headgate.audit_checkpoint ORDER BY seq DESC LIMIT 1',
  );
  await world.audit.record(aRead(9));
  await seal(process);
  const [head] = await world.database.query<{ seq: string; hash: string }>(
    'SELECT seq::text, hash FROM headgate.audit_entry ORDER BY audit_entry.seq DESC LIMIT 1',
  );
  if (!one || !head || !last) throw new Error('nothing sealed');
  const forged = signCheckpoint(one.signingKey('audit'), { seq: head.seq, hash: head.hash, at: new Date().toISOString(), previous: last.signature });
  await world.database.query('DELETE FROM headgate.audit_checkpoint WHERE seq = $1', [head.seq]);
  await world.database.query('INSERT INTO headgate.audit_checkpoint (seq, hash, at, previous, signature, key_id) VALUES ($1, $2, $3, $4, $5, $6)', [
    forged.seq,
    forged.hash,
    forged.at,
    forged.previous,
    forged.signature,
    forged.keyId,
  ]);
  expect(await verify(process.keyRing)).toMatchObject({
    valid: false,
    problem: { kind: 'checkpoint', seq: head.seq, message: expect.stringContaining('had been replaced by') },
  });
});

test('a database that was taken back to before a rotation is found out by the file, which the new key signed', async () => {
  const file = join(world.home, 'checkpoints.ndjson');
  const process = await world.process({ keys: keys.slice(0, 2) });
  await world.audit.record(aRead(0));
  await seal(process, file);
  await world.database.query('CREATE TABLE work.before AS SELECT * FROM headgate.audit_entry');
  await process.keeper.rotate(ADMIN);
  await seal(process, file);
  await process.close();
  await world.database.query('DELETE FROM headgate.audit_entry WHERE id NOT IN (SELECT id FROM work.before)');
  await world.database.query('DELETE FROM headgate.audit_checkpoint WHERE seq > (SELECT max(seq) FROM headgate.audit_entry)');
  await world.database.query('DELETE FROM headgate.master_key WHERE replaced_at IS NULL');
  await world.database.query('UPDATE headgate.master_key SET replaced_at = NULL, endorsed_by = NULL, endorsement = NULL');
  const back = await world.process({ keys: keys.slice(0, 2) });
  expect(back.keyRing.keyId).toBe(one?.keyId);
  expect(await verify(back.keyRing)).toMatchObject({ valid: true });
  expect(await verify(back.keyRing, file)).toMatchObject({ valid: false, problem: { kind: 'truncated' } });
});

test('no checkpoint is signed while the key changes, nor does it change while one is signed', async () => {
  const process = await world.process({ keys: keys.slice(0, 2) });
  const order: string[] = [];
  const signing = Promise.withResolvers<void>();
  const signed = process.masterKeys.signing(async (key) => {
    await signing.promise;
    order.push(key.keyId);
  });
  const rotated = process.keeper.rotate(ADMIN).then(() => order.push('rotated'));
  await until('the rotation waits', async () => (await world.database.query("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")).length > 0);
  signing.resolve();
  await Promise.all([signed, rotated]);
  expect(order).toEqual([one?.signingKey('audit').keyId, 'rotated']);
  await process.masterKeys.signing(async (key) => void order.push(key.keyId));
  expect(order.at(-1)).toBe(two?.signingKey('audit').keyId);
});
