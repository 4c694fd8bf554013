import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.js';
import { Served } from '../support/served.js';
import { headgateHere } from './support.js';

interface Key {
  readonly id: string;
  readonly state: string;
}

let served: Served;
let folder: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-keys-cli-'));
  served = await Served.start();
  env = { HEADGATE_HOME: served.home };
  await writeFile(join(served.home, 'server.json'), JSON.stringify({ url: served.url, pid: process.pid }));
});

afterAll(async () => {
  await served.close();
  await rm(folder, { recursive: true, force: true });
});

async function ok(args: readonly string[], environment = env): Promise<string> {
  const { code, stdout, stderr } = await headgateHere(args, { env: environment });
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}

test('each command has help with an example, and wrong usage is told', async () => {
  for (const command of ['rotate', 'list', 'retire']) expect(await ok(['keys', command, '--help'])).toMatch(/Examples?:\n {2}headgate keys /);
  expect(await headgateHere(['keys', 'retire'], { env })).toMatchObject({ code: 2, stderr: expect.stringContaining("missing required argument 'id'") });
  expect(await headgateHere(['keys', 'turn'], { env })).toMatchObject({ code: 2 });
  expect(await headgateHere(['keys', 'list'], { env: { HEADGATE_HOME: join(folder, 'nowhere') } })).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^NOT_FOUND/),
  });
});

test('against a running server: list, rotate, retire; for people and for machines', async () => {
  const [first] = JSON.parse(await ok(['keys', 'list', '--json'])) as Key[];
  expect(first).toMatchObject({ state: 'ACTIVE', held: true, dependents: [{ name: 'keys of references', count: 1 }] });
  expect(await ok(['keys', 'rotate'])).toMatch(
    new RegExp(
      `^The master key [0-9a-f]{16} is active in every process\\.( 1 keys of references are being wrapped with it\\.)?\\nTokens signed with ${first?.id} stay good`,
    ),
  );
  // What the old key wrapped is wrapped anew meanwhile.
  await expect
    .poll(() => ok(['keys', 'list']))
    .toMatch(
      new RegExp(`^ID +STATE +ACTIVE SINCE +UNTIL +HELD +WRAPS\\n${first?.id} +replaced .* yes +-\\n[0-9a-f]{16} +active .* yes +.*keys of references.*\\n$`),
    );
  const refused = await headgateHere(['keys', 'retire', first?.id ?? '', '--json'], { env });
  expect(refused.code).toBe(1);
  expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: 'CONFLICT', details: { key: first?.id } } });
  await served.sql("UPDATE headgate.master_key SET replaced_at = replaced_at - interval '1 hour' WHERE replaced_at IS NOT NULL");
  expect(await ok(['keys', 'retire', first?.id ?? ''])).toBe(`The master key ${first?.id} is retired: tokens that it signed are refused from now on.\n`);
  expect((await readFile(join(served.home, 'master.key'), 'utf8')).trim().split('\n')).toHaveLength(1);
  // The command's own tokens are signed by the key that is active now.
  expect((JSON.parse(await ok(['keys', 'list', '--json'])) as Key[]).map(({ state }) => state)).toEqual(['RETIRED', 'ACTIVE']);
  const steward = await served.token('stella', ['steward']);
  expect(await headgateHere(['keys', 'rotate', '--token', steward], { env })).toMatchObject({ code: 1, stderr: expect.stringMatching(/^FORBIDDEN: /) });
});

test('without a server the store is opened for the moment, and what is missing in the environment is told', async () => {
  const { connection, drop } = await createTestDatabase();
  try {
    const { user, password, host, port, database } = connection;
    const [old, next] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];
    const own = {
      HEADGATE_HOME: join(folder, 'own'),
      DATABASE_URL: `postgres://${user}:${encodeURIComponent(password)}@/${database}?host=${encodeURIComponent(host)}&port=${port}`,
      HEADGATE_MASTER_KEY: old,
      LOG_LEVEL: 'silent',
    };
    expect(await headgateHere(['keys', 'rotate'], { env: own })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^CONFLICT: There is no new master key.*openssl/),
    });
    const both = { ...own, HEADGATE_MASTER_KEY: `${old},${next}` };
    const { from, to } = JSON.parse(await ok(['keys', 'rotate', '--json'], both)) as { from: Key; to: Key };
    expect([from.state, to.state]).toEqual(['REPLACED', 'ACTIVE']);
    // Who brings a token has its rights, and no more for being on this machine.
    const bob = (await ok(['token', 'create', '--sub', 'bob', '--roles', 'reader'], both)).trim();
    expect(await headgateHere(['--token', bob, 'keys', 'list'], { env: both })).toMatchObject({ code: 1, stderr: expect.stringMatching(/^FORBIDDEN/) });
    expect(await headgateHere(['keys', 'list'], { env: own })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(new RegExp(`^UNAVAILABLE: The active master key of this installation is ${to.id}`)),
    });
    expect(await ok(['audit', 'verify'], { ...own, HEADGATE_MASTER_KEY: next })).toMatch(/are good/);
  } finally {
    await drop();
  }
});
