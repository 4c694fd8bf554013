import { createHash, generateKeyPairSync } from 'node:crypto';
import { parquetReadObjects } from 'hyparquet';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  auditParquet,
  auditProof,
  auditRange,
  exportAudit,
  parseBound,
  parseProof,
  verifyExport,
  verifyingKey,
  verifyingKeys,
  type AuditProof,
  type ExportVerification,
  type RangeAsked,
} from '../../src/audit/index.js';
import { KeyRing } from '../../src/store/index.js';
import { aRead, AuditWorld } from './support.js';

let world: AuditWorld;
let file: string;
let lines: string[];
let proof: AuditProof;

/** Twelve entries, with checkpoints of the fifth, the tenth and the last. */
beforeAll(async () => {
  world = await AuditWorld.open();
  file = world.newFile();
  const sealer = world.sealer({ batch: 5, checkpointEveryEntries: 5, checkpointsFile: file });
  for (let i = 0; i < 12; i++)
    await world.audit.record(aRead(i, { details: { z: i, a: ['ö', 1e21, '\u2028'] }, actor: { subject: `r "${i}"`, roles: ['a,b'] } }));
  await sealer.sealNow();
  await sealer.stop();
  ({ lines, proof } = await exported({}));
});
afterAll(async () => await world?.close());

async function exported(asked: RangeAsked): Promise<{ lines: string[]; proof: AuditProof }> {
  const range = await auditRange(world.database, asked);
  const all: string[] = [];
  for await (const line of exportAudit(world.database, range)) all.push(line.trimEnd());
  return { lines: all, proof: parseProof(JSON.stringify(await auditProof(world.database, [world.key], range))) };
}

async function* each(items: readonly string[]): AsyncGenerator<string> {
  yield* items;
}

const verify = async (changed: readonly string[], more: Partial<Parameters<typeof verifyExport>[0]> = { proof }): Promise<ExportVerification> =>
  verifyExport({ lines: each(changed), ...more });
const edited = (i: number, change: Record<string, unknown>) => lines.with(i, JSON.stringify({ ...(JSON.parse(lines[i] ?? '') as object), ...change }));

test('an export is proven without the database: all of it is signed', async () => {
  const key = verifyingKey(world.key.publicKey.export({ format: 'pem', type: 'spki' }).toString());
  expect(await verify(lines)).toMatchObject({ valid: true, entries: 12, from: '1', to: '12', checkpoints: 3, signedTo: '12', trustedKey: false });
  expect(await verify(lines, { proof, keys: [key] })).toMatchObject({ valid: true, keyIds: [world.key.keyId], trustedKey: true });
  // Whatever tool wrote the lines anew: what counts is what they say.
  const rewritten = lines.map((line) => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(line) as object).toReversed())));
  expect(await verify(rewritten)).toMatchObject({ valid: true, entries: 12 });
  // Without a proof the chain alone is proven, and checkpoints that were kept elsewhere count as well.
  expect(await verify(lines, {})).toMatchObject({ valid: true, checkpoints: 0, signedTo: null });
  expect(await verify(lines, { checkpointsFile: file, keys: [key] })).toMatchObject({ valid: true, checkpoints: 3, signedTo: '12' });
});

test('a part of the record is proven in its place', async () => {
  const part = await exported({ from: 3n, to: 10n });
  expect(part.lines).toHaveLength(8);
  expect(await verify(part.lines, { proof: part.proof })).toMatchObject({ valid: true, from: '3', to: '10', checkpoints: 2, signedTo: '10' });
  const open = await exported({ from: 3n, to: 8n });
  expect(await verify(open.lines, { proof: open.proof })).toMatchObject({ valid: true, to: '8', signedTo: '5' });
  const none = await exported({ from: 13n });
  expect(none).toMatchObject({ lines: [], proof: { from: '13', to: '12', checkpoints: [{ seq: '12' }] } });
});

test('a time as the end goes on to the next checkpoint, so that all is signed', async () => {
  const [row] = await world.database.query<{ at: Date }>("SELECT at + interval '1 millisecond' AS at FROM headgate.audit_entry WHERE seq = 7");
  const range = await auditRange(world.database, { to: row?.at ?? new Date() });
  expect([5n, 10n, 12n]).toContain(range.to);
  expect(range.to).toBeGreaterThanOrEqual(7n);
  expect(await auditRange(world.database, { from: new Date(Date.now() + 60_000) })).toEqual({ from: 13n, to: 12n });
  expect(await auditRange(world.database, { from: new Date(0), to: new Date(0) })).toEqual({ from: 1n, to: 0n });
});

test.each<[string, () => readonly string[], Record<string, unknown>]>([
  ['a changed value', () => edited(3, { principal: 'eve' }), { kind: 'changed', seq: '4' }],
  ['a value that was added', () => edited(3, { note: 'x' }), { kind: 'changed', seq: '4' }],
  ['a changed hash', () => edited(3, { hash: '0'.repeat(64) }), { kind: 'changed', seq: '4' }],
  ['a removed line', () => lines.toSpliced(3, 1), { kind: 'removed', seq: '4' }],
  ['several removed lines', () => lines.toSpliced(3, 3), { kind: 'removed', seq: '4' }],
  ['the first lines removed', () => lines.slice(2), { kind: 'removed', seq: '1' }],
  ['a line that is there twice', () => lines.toSpliced(3, 0, lines[2] ?? ''), { kind: 'reordered', seq: '3' }],
  ['two lines that changed places', () => lines.with(3, lines[4] ?? '').with(4, lines[3] ?? ''), { kind: 'removed', seq: '4' }],
  ['a cut tail', () => lines.slice(0, 11), { kind: 'truncated', seq: '12' }],
  ['a tail cut behind a checkpoint', () => lines.slice(0, 7), { kind: 'truncated', seq: '8' }],
  ['no line at all', () => [], { kind: 'truncated', seq: '1' }],
  ['what is no entry', () => lines.with(3, 'x'), { kind: 'changed' }],
])('%s is named', async (_what, change, problem) => {
  const found = await verify(change());
  expect(found).toMatchObject({ valid: false, problem, signedTo: null });
});

test('a chain that was computed anew, and all its hashes with it, is found by the signatures', async () => {
  let prevHash = '0'.repeat(64);
  const forged = lines.map((line, i) => {
    const { prevHash: _before, hash: _hash, ...entry } = JSON.parse(line) as Record<string, unknown>;
    if (i === 6) entry['principal'] = 'eve';
    const hash = createHash('sha256')
      .update(`${prevHash}${JSON.stringify(sorted(entry))}`)
      .digest('hex');
    const text = JSON.stringify({ ...entry, prevHash, hash });
    prevHash = hash;
    return text;
  });
  expect(await verify(forged, {})).toMatchObject({ valid: true });
  expect((await verify(forged, { proof: { ...proof, hash: prevHash } })).problem).toMatchObject({ kind: 'checkpoint', seq: '10' });
  // Whoever makes a proof anew must sign with a key of their own, and that is not the one that you know.
  const own = generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }).toString();
  const keys = [{ keyId: world.key.keyId, publicKey: own }];
  expect((await verify(lines, { proof: { ...proof, keys } })).problem).toMatchObject({ kind: 'checkpoint', seq: '5' });
  expect((await verify(lines, { proof, keys: [verifyingKey(own)] })).problem).toMatchObject({ kind: 'checkpoint', seq: '5' });
});

test('a forged or changed checkpoint of the proof is named', async () => {
  const [first, ...rest] = proof.checkpoints;
  const changed = { ...proof, checkpoints: [{ ...(first as (typeof proof.checkpoints)[0]), at: '2020-01-01T00:00:00.000Z' }, ...rest] };
  expect((await verify(lines, { proof: changed })).problem).toMatchObject({ kind: 'checkpoint', seq: '5' });
});

test('the Parquet file has the columns, and what it takes to compute the chain', async () => {
  const pieces: Buffer[] = [];
  for await (const piece of auditParquet(world.database, {})) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  const rows = await parquetReadObjects({ file: new Uint8Array(bytes).buffer });
  expect(rows).toHaveLength(12);
  let prevHash = '0'.repeat(64);
  for (const [i, row] of rows.entries()) {
    const { principal, rowCount } = JSON.parse(lines[i] ?? '') as { principal: string; rowCount: string };
    const lists = { roles: ['a,b'], fields: ['id', 'country'], masked: ['email'] };
    expect(row).toMatchObject({ seq: BigInt(i + 1), principal, ...lists, rowCount: BigInt(rowCount), durationMs: 1.25 });
    expect(row['at']).toBeInstanceOf(Date);
    expect(row['prevHash']).toBe(prevHash);
    expect(row['hash']).toBe(
      createHash('sha256')
        .update(`${prevHash}${String(row['canonical'])}`)
        .digest('hex'),
    );
    prevHash = String(row['hash']);
  }
});

test('places and times are told apart, and all else is refused', () => {
  expect(parseBound('from', '12')).toBe(12n);
  expect(parseBound('from', '2026-01-31')).toEqual(new Date('2026-01-31T00:00:00Z'));
  expect(parseBound('from', '2026-01-31T08:00:00+01:00')).toEqual(new Date('2026-01-31T07:00:00Z'));
  for (const bad of ['', '-1', '1.5', 'yesterday', '2026-13-01', '2026-01-31T08:00', "1' OR true"]) {
    expect(() => parseBound('from', bad)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }));
  }
  expect(() => parseProof('{}')).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }));
  expect(() => verifyingKey('x')).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }));
});

test('a PEM file may have several keys', () => {
  const pems = [1, 2].map(() => generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }).toString());
  const ids = pems.map((pem) => verifyingKey(pem).keyId);
  expect(verifyingKeys(pems.join('')).map(({ keyId }) => keyId)).toEqual(ids);
  expect(verifyingKeys(`the old one:\n${pems.join('\nthe new one:\n')}\n`).map(({ keyId }) => keyId)).toEqual(ids);
  for (const bad of ['', 'x', `${pems.join('')}-----BEGIN PUBLIC KEY-----\n`, `${pems[0]}-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n`]) {
    expect(() => verifyingKeys(bad)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }));
  }
});

test('a checkpoints file that is not there is told', async () => {
  await writeFile(file, 'no checkpoint\n{}\n');
  await expect(verify(lines, { checkpointsFile: file, keys: [world.key] })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
});

test('across a change of the key both are needed, and the older one may not sign after the newer', async () => {
  const next = new KeyRing(Buffer.alloc(32, 8)).signingKey('audit');
  const sealer = world.sealer({ key: next });
  await world.audit.record(aRead(12));
  await sealer.sealNow();
  await sealer.stop();
  const both = await exported({});
  const check = async (keys: Parameters<typeof verifyExport>[0]['keys']) => verify(both.lines, { proof: both.proof, ...(keys && { keys }) });
  expect(await check([world.key, next])).toMatchObject({ valid: true, signedTo: '13', keyIds: [world.key.keyId, next.keyId], trustedKey: true });
  const [older, newer] = [world.key.keyId, next.keyId];
  expect((await check([world.key])).problem?.message).toMatch(new RegExp(`entry 13, .* the key ${newer}, and the key you gave is ${older}\\.$`));
  expect((await check([next])).problem?.message).toMatch(new RegExp(`entry 5, .* the key ${older}, and the key you gave is ${newer}\\.$`));
  expect((await check([next, world.key])).problem?.message).toMatch(
    new RegExp(`the key ${newer}, which had been replaced by ${older} before.*the oldest comes first`),
  );
  // This proof was made by one that knew the first key only.
  expect((await check(undefined)).problem?.message).toContain(`and the key of the proof is ${older}.`);
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}
