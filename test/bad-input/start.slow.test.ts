import { once } from 'node:events';
import { access, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HomeLock } from '../../src/store/index.js';
import { headgate, headgateHere, type Ended } from '../cli/support.js';
import { processesIn, until } from '../support/processes.js';
import { startOldServer } from './old-server.js';
import { expectPlain } from './refusal.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-start-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** One line with code and mending, no stack, nothing on standard output. */
function expectRefused({ code, stdout, stderr }: Ended, exit: number, says: RegExp): void {
  expectPlain(stderr);
  expect(stderr).toMatch(says);
  expect(stderr.trimEnd()).not.toContain('\n');
  expect({ code, stdout }).toEqual({ code: exit, stdout: '' });
}

/** No process works there, nobody holds it, and no command would look for a server there. */
async function expectFree(home: string): Promise<void> {
  await until(`nothing runs in ${home}`, () => processesIn(home).length === 0, 5_000);
  expect((await readdir(home)).filter((name) => /lock|server\.json|takeover/.test(name))).toEqual([]);
  expect(await readdir(join(home, 'spool')).catch(() => [])).toEqual([]);
}

async function busyPort(): Promise<{ port: number; close: () => void }> {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  return { port: (other.address() as AddressInfo).port, close: () => other.close() };
}

describe('a server that can not start says why, and leaves nothing running', () => {
  test('a port in use: its database is stopped again, and the home is free', async () => {
    const home = join(folder, 'port');
    const busy = await busyPort();
    const says = new RegExp(`^CONFLICT: Port ${busy.port} is in use on 127.0.0.1. Stop the program that has it, or choose another with --port or PORT`);
    expectRefused(await headgate(['serve', '--port', String(busy.port)], { env: { HEADGATE_HOME: home } }), 1, says);
    await expectFree(home);
    busy.close();
  });

  test('a home that another process holds stays its own', async () => {
    const home = join(folder, 'held');
    const lock = await HomeLock.acquire(home);
    const before = await readdir(home);
    const ended = await headgate(['serve', '--json'], { env: { HEADGATE_HOME: home, PORT: '0' } });
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 1, stdout: '' });
    expect(JSON.parse(ended.stderr)).toEqual({
      error: {
        code: 'CONFLICT',
        message: expect.stringMatching(/is in use by process \d+\. Stop that one, or set HEADGATE_HOME to another folder/) as string,
        details: { home, pid: process.pid },
      },
    });
    expect(await HomeLock.holder(home)).toBe(process.pid);
    expect((await readdir(home)).filter((name) => !before.includes(name) && name !== 'master.key')).toEqual([]);
    expect(processesIn(home)).toEqual([]);
    await lock.release();
  });

  test('a home that is a file', async () => {
    const home = join(folder, 'file');
    await writeFile(home, '');
    expectRefused(
      await headgateHere(['serve'], { env: { HEADGATE_HOME: home } }),
      1,
      /^UNAVAILABLE: The data directory .* can't be used.*Set HEADGATE_HOME to a folder/,
    );
  });

  test('a home with half of a database', async () => {
    const home = join(folder, 'half');
    await mkdir(join(home, 'postgres/pgdata/base'), { recursive: true });
    expectRefused(await headgateHere(['serve'], { env: { HEADGATE_HOME: home } }), 1, /^UNAVAILABLE: .*no PG_VERSION/);
    await expectFree(home);
    expect(await readdir(join(home, 'postgres/pgdata'))).toEqual(['base']);
  });

  test('a home with a key that is none', async () => {
    const home = join(folder, 'key');
    await mkdir(home);
    await writeFile(join(home, 'master.key'), 'short');
    expectRefused(await headgateHere(['serve'], { env: { HEADGATE_HOME: home } }), 1, /^UNAVAILABLE: .*master\.key/);
    await expectFree(home);
  });

  test('a database that is too old', async () => {
    const home = join(folder, 'old');
    const { url, server } = await startOldServer();
    const ended = await headgateHere(['serve'], { env: { HEADGATE_HOME: home, DATABASE_URL: url } });
    expectRefused(ended, 1, /^UNAVAILABLE: The database is PostgreSQL 16; Headgate needs 17 or later\. Upgrade it, or unset DATABASE_URL/);
    await expectFree(home);
    server.close();
  });

  test.each<[what: string, env: NodeJS.ProcessEnv, says: RegExp]>([
    [
      'a database that does not answer',
      { DATABASE_URL: 'postgres://me:s3cret@127.0.0.1:1/x' },
      /^UNAVAILABLE: The database that DATABASE_URL names can't be reached/,
    ],
    ['a database of a host that there is not', { DATABASE_URL: 'postgres://me:s3cret@nowhere.invalid/x' }, /^UNAVAILABLE: The database .* can't be reached/],
    [
      'a database that is none of ours',
      { DATABASE_URL: 'mysql://me:s3cret@127.0.0.1/x' },
      /^BAD_USER_INPUT: .*DATABASE_URL: expected a URL that begins with postgres/,
    ],
    ['a port that is no number', { PORT: 'http' }, /^BAD_USER_INPUT: .*PORT: expected a whole number from 0 to 65535, got "http"/],
    ['two settings at once', { PORT: '99999', LOG_LEVEL: 'loud' }, /PORT: expected.*LOG_LEVEL: expected one of fatal/],
    ['a role that there is not', { HEADGATE_ROLES: 'boss' }, /^BAD_USER_INPUT: HEADGATE_ROLES: expected gateway, worker/],
    ['a key that is too short', { HEADGATE_MASTER_KEY: 's3cret' }, /^BAD_USER_INPUT: HEADGATE_MASTER_KEY: expected 32 bytes in base64/],
    ['a third of an identity provider', { HEADGATE_JWKS_URL: 'https://idp.example/jwks' }, /^BAD_USER_INPUT: HEADGATE_JWKS_URL, .* go together: set all three/],
    ['half of a certificate', { HEADGATE_TLS_CERT: 'x.pem' }, /^BAD_USER_INPUT: HEADGATE_TLS_CERT and HEADGATE_TLS_KEY go together/],
  ])('%s', async (what, env, says) => {
    const home = join(folder, what.replaceAll(' ', '-'));
    const ended = await headgateHere(['serve'], { env: { HEADGATE_HOME: home, ...env } });
    expectRefused(ended, 1, says);
    expect(ended.stderr).not.toContain('s3cret');
    if (
      await access(home).then(
        () => true,
        () => false,
      )
    )
      await expectFree(home);
  });
});

describe('a command that starts the store for itself leaves it as it found it', () => {
  test('refused data, an unknown dataset, a bad manifest, a bad certificate', async () => {
    const home = join(folder, 'own');
    const env = { HEADGATE_HOME: home, LOG_LEVEL: 'silent' };
    const file = async (name: string, content: string) => {
      await writeFile(join(folder, name), content);
      return join(folder, name);
    };
    const good = await file('good.yaml', 'kind: Dataset\nname: orders\nfields: [{ name: id, type: bigint }]\n');
    expect(await headgateHere(['apply', good], { env })).toMatchObject({ code: 0, stderr: '' });
    await expectFree(home);

    const ragged = await file('ragged.csv', 'id\n1\n2,3\n');
    expectRefused(await headgate(['ingest', 'orders', ragged], { env }), 3, /^DATA_REJECTED: .*ragged\.csv:3: The line has 2 fields; the header has 1/);
    await expectFree(home);

    const bad = await file('bad.yaml', 'kind: Dataset\nname: orders\nfileds: []\n');
    const cert = await file('cert.pem', 'no certificate');
    const tls = { HEADGATE_TLS_CERT: cert, HEADGATE_TLS_KEY: cert, PORT: '0' };
    for (const [args, more, says] of [
      [['apply', bad], {}, /^BAD_USER_INPUT: .*bad\.yaml:3:1: Dataset orders, fileds: unknown key "fileds"\. Did you mean "fields"\?/],
      [['ingest', 'ordrs', ragged], {}, /^NOT_FOUND: There is no dataset "ordrs"/],
      [['serve'], tls, /^BAD_USER_INPUT: .*HEADGATE_TLS_CERT/],
      [['serve', '--host', '192.0.2.1'], { PORT: '0' }, /^BAD_USER_INPUT: 192\.0\.2\.1 is not an address of this machine/],
    ] as const) {
      const { code, stdout, stderr } = await headgateHere(args, { env: { ...env, ...more } });
      expectPlain(stderr);
      expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(says) as string });
      await expectFree(home);
    }
    expect((await headgateHere(['export'], { env })).stdout).toContain('name: orders');
  });
});
