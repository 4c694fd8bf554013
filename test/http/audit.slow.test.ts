import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { subjectReference } from '../../src/vault/index.js';
import { headgateHere as headgate } from '../cli/support.js';
import { Listener } from '../support/live.js';
import { until } from '../support/processes.js';
import { Served } from '../support/served.js';

let served: Served;
let folder: string;
let admin: string;
let auditor: string;
const listeners: Listener[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-audit-files-'));
  served = await Served.start();
  [admin, auditor] = [await served.token('ada', ['admin']), await served.token('ann', ['auditor'])];
  for (let i = 0; i < 5; i++) await served.ask(admin, '{ grants { name } }');
});
afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
});
afterAll(async () => {
  await served?.close();
  await rm(folder, { recursive: true, force: true });
});

const get = async (path: string, token = auditor) => fetch(`${served.url}${path}`, { headers: { authorization: `Bearer ${token}` } });

test('an export to a file comes with its proof, which holds without the server, and does not when a line was changed', async () => {
  const out = join(folder, 'audit.ndjson');
  const at = ['--url', served.url, '--token', auditor];
  const exported = await headgate(['audit', 'export', '--out', out, ...at]);
  expect(exported).toMatchObject({ code: 0, stderr: '' });
  const proof = JSON.parse(await readFile(`${out}.proof.json`, 'utf8')) as { keys: { publicKey: string }[]; to: string };
  const key = join(folder, 'audit.pem');
  await writeFile(key, proof.keys[0]?.publicKey ?? '');

  const verified = await headgate(['audit', 'verify', '--file', out, '--proof', `${out}.proof.json`, '--key', key]);
  expect(verified.stderr).toBe('');
  expect(verified.stdout).toMatch(new RegExp(`^${proof.to} entries \\(1 to ${proof.to}\\) and \\d+ checkpoints are good`));
  expect(verified.stdout).toMatch(new RegExp(`Proven: the entries up to ${proof.to} are those that were sealed when key [0-9a-f]{16} signed them`));
  expect((await headgate(['audit', 'verify', '--file', out])).stdout).toContain('Not proven: who computed them');

  const text = await readFile(out, 'utf8');
  await writeFile(out, text.replace('"principal":"ada"', '"principal":"eve"'));
  const changed = await headgate(['audit', 'verify', '--file', out, '--proof', `${out}.proof.json`]);
  expect(changed.code).toBe(3);
  expect(changed.stderr).toMatch(/^DATA_REJECTED: The entry [0-9a-f-]{36} \(number \d+\) was changed/);
  expect((await headgate(['audit', 'verify', '--file', join(folder, 'none')])).stderr).toMatch(/^BAD_USER_INPUT: The export .* can't be read/);
});

test('an export across a rotation is proven by the keys of before and after, in one file or in two', async () => {
  const at = ['--url', served.url, '--token', admin];
  const out = join(folder, 'across.ndjson');
  // Signs what there is with the key of before.
  expect(await headgate(['audit', 'export', '--out', out, ...at])).toMatchObject({ code: 0 });
  expect(await headgate(['keys', 'rotate', ...at])).toMatchObject({ code: 0, stderr: '' });
  // An end that is still to come is none: all is signed first.
  expect(await headgate(['audit', 'export', '--to', '2999-01-01', '--out', out, ...at])).toMatchObject({ code: 0, stderr: '' });
  const proof = JSON.parse(await readFile(`${out}.proof.json`, 'utf8')) as {
    keys: { keyId: string; publicKey: string }[];
    checkpoints: { seq: string; keyId: string }[];
    to: string;
  };
  const [older, newer] = proof.keys;
  expect(proof.keys).toHaveLength(2);
  expect(proof.checkpoints.at(-1)).toMatchObject({ seq: proof.to, keyId: newer?.keyId });
  const [oldFile, newFile, bothFile] = ['old.pem', 'new.pem', 'both.pem'].map((name) => join(folder, name)) as [string, string, string];
  await writeFile(oldFile, older?.publicKey ?? '');
  await writeFile(newFile, newer?.publicKey ?? '');
  await writeFile(bothFile, proof.keys.map(({ publicKey }) => publicKey).join('\n'));

  const verify = async (...keys: string[]) =>
    headgate(['audit', 'verify', '--file', out, '--proof', `${out}.proof.json`, ...keys.flatMap((key) => ['--key', key])]);
  for (const keys of [[bothFile], [oldFile, newFile], [oldFile, bothFile]]) {
    const { code, stdout, stderr } = await verify(...keys);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`up to ${proof.to} are .* when keys ${older?.keyId}, ${newer?.keyId} signed them at .*, which you gave\\.`));
  }
  for (const [file, own, other] of [
    [oldFile, older, newer],
    [newFile, newer, older],
  ] as const) {
    expect(await verify(file)).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(new RegExp(`^DATA_REJECTED: .* signed with the key ${other?.keyId}, and the key you gave is ${own?.keyId}\\.`)),
    });
  }
  const stranger = generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }).toString();
  await writeFile(newFile, stranger);
  expect(await verify(oldFile, newFile)).toMatchObject({ code: 3, stderr: expect.stringContaining('the keys you gave are ') });
});

test('checkpoints without a key are wrong usage, and where there are no entries nothing is to be proven', async () => {
  const at = ['--url', served.url, '--token', admin];
  const out = join(folder, 'none.ndjson');
  expect(await headgate(['audit', 'export', '--from', '2999-01-01', '--out', out, ...at])).toMatchObject({ code: 0, stderr: '' });
  const proofFile = `${out}.proof.json`;
  const proof = JSON.parse(await readFile(proofFile, 'utf8')) as { keys: { publicKey: string }[] };
  const key = join(folder, 'none.pem');
  await writeFile(key, proof.keys.map(({ publicKey }) => publicKey).join(''));
  const empty = await headgate(['audit', 'verify', '--file', out, '--proof', proofFile, '--key', key]);
  expect(empty).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('There are no entries in this range, so there is nothing to prove.') });
  expect(empty.stdout).not.toContain('Give --proof');

  const part = join(folder, 'part.ndjson');
  expect(await headgate(['audit', 'export', '--to', '2', '--out', part, ...at])).toMatchObject({ code: 0 });
  const unsigned = await headgate(['audit', 'verify', '--file', part, '--proof', `${part}.proof.json`, '--key', key]);
  expect(unsigned).toMatchObject({ code: 0, stdout: expect.stringContaining('What you gave has no checkpoint of these entries.') });

  const checkpoints = join(served.home, 'audit-checkpoints.ndjson');
  expect(await headgate(['audit', 'verify', '--file', part, '--checkpoints', checkpoints])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^BAD_USER_INPUT: --checkpoints with --file needs the key that signed them: give --key, or --proof\./),
  });
});

test('start and end of an export are entries, with its number of entries and bytes; its proof is one too', async () => {
  const response = await get('/audit/export?format=parquet&from=1&to=3');
  expect(response.headers.get('content-type')).toBe('application/vnd.apache.parquet');
  const bytes = (await response.arrayBuffer()).byteLength;
  expect((await get('/audit/proof?from=1&to=3')).status).toBe(200);
  await until('its end is on the record', async () =>
    (await acts('audit.export')).some(({ details }) => details.state === 'finished' && details.bytes === bytes),
  );
  const [end, start] = (await acts('audit.export')).filter(({ details }) => details.format === 'parquet');
  expect(end).toMatchObject({ principal: 'ann', decision: 'ALLOWED', row_count: '3', details: { export: start?.details.export, from: '1', to: '3', bytes } });
  expect(start).toMatchObject({ details: { state: 'started' } });
  expect(await acts('audit.proof')).toContainEqual(expect.objectContaining({ principal: 'ann', details: { from: '1', to: '3' } }));
});

test('what is asked wrongly is refused, and what is not allowed is on the record', async () => {
  for (const path of ['/audit/export?format=xml', '/audit/export?from=x', '/audit/proof?until=3', '/audit/export?from=1&from=2']) {
    expect((await get(path)).status, path).toBe(400);
  }
  const nobody = await served.token('eve', ['engineer', 'steward']);
  for (const path of ['/audit/export', '/audit/proof']) expect((await get(path, nobody)).status).toBe(403);
  expect((await acts('audit.proof')).some(({ principal, decision }) => principal === 'eve' && decision === 'DENIED')).toBe(true);
});

interface Act {
  readonly principal: string;
  readonly decision: string;
  readonly row_count: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

async function acts(action: string): Promise<Act[]> {
  return (await served.sql(
    `SELECT principal, decision, row_count, details FROM headgate.audit_record WHERE action = '${action}' ORDER BY at DESC, id DESC`,
  )) as Act[];
}

test('entries are found by the person whom they were about, under a name that nobody else can compute', async () => {
  const reference = subjectReference(served.app.keyRing, 'customer-7');
  expect(reference).not.toBe(createHash('sha256').update('customer-7').digest('hex'));
  const entry = { id: '01900000-0000-7000-8000-000000000001', at: new Date().toISOString(), principal: 'stu', roles: [], purpose: null, action: 'consent' };
  const rest = { dataset: null, fields: [], masked: [], decision: 'ALLOWED', row_count: null, operation_hash: null, duration_ms: null };
  await served.sql(
    `INSERT INTO headgate.audit_pending VALUES (gen_random_uuid(), 1, '${JSON.stringify([{ ...entry, ...rest, details: { subject: reference } }])}')`,
  );
  const find = async (subject: string) =>
    (
      await served.ask<{ auditEntries: { nodes: { id: string }[] } }>(
        auditor,
        'query ($s: String!) { auditEntries(where: { subject: $s }) { nodes { id } } }',
        { s: subject },
      )
    ).data.auditEntries.nodes;
  expect(await find('customer-7')).toEqual([{ id: entry.id }]);
  expect(await find('customer-8')).toEqual([]);
  expect(await find(reference)).toEqual([]);
  const [look] = await acts('auditEntries');
  expect(look).toMatchObject({ principal: 'ann', details: { by: ['subject'] } });
});

const FOLLOW = { query: 'subscription { auditAppended { seq id principal action hash prevHash } }' };

async function follow(token: string): Promise<Listener> {
  const before = (await acts('subscribe')).length;
  const listener = new Listener(served.url, { authorization: `Bearer ${token}` }, FOLLOW);
  listeners.push(listener);
  await until('it is on the record', async () => (await acts('subscribe')).length > before);
  return listener;
}

interface Told {
  readonly seq: string;
  readonly hash: string;
  readonly prevHash: string;
  readonly principal: string;
}

test('who follows the record is told each entry once, in the order of the chain', { timeout: 60_000 }, async () => {
  const listener = await follow(auditor);
  const many = await served.token('many', ['steward']);
  await Promise.all(Array.from({ length: 250 }, () => served.ask(many, '{ grants { name } }')));
  const told = () => listener.results.map(({ data }) => (data as { auditAppended: Told }).auditAppended);
  await until('all were told', () => told().filter(({ principal }) => principal === 'many').length >= 250, 30_000);
  const entries = told();
  for (const [i, { seq, prevHash }] of entries.slice(1).entries()) {
    expect(BigInt(seq)).toBe(BigInt(entries[i]?.seq ?? 0) + 1n);
    expect(prevHash).toBe(entries[i]?.hash);
  }
  expect(entries.filter(({ principal }) => principal === 'many')).toHaveLength(250);
});

test('who may not follow it is refused, and that is on the record; it ends within two seconds when the credential is revoked', async () => {
  const steward = await follow(await served.token('stu', ['steward']));
  expect((await steward.end()).errors[0]?.extensions.code).toBe('FORBIDDEN');
  expect(steward.results).toEqual([]);
  expect((await acts('subscribe'))[0]).toMatchObject({ principal: 'stu', decision: 'DENIED' });

  const { data } = await served.ask<{ createApiKey: { secret: string; apiKey: { id: string } } }>(
    admin,
    'mutation { createApiKey(input: { name: "follower", subject: "fay", roles: ["auditor"] }) { secret apiKey { id } } }',
  );
  const listener = new Listener(served.url, { apiKey: data.createApiKey.secret }, FOLLOW);
  listeners.push(listener);
  await until('it is told', () => listener.results.length > 0);
  const began = performance.now();
  await served.ask(admin, 'mutation ($id: ID!) { revokeApiKey(id: $id) { id } }', { id: data.createApiKey.apiKey.id });
  await listener.end(5_000);
  expect(performance.now() - began).toBeLessThan(2_500);
  const count = listener.results.length;
  await served.ask(admin, '{ grants { name } }');
  expect(listener.results.length).toBe(count);
});
